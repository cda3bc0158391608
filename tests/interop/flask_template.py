"""A Flask app of the template's shape, written for the move: flask-smorest, Flask-JWT-Extended, SQLAlchemy, passlib.

    JWT_SECRET_KEY=… python flask_template.py users.db

Prints its address; serves until it is ended. Its blocklist is in its memory, as the template's is.
"""

import os
import pathlib
import sys

import marshmallow
import sqlalchemy.exc
import werkzeug.serving
from flask import Flask
from flask.views import MethodView
from flask_jwt_extended import JWTManager, create_access_token, get_jwt, jwt_required
from flask_smorest import Api, Blueprint, abort
from flask_sqlalchemy import SQLAlchemy
from passlib.hash import pbkdf2_sha256

db = SQLAlchemy()
blocklist = set()
users = Blueprint("Users", __name__, description="Register, log in, log out")


class UserModel(db.Model):
    __tablename__ = "users"
    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(80), unique=True, nullable=False)
    password = db.Column(db.String(256), nullable=False)


class UserSchema(marshmallow.Schema):
    id = marshmallow.fields.Int(dump_only=True)
    username = marshmallow.fields.Str(required=True)
    password = marshmallow.fields.Str(required=True, load_only=True)


@users.route("/register")
class Register(MethodView):
    @users.arguments(UserSchema)
    def post(self, body):
        db.session.add(UserModel(username=body["username"], password=pbkdf2_sha256.hash(body["password"])))
        try:
            db.session.commit()
        except sqlalchemy.exc.IntegrityError:
            abort(409, message="Username already exist")
        return {"message": "User has been created successfully"}, 201


@users.route("/login")
class Login(MethodView):
    @users.arguments(UserSchema)
    def post(self, body):
        user = UserModel.query.filter_by(username=body["username"]).first()
        if user is None or not pbkdf2_sha256.verify(body["password"], user.password):
            abort(401, message="Invalid credentials")
        return {"access_token": create_access_token(identity=str(user.id))}


@users.route("/logout")
class Logout(MethodView):
    @jwt_required()
    def post(self):
        blocklist.add(get_jwt()["jti"])
        return {"message": "User Logged out successfully"}


@users.route("/user/<int:id>")
class User(MethodView):
    @users.response(200, UserSchema)
    def get(self, id):
        return db.get_or_404(UserModel, id)

    def delete(self, id):
        db.session.delete(db.get_or_404(UserModel, id))
        db.session.commit()
        return {"message": "User has been deleted successfully"}


@users.route("/test")
class Test(MethodView):
    @jwt_required()
    def get(self):
        return {"message": "Auth Checked"}


def make_app(database):
    app = Flask(__name__)
    app.config.update(
        API_TITLE="Users", API_VERSION="v1", OPENAPI_VERSION="3.0.3", JWT_SECRET_KEY=os.environ["JWT_SECRET_KEY"],
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{pathlib.Path(database).absolute()}")
    db.init_app(app)
    jwt = JWTManager(app)
    jwt.token_in_blocklist_loader(lambda header, claims: claims["jti"] in blocklist)
    jwt.revoked_token_loader(lambda header, claims: ({"description": "The token has been revoked.", "error": "token_revoked"}, 401))
    Api(app).register_blueprint(users)
    with app.app_context():
        db.create_all()
    return app


if __name__ == "__main__":
    server = werkzeug.serving.make_server("127.0.0.1", 0, make_app(sys.argv[1]))
    print(f"http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()

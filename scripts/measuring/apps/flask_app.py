"""The Flask app of the template's shape (tests/interop/flask_template.py), for gunicorn, with a route that says who asks."""

from flask_jwt_extended import get_jwt_identity, jwt_required

from flask_template import UserModel, db, make_app

app = make_app("users.db")


@app.get("/me")
@jwt_required()
def me():
    user = db.get_or_404(UserModel, int(get_jwt_identity()))
    return {"id": user.id, "username": user.username}

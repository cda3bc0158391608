"""A real Flask app with Flask-JWT-Extended and the same JWT_SECRET_KEY, both ways."""

import base64
import datetime
import json
import time
import unittest
import unittest.mock
import uuid

import flask
import flask_jwt_extended as fje
import jwt

from doorward import PASSWORD, Doorward

SECRET = "the secret of an app, thirty-two bytes or more"


def make_app():
    app = flask.Flask(__name__)
    app.config["JWT_SECRET_KEY"] = SECRET
    fje.JWTManager(app)

    @app.get("/test")
    @fje.jwt_required()
    def test():
        return {"sub": fje.get_jwt_identity(), "username": fje.get_jwt().get("username")}

    @app.get("/fresh")
    @fje.jwt_required(fresh=True)
    def fresh():
        return {"sub": fje.get_jwt_identity()}

    @app.get("/refresh")
    @fje.jwt_required(refresh=True)
    def refresh():
        return {"sub": fje.get_jwt_identity()}

    return app


class Behind(datetime.datetime):
    """A clock three seconds behind."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) - datetime.timedelta(seconds=3)


class FlaskTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.app = make_app()
        cls.server = cls.enterClassContext(Doorward(JWT_SECRET_KEY=SECRET))
        cls.server.ask("POST", "/register", body={"username": "arun", "password": PASSWORD})

    def theirs(self, token, path="/test"):
        answer = self.app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.json

    def ours(self, token, method="GET", path="/test"):
        status, body = self.server.ask(method, path, f"Bearer {token}")
        return status, body.get("error", body.get("message"))

    def flask_token(self, sub="2", **options):
        with self.app.app_context():
            return fje.create_access_token(sub, **options)

    def claims(self, **changes):
        now = int(time.time())
        claims = {"fresh": False, "iat": now, "jti": str(uuid.uuid4()), "type": "access", "sub": "2", "nbf": now, "exp": now + 900}
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not ...}

    def signed(self, header=None, secret=SECRET, **changes):
        """A token with any header and claims at all, properly signed with `secret`."""
        part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
        message = part({"alg": "HS256", "typ": "JWT", **(header or {})}) + b"." + part(self.claims(**changes))
        mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(message, secret.encode())
        return (message + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()

    def test_the_app_accepts_our_access_tokens_and_refuses_our_refresh_tokens(self):
        pair = self.server.login("arun")
        self.assertEqual(self.theirs(pair["access_token"]), (200, {"sub": "2", "username": "arun"}))
        self.assertEqual(self.theirs(pair["access_token"], "/fresh")[0], 200)
        _, refreshed = self.server.ask("POST", "/refresh", f"Bearer {pair['refresh_token']}")
        self.assertEqual(self.theirs(refreshed["access_token"])[0], 200)
        self.assertEqual(self.theirs(refreshed["access_token"], "/fresh"), (401, {"msg": "Fresh token required"}))
        for path in ("/test", "/refresh"):
            self.assertEqual(self.theirs(pair["refresh_token"], path), (422, {"msg": "Signature verification failed"}))
        self.assertEqual(self.theirs(pair["access_token"], "/refresh"), (422, {"msg": "Only refresh tokens are allowed"}))

    def test_our_server_accepts_the_apps_access_tokens_fresh_and_not(self):
        for fresh in (True, False, datetime.timedelta(minutes=5)):
            token = self.flask_token(fresh=fresh)
            self.assertEqual(self.ours(token), (200, "Auth Checked"))
            self.assertEqual(self.server.ask("GET", "/me", f"Bearer {token}")[1]["username"], "arun")
        extra = self.flask_token(additional_claims={"team": "blue"})
        self.assertEqual(self.ours(extra), (200, "Auth Checked"))

    def test_only_a_fresh_token_of_the_app_may_delete_its_user(self):
        self.server.ask("POST", "/register", body={"username": "gone", "password": PASSWORD})
        sub = str(self.server.ask("GET", "/me", f"Bearer {self.server.login('gone')['access_token']}")[1]["id"])
        stale = self.flask_token(sub, fresh=False)
        self.assertEqual(self.ours(stale, "DELETE", f"/user/{sub}"), (401, "fresh_token_required"))
        self.assertEqual(self.ours(self.flask_token(sub, fresh=True), "DELETE", f"/user/{sub}")[0], 200)
        self.assertEqual(self.ours(stale), (401, "token_revoked"))

    def test_a_token_of_the_app_is_refused_here_after_its_logout(self):
        token, other = self.flask_token(), self.flask_token()
        self.assertEqual(self.ours(token, "POST", "/logout"), (200, "User Logged out successfully"))
        self.assertEqual(self.ours(token), (401, "token_revoked"))
        self.assertEqual(self.ours(other), (200, "Auth Checked"))

    def test_what_the_app_refuses_has_our_documented_answer(self):
        now = int(time.time())
        part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
        with self.app.app_context():
            refresh = fje.create_refresh_token("2")
        unsigned = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(self.claims())}."
        rows = [
            # what, token, their status and text, our word
            ("expired", self.signed(iat=now - 60, nbf=now - 60, exp=now - 1), 401, "Token has expired", "token_expired"),
            ("a refresh token", refresh, 422, "Only non-refresh tokens are allowed", "invalid_token"),
            ("another secret", self.signed(secret="x" * 32), 422, "Signature verification failed", "invalid_token"),
            ("no signature", unsigned, 422, "The specified alg value is not allowed", "invalid_token"),
            ("another algorithm", self.signed({"alg": "HS384"}), 422, "The specified alg value is not allowed", "invalid_token"),
            ("one segment", "nonsense", 422, "Not enough segments", "invalid_token"),
            ("issued in the future", self.signed(iat=now + 60), 422, "The token is not yet valid (iat)", "invalid_token"),
            ("valid in the future", self.signed(nbf=now + 60), 422, "The token is not yet valid (nbf)", "invalid_token"),
            ("a number as subject", self.signed(sub=2), 422, "Subject must be a string", "invalid_token"),
            ("no subject", self.signed(sub=...), 422, "Missing claim: sub", "invalid_token"),
            ("a number as jti", self.signed(jti=7), 422, "JWT ID must be a string", "invalid_token"),
            ("a number as kid", self.signed({"kid": 7}), 422, "Key ID header parameter must be a string", "invalid_token"),
            ("a critical extension", self.signed({"crit": ["x"], "x": 1}), 422, None, "invalid_token"),
        ]
        for what, token, status, text, word in rows:
            with self.subTest(what):
                their_status, their_body = self.theirs(token)
                self.assertEqual((their_status, text or their_body["msg"]), (status, their_body["msg"]))
                self.assertEqual(self.ours(token), (401, word))
        # The app takes any audience unless told to look; a token for another audience is not for us (RFC 7519 §4.1.3).
        self.assertEqual(self.ours(self.signed(aud="shop")), (401, "invalid_token"))
        # The app looks up no users; we do.
        self.assertEqual(self.ours(self.signed(sub="999")), (401, "token_revoked"))
        # The app checks no issuer unless told to; a token that names another than ours is not for us.
        self.assertEqual(self.ours(self.signed(iss="another")), (401, "invalid_token"))
        self.assertEqual(self.ours(self.signed(iss="doorward")), (200, "Auth Checked"))

    def test_a_header_that_holds_no_token_has_our_documented_answer(self):
        token = self.flask_token()
        for value, word in [
            (None, "authorization_required"),
            ("Basic YTpi", "authorization_required"),
            (token, "authorization_required"),
            ("Bearer", "invalid_token"),
            (f"Bearer {token} more", "invalid_token"),
        ]:
            with self.subTest(value):
                status, body = self.server.ask("GET", "/test", value)
                self.assertEqual((status, body["error"]), (401, word))
        self.assertEqual(self.server.ask("GET", "/test", f"bearer {token}")[0], 200)
        self.assertEqual(self.ours(token, "POST", "/refresh"), (401, "invalid_token"))

    def test_a_token_that_lacks_what_the_library_fills_in_is_accepted(self):
        for missing in ("type", "fresh", "jti", "nbf"):
            with self.subTest(missing):
                token = self.signed(**{missing: ...})
                self.assertEqual(self.theirs(token)[0], 200)
                self.assertEqual(self.ours(token), (200, "Auth Checked"))

    def test_backdating_helps_an_app_whose_clock_is_behind(self):
        with unittest.mock.patch("jwt.api_jwt.datetime", Behind):
            token = self.server.login("arun")["access_token"]
            self.assertEqual(self.theirs(token), (422, {"msg": "The token is not yet valid (iat)"}))
            with Doorward(JWT_SECRET_KEY=SECRET, DOORWARD_IAT_BACKDATE="5s") as server:
                self.assertEqual(self.theirs(server.login()["access_token"])[0], 200)


if __name__ == "__main__":
    unittest.main()

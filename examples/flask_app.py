"""A Flask app that accepts Doorward's access tokens without asking for each, and still learns of a logout.

    pip install flask flask-jwt-extended 'pyjwt[crypto]'
    DOORWARD_URL=http://localhost:5000 DOORWARD_SERVICE_KEY=dws_… flask --app flask_app run --port 8000

The key: doorward service add flask-app --scope revocations
Where the server has a public_url, or an issuer or audience of its own: DOORWARD_ISSUER, DOORWARD_AUDIENCE, as they are there.
"""
import json, os, threading, time, urllib.request

from flask import Flask, jsonify
from flask_jwt_extended import JWTManager, get_jwt, get_jwt_identity, jwt_required
from jwt import InvalidTokenError, PyJWKClient, PyJWKClientError

URL = os.environ.get("DOORWARD_URL", "http://localhost:5000")
KEY = os.environ["DOORWARD_SERVICE_KEY"]
ISSUER = os.environ.get("DOORWARD_ISSUER", "doorward")
AUDIENCE = os.environ.get("DOORWARD_AUDIENCE")
POLL_SECONDS = 1
KEYS_SECONDS = 5

app = Flask(__name__)
app.config.update(JWT_ALGORITHM="ES256", JWT_DECODE_ISSUER=ISSUER, JWT_DECODE_AUDIENCE=AUDIENCE)
jwt = JWTManager(app)
revoked, state = {}, {"cursor": "", "complete": False}  # id → until when it matters


class Keys(PyJWKClient):
    """Anybody can send a token that names an unknown key: for such the server is asked again now and then at most, also while it fails."""
    again = 0

    def fetch_data(self):
        if time.monotonic() < self.again:
            raise PyJWKClientError("the server was asked just now")
        self.again = time.monotonic() + KEYS_SECONDS
        return super().fetch_data()


keys = Keys(f"{URL}/.well-known/jwks.json", timeout=5)


@jwt.decode_key_loader
def key_of(header, _claims):
    try:
        return keys.get_signing_key(header.get("kid", "")).key
    except (PyJWKClientError, ValueError) as error:  # a server that is not up may answer anything
        raise InvalidTokenError("no key of the issuer made it") from error


@jwt.token_in_blocklist_loader
def is_revoked(_header, claims):
    return not state["complete"] or claims["jti"] in revoked or claims.get("sid") in revoked


def follow():
    """Asks for what is new. After a restart of the server the whole list comes again, with `reset`; adding it does no harm."""
    more = True
    while more:
        request = urllib.request.Request(f"{URL}/revocations?since={state['cursor']}", headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            news = json.load(answer)
        revoked.update({entry["id"]: entry["exp"] for entry in news["revoked"]})
        state["cursor"], more = news["cursor"], news["more"]
    state["complete"] = True
    for expired in [id for id, exp in revoked.items() if exp < time.time() - 60]:
        del revoked[expired]


def follow_always():
    while True:
        try:
            follow()
        except Exception as error:  # whatever it is: with this thread gone, no logout would be learnt of any more
            app.logger.warning("cannot ask %s: %s", URL, error)
        time.sleep(POLL_SECONDS)


threading.Thread(target=follow_always, daemon=True).start()


@app.get("/hello")
@jwt_required()
def hello():
    return jsonify(hello=get_jwt()["username"], id=get_jwt_identity())

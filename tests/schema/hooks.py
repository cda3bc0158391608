"""Who the requests come from. A request may end its own session, or its own user: whoever is refused logs in anew."""

import itertools
import os

import requests
import schemathesis

ROLE = os.environ["ROLE"]
URL = os.environ["URL"]
BOSS_PASSWORD = "securepassword"
PASSWORD = "nobody's guess, and in no example"


class Somebody:
    """A user who always has a session."""

    def __init__(self):
        self.names = itertools.count(1)
        self.name = None
        self.pair = None
        self.spare = None
        self.key = None

    def post(self, path, body, **options):
        return requests.post(URL + path, json=body, timeout=30, **options)

    def log_in(self):
        """As the one of before, or as somebody new."""
        answer = self.name and self.post("/login", {"username": self.name, "password": PASSWORD})
        while not answer:
            self.name = f"somebody-{next(self.names)}"
            self.join()
            answer = self.post("/login", {"username": self.name, "password": PASSWORD})
        self.pair = answer.json()
        return answer

    def join(self):
        body = {"username": self.name, "password": PASSWORD}
        if ROLE == "user":
            return self.post("/register", body)
        boss = self.post("/login", {"username": "boss", "password": BOSS_PASSWORD}).json()["access_token"]
        return self.post("/users", {**body, "roles": ["admin"]}, headers=bearer(boss))

    def access(self):
        """A good access token: each time it is asked whether it still is one."""
        if not self.pair or not requests.get(f"{URL}/test", headers=bearer(self.pair["access_token"]), timeout=30).ok:
            self.log_in()
        return self.pair["access_token"]

    def refresh(self):
        """A refresh token that was not used, of a session for that."""
        answer = self.spare and requests.post(f"{URL}/refresh", headers=bearer(self.spare), timeout=30)
        if not answer:
            answer = self.log_in()
        self.spare = answer.json()["refresh_token"]
        return self.spare

    def service(self):
        """A service key: only an administrator can make one; others show a token that is none."""
        if ROLE != "admin":
            return self.access()
        if not self.key or requests.get(f"{URL}/revocations", headers=bearer(self.key), timeout=30).status_code == 401:
            body = {"name": "shop", "scopes": ["introspect", "revocations"]}
            self.key = self.post("/services", body, headers=bearer(self.access())).json()["key"]
        return self.key


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


somebody = Somebody()


@schemathesis.hook
def filter_case(context, case):
    """The first administrator stays as he is: he lets the others in again."""
    return case.path_parameters.get("id") not in (1, "1")

if ROLE != "nobody":

    @schemathesis.auth(refresh_interval=None)
    class Credentials:
        """What the operation takes first."""

        def get(self, case, context):
            asked = case.operation.definition.raw.get("security") or [{}]
            kind = next(iter(asked[0]), None)
            return getattr(somebody, kind)() if kind in ("access", "refresh", "service") else None

        def set(self, case, data, context):
            if data:
                case.headers = {**(case.headers or {}), **bearer(data)}

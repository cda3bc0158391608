"""A running server, the administrator `boss` in it, and requests to it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from measuring.tools import free_port  # noqa: E402, F401 (the tests that start other servers take it from here)

BINARY = os.environ["DOORWARD_BIN"]
KEYS = pathlib.Path(__file__).parent.parent / "keys"
PASSWORD = "securepassword"
# No proxy that the environment names is between us and this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, url, body=None, authorization=None):
    """Status and JSON of one answer. The body is sent as JSON; text, as a form."""
    request = urllib.request.Request(url, method=method)
    if authorization is not None:
        request.add_header("Authorization", authorization)
    if body is not None:
        is_form = isinstance(body, str)
        request.data = (body if is_form else json.dumps(body)).encode()
        request.add_header("Content-Type", "application/x-www-form-urlencoded" if is_form else "application/json")
    try:
        with OPENER.open(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, json.load(answer)


class Doorward:
    """The executable on a directory and a port of its own; stopped at the end of a `with`."""

    def __init__(self, **environment):
        self.environment = {"CHEAP_PASSWORDS_FOR_TESTS": "1", **environment}

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        # Named, so that the first user may make the database whoever answers at the usual port.
        environment = {"DOORWARD_DATA_DIR": "data", **self.environment}
        options = {"cwd": self.directory.name, "env": environment, "stderr": subprocess.DEVNULL, "text": True}
        add = [BINARY, "user", "add", "boss", "--admin"]
        subprocess.run(add, input=PASSWORD, stdout=subprocess.DEVNULL, check=True, **options)
        serve = [BINARY, "serve", "--address", "127.0.0.1", "--port", "0"]
        self.process = subprocess.Popen(serve, stdout=subprocess.PIPE, **options)
        self.url = self.process.stdout.readline().strip().removeprefix("listening on ")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.directory.cleanup()

    @property
    def jwks_url(self):
        return f"{self.url}/.well-known/jwks.json"

    def ask(self, method, path, authorization=None, body=None):
        return ask(method, self.url + path, body, authorization)

    def login(self, name="boss"):
        status, pair = self.ask("POST", "/login", body={"username": name, "password": PASSWORD})
        assert status == 200, pair
        return pair

    def use_key(self, **body):
        """Makes or imports a key that signs at once; answers a token it signed."""
        status, key = self.ask("POST", "/keys", f"Bearer {self.login()['access_token']}", {"now": True, **body})
        assert status == 201, key
        return self.login()["access_token"]

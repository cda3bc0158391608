"""A running server, the administrator `boss` in it, and requests to it."""

import contextlib
import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

BINARY = os.environ["DOORWARD_BIN"]
KEYS = pathlib.Path(__file__).parent.parent / "keys"
PASSWORD = "securepassword"
# No proxy that the environment names is between us and this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    """A port that nobody has, and that the system gives to nobody who asks for just any."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


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
        """Status and JSON of one answer."""
        request = urllib.request.Request(self.url + path, method=method)
        if authorization is not None:
            request.add_header("Authorization", authorization)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with OPENER.open(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, json.load(answer)

    def login(self, name="boss"):
        status, pair = self.ask("POST", "/login", body={"username": name, "password": PASSWORD})
        assert status == 200, pair
        return pair

    def use_key(self, **body):
        """Makes or imports a key that signs at once; answers a token it signed."""
        status, key = self.ask("POST", "/keys", f"Bearer {self.login()['access_token']}", {"now": True, **body})
        assert status == 201, key
        return self.login()["access_token"]

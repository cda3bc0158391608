"""A Flask app of the template's shape is left: its clients go on at the same address, with the tokens and passwords they have."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import jwt

from doorward import BINARY, ask

SECRET = "the secret of an app, thirty-two bytes or more"
USERS = {"arun": "securepassword", "mira": "p\u00e4ssw\u00f6rd\u20ac\U0001f511", "gone": "the password of gone"}


class Client:
    """What the app's users have: an address, names, passwords, tokens. Knows nothing of either server."""

    def __init__(self, url):
        self.url = url

    def ask(self, method, path, token=None, **body):
        return ask(method, self.url + path, body or None, token and f"Bearer {token}")

    def login(self, name):
        status, body = self.ask("POST", "/login", username=name, password=USERS[name])
        assert status == 200, body
        return body["access_token"]


def started(command, directory, **environment):
    """A process that prints its address first, and that address."""
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, process.stdout.readline().strip().removeprefix("listening on ")


def ended(process):
    process.terminate()
    process.wait()
    process.stdout.close()


class FlaskMoveTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.directory / "secret").write_text(SECRET + "\n")
        (self.directory / "secret").chmod(0o600)

    def doorward(self, *arguments, code=0):
        environment = {"JWT_SECRET_KEY_FILE": str(self.directory / "secret")}
        ran = subprocess.run([BINARY, *arguments], cwd=self.directory, env=environment, capture_output=True, text=True)
        self.assertEqual(ran.returncode, code, ran.stderr)
        return ran.stdout

    def serve(self, url):
        port = url.rsplit(":", 1)[1]
        command = [BINARY, "serve", "--address", "127.0.0.1", "--port", port]
        process, listening = started(command, self.directory, JWT_SECRET_KEY_FILE=str(self.directory / "secret"))
        self.addCleanup(ended, process)
        self.assertEqual(listening, url)

    def leave_flask(self):
        """Registers users and logs them in at the app, ends it, imports, and starts Doorward in its place."""
        app = [sys.executable, "-W", "ignore", pathlib.Path(__file__).with_name("flask_template.py").absolute(), "users.db"]
        process, url = started(app, self.directory, JWT_SECRET_KEY=SECRET)
        client = Client(url)
        try:
            for name, password in USERS.items():
                self.assertEqual(client.ask("POST", "/register", username=name, password=password)[0], 201)
            self.assertEqual(client.ask("DELETE", "/user/3"), (200, {"message": "User has been deleted successfully"}))
            tokens = {name: client.login(name) for name in ("arun", "mira")}
            tokens["out"] = client.login("mira")
            self.assertEqual(client.ask("POST", "/logout", tokens["out"]), (200, {"message": "User Logged out successfully"}))
            self.assertEqual(client.ask("GET", "/test", tokens["out"])[1]["error"], "token_revoked")
            self.assertEqual(client.ask("GET", "/test", tokens["arun"]), (200, {"message": "Auth Checked"}))
        finally:
            ended(process)
        out = self.doorward("import", "flask", "users.db", "--secret-file", "secret")
        self.assertTrue(out.startswith("2 rows: 2 added, 0 there before, 0 refused\nThe app's secret is in the settings"), out)
        self.serve(url)
        return client, tokens

    def test_the_same_clients_go_on(self):
        client, tokens = self.leave_flask()
        for number, name in enumerate(("arun", "mira"), 1):
            self.assertEqual(client.ask("GET", "/test", tokens[name]), (200, {"message": "Auth Checked"}))
            self.assertEqual(client.ask("GET", f"/user/{number}", tokens[name]), (200, {"id": number, "username": name}))
            new = client.login(name)
            self.assertEqual(client.ask("GET", "/test", new), (200, {"message": "Auth Checked"}))
            subjects = [jwt.decode(token, SECRET, algorithms=["HS256"])["sub"] for token in (tokens[name], new)]
            self.assertEqual(subjects, [str(number)] * 2)
            self.assertEqual(json.loads(self.doorward("import", "status", "--json"))["foreign"].get("passlib_pbkdf2", 0), 2 - number)
            # Again, now with the hash that took the old one's place.
            client.login(name)
            refused = client.ask("POST", "/login", username=name, password="another password")
            self.assertEqual((refused[0], refused[1]["message"]), (401, "Invalid credentials"))
        self.assertEqual(client.ask("POST", "/register", username="arun", password="securepassword")[0], 409)
        self.assertEqual(client.ask("POST", "/logout", tokens["arun"]), (200, {"message": "User Logged out successfully"}))
        self.assertEqual(client.ask("GET", "/test", tokens["arun"])[1]["error"], "token_revoked")

    def test_what_only_the_apps_memory_knew_as_revoked_is_refused_once_its_user_is_logged_out_everywhere(self):
        client, tokens = self.leave_flask()
        self.assertEqual(client.ask("GET", "/test", tokens["out"])[0], 200)
        # Tokens are dated to the second, and those of the second in which their user is logged out stay good.
        issued = jwt.decode(tokens["out"], SECRET, algorithms=["HS256"])["iat"]
        while time.time() < issued + 1:
            pass
        self.doorward("session", "revoke", "--user", "mira")
        self.assertEqual(client.ask("GET", "/test", tokens["out"])[1]["error"], "token_revoked")
        self.assertEqual(client.ask("GET", "/test", tokens["arun"])[0], 200)
        client.login("mira")


if __name__ == "__main__":
    unittest.main()

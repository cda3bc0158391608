"""The examples as subscribers: they verify offline, and refuse a token soon after its logout."""
import base64, http.server, json, os, pathlib, re, shutil, subprocess, sys, tempfile, threading, time, unittest, urllib.request

BINARY = os.environ["DOORWARD_BIN"]
HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parents[2] / "examples"
sys.path.insert(0, str(HERE.parent))
from doorward import ask, free_port

POLL_SECONDS = 1  # as in the examples
KEYS_SECONDS = 5  # as in examples/flask_app.py; jose waits longer
KEYS = "/.well-known/jwks.json"
ANSWERED = f'doorward_http_requests_total{{method="GET",route="{KEYS}",'
FLASK = [sys.executable, "-m", "flask", "--app", EXAMPLES / "flask_app.py", "run", "--port"]
CREDENTIALS = {"username": "arun", "password": "securepassword"}


def until(done, seconds=120):
    """Asks again and again until it is so; answers how long that took."""
    start = time.monotonic()
    while not done():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - start


class Maintenance(http.server.BaseHTTPRequestHandler):
    """What a proxy may answer while the server is gone: 200, a page, and at times not all of it."""
    asked = []  # by which library for what, one after the other

    def do_GET(self):
        page = b"<h1>Back soon</h1>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page) + len(self.asked) % 2))
        self.end_headers()
        self.wfile.write(page)
        self.asked.append((self.headers["User-Agent"].partition("/")[0], self.path.partition("?")[0]))

    def log_message(self, *_):
        pass


class Examples(unittest.TestCase):
    """A server and the two apps, which get the same variables."""
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.home, cls.running = tempfile.mkdtemp(), []
        cls.environment = {name: value for name, value in os.environ.items() if not re.match("(DOORWARD|ROCKET|JWT)_", name)}
        cls.environment.update(cls.settings)
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.addClassCleanup(lambda: [(process.kill(), process.wait()) for process in cls.running])
        cls.port, cls.metrics = free_port(), free_port()
        cls.url = f"http://127.0.0.1:{cls.port}"
        cls.server = cls.serve()
        cls.key = cls.doorward("service", "add", "examples", "--scope", "introspect,revocations").strip()
        ask("POST", f"{cls.url}/register", CREDENTIALS)
        flask_port, node_port = free_port(), free_port()
        cls.start([*FLASK, str(flask_port)], cls.home)
        # Node looks for packages beside the module: the example is run from where they are.
        shutil.copy(EXAMPLES / "node_app.mjs", HERE / "node_modules" / "node_app.mjs")
        cls.start(["node", HERE / "node_modules" / "node_app.mjs"], HERE, PORT=str(node_port))
        cls.apps = {"Flask": f"http://127.0.0.1:{flask_port}/hello", "Node": f"http://127.0.0.1:{node_port}/"}

    @classmethod
    def doorward(cls, *arguments):
        done = subprocess.run([BINARY, *arguments], cwd=cls.home, env=cls.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @classmethod
    def start(cls, command, directory, log=subprocess.DEVNULL, **variables):
        environment = {**cls.environment, "DOORWARD_URL": cls.url, "DOORWARD_SERVICE_KEY": cls.key, **variables}
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        cls.running.append(process)
        return process

    @classmethod
    def serve(cls):
        command = [BINARY, "serve", "--address", "127.0.0.1", "--port", str(cls.port)]
        environment = {**cls.environment, "DOORWARD_METRICS_ADDRESS": f"127.0.0.1:{cls.metrics}"}
        process = subprocess.Popen(command, cwd=cls.home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        cls.running.append(process)
        assert process.stdout.readline().startswith(b"listening on ")
        return process

    def login(self):
        status, pair = ask("POST", f"{self.url}/login", CREDENTIALS)
        self.assertEqual(status, 200, pair)
        return pair

    def status(self, app, token):
        try:
            return ask("GET", self.apps[app], authorization=f"Bearer {token}")[0]
        except OSError:
            return 0  # it is starting


class Feed(Examples):
    def of_unknown_key(self):
        """An access token that names a key that there is not: anybody can make it."""
        part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        header = {"typ": "at+jwt", "alg": "ES256", "kid": os.urandom(9).hex()}
        claims = {"iss": "doorward", "sub": "1", "exp": int(time.time()) + 600}
        return f"{part(header)}.{part(claims)}.{'A' * 86}"

    def asked_for_keys(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as answer:
            counts = [line.rpartition(" ")[2] for line in answer.read().decode().splitlines() if line.startswith(ANSWERED)]
        return sum(map(int, counts))

    def test_unknown_keys_do_not_make_the_examples_hammer_the_server(self):
        pair = self.login()
        for app in self.apps:
            until(lambda: self.status(app, pair["access_token"]) == 200)
            before, start = self.asked_for_keys(), time.monotonic()
            for _ in range(50):
                self.assertIn(self.status(app, self.of_unknown_key()), (401, 422))
            most = 1 + (time.monotonic() - start) / KEYS_SECONDS
            self.assertLessEqual(self.asked_for_keys() - before, most, app)
            self.assertEqual(self.status(app, pair["access_token"]), 200, "the known ones stay")

    def test_a_server_that_fails_is_not_hammered_either(self):
        Maintenance.asked.clear()
        failing = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Maintenance)
        for cleanup in [failing.server_close, failing.shutdown]:  # the last is called first
            self.addCleanup(cleanup)
        threading.Thread(target=failing.serve_forever, daemon=True).start()
        port = free_port()
        self.start([*FLASK, str(port)], self.home, DOORWARD_URL=f"http://127.0.0.1:{failing.server_port}")
        self.apps = {"Flask": f"http://127.0.0.1:{port}/hello"}
        until(lambda: self.status("Flask", "x") == 422)
        start = time.monotonic()
        for _ in range(50):
            self.assertIn(self.status("Flask", self.of_unknown_key()), (401, 422))
        most = 1 + (time.monotonic() - start) / KEYS_SECONDS
        self.assertLessEqual(Maintenance.asked.count(("Python-urllib", KEYS)), most)

    def test_the_examples_refuse_a_token_soon_after_its_logout(self):
        for app in self.apps:
            delays = []
            for end in ["logout", "revoke", "logout"]:
                pair, other = self.login(), self.login()
                until(lambda: self.status(app, pair["access_token"]) == 200)
                if end == "logout":
                    status, _ = ask("POST", f"{self.url}/logout", authorization=f"Bearer {pair['refresh_token']}")
                else:
                    status, _ = ask("POST", f"{self.url}/revoke", f"token={pair['access_token']}")
                self.assertEqual(status, 200)
                delays.append(until(lambda: self.status(app, pair["access_token"]) == 401))
                self.assertEqual(self.status(app, other["access_token"]), 200, "another session goes on")
            shown = ", ".join(f"{delay:.2f} s" for delay in delays)
            print(f"\n{app}: refused {shown} after the end of the session, asking every {POLL_SECONDS} s")
            # Far less than the quarter of an hour that the token would be good for, and more than a busy machine needs.
            self.assertLess(max(delays), POLL_SECONDS + 30)

    def test_the_examples_refuse_what_is_no_access_token(self):
        pair = self.login()
        header, claims, signature = pair["access_token"].split(".")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
        for app in self.apps:
            until(lambda: self.status(app, pair["access_token"]) == 200)
            for token in [pair["refresh_token"], f"{unsigned}.{claims}.", f"{header}.{claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}", "x", self.key]:
                self.assertIn(self.status(app, token), (401, 422), token)  # Flask-JWT-Extended says 422 to a malformed token

    def test_the_examples_go_on_after_answers_that_are_none(self):
        pair = self.login()
        for app in self.apps:
            until(lambda: self.status(app, pair["access_token"]) == 200)
        self.server.kill()
        self.server.wait()
        with http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Maintenance) as proxy:
            threading.Thread(target=proxy.serve_forever, daemon=True).start()
            until(lambda: all(Maintenance.asked.count((library, "/revocations")) >= 2 for library in ("Python-urllib", "node")))
            proxy.shutdown()
        type(self).server = self.serve()
        self.assertEqual(ask("POST", f"{self.url}/logout", authorization=f"Bearer {pair['access_token']}")[0], 200)
        for app in self.apps:
            until(lambda: self.status(app, pair["access_token"]) == 401)

    def test_the_examples_go_on_after_the_server_was_killed(self):
        pair, other = self.login(), self.login()
        for app in self.apps:
            until(lambda: self.status(app, pair["access_token"]) == 200)
        self.assertEqual(ask("POST", f"{self.url}/logout", authorization=f"Bearer {pair['access_token']}")[0], 200)
        self.server.kill()
        self.server.wait()
        type(self).server = self.serve()
        for app in self.apps:
            until(lambda: self.status(app, pair["access_token"]) == 401)
            self.assertEqual(self.status(app, other["access_token"]), 200)
        self.assertEqual(ask("POST", f"{self.url}/logout", authorization=f"Bearer {other['access_token']}")[0], 200)
        for app in self.apps:
            until(lambda: self.status(app, other["access_token"]) == 401)


class Names(Examples):
    """A server that calls itself otherwise, and says for whom its tokens are."""
    settings = {"DOORWARD_ISSUER": "https://login.example.com", "DOORWARD_AUDIENCE": "shop"}

    def test_the_examples_take_issuer_and_audience_from_their_variables(self):
        token = self.login()["access_token"]
        for app in self.apps:
            until(lambda: self.status(app, token) == 200)
        for name, why in [("DOORWARD_ISSUER", '"iss"'), ("DOORWARD_AUDIENCE", '"aud"')]:
            port = free_port()
            self.apps = {"another": f"http://127.0.0.1:{port}/"}
            with tempfile.TemporaryFile("w+") as log:
                self.start(["node", HERE / "node_modules" / "node_app.mjs"], HERE, log, PORT=str(port), **{name: "another"})
                until(lambda: self.status("another", token) == 401)
                log.seek(0)
                self.assertIn(f"refused a token: unexpected {why} claim value", log.read())


if __name__ == "__main__":
    unittest.main()

"""Forward-auth through real proxies, with the very files of examples/: who gets to the app, and what the app is told.

    DOORWARD_BIN=target/debug/doorward PROXIES="nginx caddy" python3 -m unittest discover tests/proxies
"""

import hashlib, http.client, http.server, json, os, pathlib, re, shutil, socket, subprocess, sys, tempfile, threading, time, unittest, urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
from doorward import Doorward, PASSWORD, free_port

HOST = "app.example.com"
BROWSER = ("Accept", "text/html,*/*;q=0.8")
SETTINGS = {
    "DOORWARD_PUBLIC_URL": f"https://{HOST}",
    "DOORWARD_BASE_PATH": "/auth",
    "DOORWARD_TRUSTED_PROXIES": "127.0.0.1",
}


class App(http.server.BaseHTTPRequestHandler):
    """The app behind the proxy: tells what it saw."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def answer(self):
        App.asked += 1
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        saw = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": hashlib.sha256(body).hexdigest()}
        text = json.dumps(saw).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


def replaced(text, *pairs):
    """With each text replaced, which must be there: the example is what is tested.

    All at once: a free port such as 50005 is not taken for the example's 5000."""
    for old, _ in pairs:
        assert old in text, f"the example has no {old!r}"
    return re.sub("|".join(re.escape(old) for old, _ in pairs), lambda found: dict(pairs)[found.group()], text)


def run(cls, command, directory):
    """Starts a proxy, as nobody if we are root, and stops it at the end."""
    nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    if nobody:
        shutil.chown(directory, "nobody")
    log = open(pathlib.Path(directory) / "log", "w")
    environment = {"PATH": os.environ["PATH"], "HOME": directory, "XDG_DATA_HOME": directory, "XDG_CONFIG_HOME": directory}
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log, **nobody)
    # Not killed: nginx's workers would outlive it.
    cls.addClassCleanup(lambda: (process.terminate(), process.wait(), log.close()))
    return process


def await_listener(process, port, directory):
    end = time.monotonic() + 120
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError((pathlib.Path(directory) / "log").read_text())
            time.sleep(0.02)


def run_nginx(cls, site, port, directory):
    temporary = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = pathlib.Path(directory) / "nginx.conf"
    config.write_text(f"daemon off;\npid {directory}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n")
    await_listener(run(cls, ["nginx", "-e", "stderr", "-p", directory, "-c", str(config)], directory), port, directory)


def run_caddy(cls, site, port, directory):
    config = pathlib.Path(directory) / "Caddyfile"
    config.write_text("{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n" + site)
    await_listener(run(cls, ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)], directory), port, directory)


def verified(test, url):
    """What `doorward verify` finds wrong with a deployment: nothing."""
    checked = subprocess.run([os.environ["DOORWARD_BIN"], "verify", "--url", url, "--json"], capture_output=True, text=True, env={})
    checks = json.loads(checked.stdout or "{}").get("checks", [])
    test.assertEqual([one for one in checks if one["result"] == "failed"], [], checked.stderr)
    test.assertEqual((checked.returncode, len(checks) > 40), (0, True), checked.stderr)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    def told(self):
        """What the app was told of the user, by whatever spelling: a WSGI app reads - and _ as the same."""
        told = {"remote-user": [], "remote-id": [], "remote-roles": []}
        for name, value in self.json()["headers"]:
            name = name.lower().replace("_", "-")
            if name.startswith("remote-") and value:
                told[name].append(value.encode("latin-1").decode())
        return [told["remote-user"], told["remote-id"], told["remote-roles"]]


class Through:
    """The tests, for whichever proxy `start` starts."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Doorward(**SETTINGS)) if hasattr(cls, "enterClassContext") else cls.entered(Doorward(**SETTINGS))
        app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
        threading.Thread(target=app.serve_forever, daemon=True).start()
        cls.addClassCleanup(lambda: (app.shutdown(), app.server_close()))
        cls.app_port = app.server_address[1]
        doorward = urllib.parse.urlsplit(cls.server.url).port
        cls.port, cls.editors = cls.start(doorward), cls.start(doorward, role="editor")
        cls.without_doorward = cls.start(free_port())
        cls.admin = cls.server.login()["access_token"]
        for name in ("arun", "jürgen", "mira"):
            cls.server.ask("POST", "/register", body={"username": name, "password": PASSWORD})

    @classmethod
    def entered(cls, context):
        cls.addClassCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    @classmethod
    def directory(cls):
        directory = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, directory)
        return directory

    def ask(self, method, path, *headers, body=None, port=None, chunked=False):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=120)
        self.addCleanup(connection.close)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in [("Host", HOST), *headers]:
            connection.putheader(name, value.encode() if isinstance(value, str) else value)
        if body is not None:
            connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))))
        connection.endheaders(body, encode_chunked=chunked)
        return Answer(connection.getresponse())

    def bearer(self, name="arun"):
        return ("Authorization", f"Bearer {self.server.login(name)['access_token']}")

    def keep_signed_in(self, name="arun", *headers):
        """Logs in through the proxy; answers the header with the cookie, and the tokens."""
        body = json.dumps({"username": name, "password": PASSWORD, "keep_signed_in": True}).encode()
        answer = self.ask("POST", "/auth/login", ("Content-Type", "application/json"), *headers, body=body)
        self.assertEqual(answer.status, 200, answer.body)
        cookie = answer.headers["Set-Cookie"]
        self.assertRegex(cookie, r"^__Host-doorward=\S+; Path=/; Max-Age=\d+; Secure; HttpOnly; SameSite=Lax$")
        return ("Cookie", cookie.split(";")[0]), answer.json()

    def change(self, user, **change):
        status, answer = self.server.ask("PATCH", f"/user/{user}", f"Bearer {self.admin}", change)
        self.assertEqual(status, 200, answer)

    def refused(self, status, answer):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual([name for name in answer.headers if name.lower().startswith("remote")], [])

    def test_a_good_token_or_cookie_gets_through_and_the_app_is_told_who(self):
        self.assertEqual(self.ask("GET", "/a?b=c", self.bearer()).told(), [["arun"], ["2"], []])
        cookie, _ = self.keep_signed_in("jürgen")
        answer = self.ask("GET", "/a?b=c", cookie)
        self.assertEqual((answer.json()["path"], answer.told()), ("/a?b=c", [["jürgen"], ["3"], []]))
        self.change(3, roles=["editor", "author"])
        self.assertEqual(self.ask("GET", "/", cookie).told(), [["jürgen"], ["3"], ["author,editor"]])

    def test_what_a_client_says_of_itself_never_reaches_the_app(self):
        good = self.bearer()
        for spoof in (
            [("Remote-User", "boss")],
            [("remote-user", "boss"), ("REMOTE-ID", "1")],
            [("Remote_User", "boss")],
            [("remote_user", "boss"), ("Remote_Id", "1"), ("REMOTE_ROLES", "admin")],
            [("Remote-Roles", "admin")],
            [("Remote-Roles", ""), ("Remote-Roles", "admin")],
            [("Remote-User", "boss"), ("Remote-User", "boss"), ("Remote_User", "boss")],
            [("Connection", "Remote-User, Remote-Roles"), ("Remote-User", "boss")],
            [("Connection", "close"), ("Connection", "x, rEMOTE-uSER,remote-id")],
            [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Method", "OPTIONS")],
            [("X-Forwarded-Uri", "/auth/"), ("X-Original-URL", "/auth/")],
        ):
            with self.subTest(spoof=spoof):
                self.assertEqual(self.ask("GET", "/", good, *spoof).told(), [["arun"], ["2"], []])
                asked = App.asked
                self.refused(401, self.ask("GET", "/", *spoof))
                self.assertEqual(App.asked, asked)

    def test_what_apps_believe_of_other_login_servers_never_reaches_the_app_either(self):
        names = [
            "Remote-Groups", "Remote-Email", "Remote-Name", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
            "X-Forwarded-Preferred-Username", "X-Auth-Request-User", "X-Auth-Request-Email", "X-Webauth-User",
        ]
        spoofs = [(spelt, "boss") for name in names for spelt in (name, name.lower(), name.replace("-", "_"))]
        answer = self.ask("GET", "/", self.bearer(), *spoofs, ("X-Harmless", "boss"))
        self.assertEqual([name for name, value in answer.json()["headers"] if value == "boss"], ["X-Harmless"])

    def test_a_refusal_says_once_how_to_authenticate(self):
        for who in ([], [("Authorization", "Bearer x")]):
            answer = self.ask("GET", "/", *who)
            self.refused(401, answer)
            self.assertEqual(len(answer.headers.get_all("WWW-Authenticate")), 1, answer.headers)

    def test_whoever_may_not_pass_does_not_reach_the_app(self):
        cookie, pair = self.keep_signed_in("mira")
        mira = ("Authorization", f"Bearer {pair['access_token']}")
        self.assertEqual(self.ask("GET", "/", cookie).status, 200)
        left, _ = self.keep_signed_in()
        self.assertEqual(self.ask("POST", "/auth/logout", left).status, 401)
        self.assertEqual(self.ask("POST", "/auth/logout", left, ("X-CSRF-Token", "1")).status, 200)
        self.change(4, disabled=True)
        self.addCleanup(self.change, 4, disabled=False)
        asked = App.asked
        for who in ([], [left], [cookie], [mira], [("Authorization", "Bearer x")], [("Authorization", f"Bearer {pair['refresh_token']}")],
                    [("Cookie", "__Host-doorward=x")], [("Cookie", left[1].removeprefix("__Host-"))], [("Authorization", "Basic YTpi")]):
            for method in ("GET", "POST", "HEAD"):
                with self.subTest(who=who, method=method):
                    self.refused(401, self.ask(method, "/", *who, body=b"x" if method == "POST" else None))
        self.assertEqual(App.asked, asked)

    def test_a_role_that_is_wanted_is_wanted_of_everybody(self):
        cookie, _ = self.keep_signed_in()
        self.refused(403, self.ask("GET", "/", cookie, BROWSER, ("Remote-Roles", "editor"), port=self.editors))
        self.refused(401, self.ask("GET", "/", port=self.editors))
        self.change(2, roles=["editor"])
        self.assertEqual(self.ask("GET", "/", cookie, port=self.editors).told(), [["arun"], ["2"], ["editor"]])
        self.change(2, roles=[])
        self.refused(403, self.ask("GET", "/", cookie, port=self.editors))

    def test_bodies_pass_whatever_they_are(self):
        cookie, _ = self.keep_signed_in()
        for method, kind, body, chunked in (
            ("POST", "application/x-www-form-urlencoded", b"_method=DELETE&a=b", False),
            ("POST", "multipart/form-data; boundary=x", b"--x\r\n\r\n" + b"y" * 200_000 + b"\r\n--x--", False),
            ("PUT", "application/json", b"{}", False),
            ("POST", "text/plain", b"z" * 100_000, True),
            ("DELETE", "text/plain", b"", False),
        ):
            for encoding in ([], [("Content-Encoding", "gzip")]):
                with self.subTest(method=method, kind=kind, encoding=encoding):
                    answer = self.ask(method, "/upload", cookie, ("Content-Type", kind), *encoding, body=body, chunked=chunked)
                    self.assertEqual(answer.status, 200, answer.body)
                    saw = answer.json()
                    self.assertEqual((saw["method"], saw["body"]), (method, hashlib.sha256(body).hexdigest()))
                    self.assertEqual(answer.told()[0], ["arun"])

    def test_a_browser_is_sent_to_the_page_and_a_program_is_not(self):
        spoof = [("X-Forwarded-Uri", "//evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "gopher")]
        for headers in ([], spoof):
            answer = self.ask("GET", "/a/b?c=d&e", BROWSER, *headers)
            self.refused(302, answer)
            self.assertEqual(answer.headers["Location"], "/auth/?return=%2Fa%2Fb%3Fc%3Dd%26e")
        self.assertEqual(self.ask("GET", "//evil.example/x", BROWSER).headers["Location"], "/auth/")
        self.refused(401, self.ask("GET", "/a", ("Accept", "*/*")))
        self.assertEqual(self.ask("GET", "/a", BROWSER, self.bearer()).status, 200)

    def test_the_page_and_the_api_work_under_the_base_path(self):
        page = self.ask("GET", "/auth/", BROWSER)
        self.assertEqual((page.status, b"<!doctype html>" in page.body), (200, True))
        self.assertEqual(self.ask("GET", "/auth/app.js").status, 200)
        moved = self.ask("GET", "/auth", BROWSER)
        self.assertEqual((moved.status // 100, moved.headers["Location"]), (3, "/auth/"))
        _, pair = self.keep_signed_in("arun", ("X-Forwarded-For", "203.0.113.9"), ("X-Real-IP", "203.0.113.9"))
        sessions = json.loads(self.ask("GET", "/auth/me/sessions", ("Authorization", f"Bearer {pair['access_token']}")).body)["sessions"]
        current = next(session for session in sessions if session["current"])
        self.assertEqual(current["address"], "127.0.0.1", "what a client says of its address is not passed on")
        body = json.dumps({"username": f"new-{type(self).__name__}", "password": PASSWORD}).encode()
        made = self.ask("POST", "/auth/register", ("Content-Type", "application/json"), body=body)
        self.assertRegex(made.headers["Location"], r"^/auth/user/\d+$")

    def test_nobody_gets_through_while_doorward_is_away(self):
        asked = App.asked
        answer = self.ask("GET", "/", self.bearer(), BROWSER, port=self.without_doorward)
        self.assertGreaterEqual(answer.status, 500)
        self.assertEqual(App.asked, asked)


@unittest.skipUnless("nginx" in os.environ["PROXIES"], "nginx is not here")
class Nginx(Through, unittest.TestCase):
    @classmethod
    def start(cls, doorward, role=None, more=()):
        directory, port = cls.directory(), free_port()
        site = replaced(
            (ROOT / "examples" / "nginx.conf").read_text(),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
            ("    ssl_certificate     /etc/ssl/app.example.com.pem;\n    ssl_certificate_key /etc/ssl/app.example.com.key;\n", ""),
            ("127.0.0.1:5000", f"127.0.0.1:{doorward}"),
            ("127.0.0.1:8000", f"127.0.0.1:{cls.app_port}"),
            *([("http://doorward/verify;", f"http://doorward/verify?role={role};")] if role else []),
            *more,
        )
        run_nginx(cls, site, port, directory)
        return port

    def test_what_is_for_nginx_alone_is_not_for_others(self):
        for path in ("/.doorward/verify", "/.doorward/login"):
            self.assertEqual(self.ask("GET", path, self.bearer()).status, 404)

    def test_doorward_verify_finds_the_deployment_as_it_should_be(self):
        verified(self, f"http://127.0.0.1:{self.port}/auth")

    def test_a_question_that_nginx_does_not_find_is_no(self):
        doorward, asked = urllib.parse.urlsplit(self.server.url).port, App.asked
        wrong = "auth_request /.doorward/verify?role=editor;"  # nginx takes the ? for a part of the path
        port = self.start(doorward, more=[("auth_request /.doorward/verify;", wrong)])
        self.assertEqual(self.ask("GET", "/", self.bearer(), port=port).status, 500)
        self.assertEqual(App.asked, asked)


@unittest.skipUnless("caddy" in os.environ["PROXIES"], "Caddy is not here")
class Caddy(Through, unittest.TestCase):
    @classmethod
    def start(cls, doorward, role=None):
        directory, port = cls.directory(), free_port()
        site = replaced(
            (ROOT / "examples" / "Caddyfile").read_text(),
            ("app.example.com {", f"http://{HOST}:{port} {{"),
            ("127.0.0.1:5000", f"127.0.0.1:{doorward}"),
            ("127.0.0.1:8000", f"127.0.0.1:{cls.app_port}"),
            *([("uri /verify?redirect=1", f"uri /verify?redirect=1&role={role}")] if role else []),
        )
        run_caddy(cls, site, port, directory)
        return port


class AtANameOfItsOwn(unittest.TestCase):
    """The proxies of docs/deploy.md, which only hand on."""

    def setUp(self):
        settings = {"DOORWARD_PUBLIC_URL": "https://login.example.com", "DOORWARD_TRUSTED_PROXIES": "127.0.0.1"}
        server = Doorward(**settings)
        self.addCleanup(server.__exit__, None, None, None)
        self.doorward = f"127.0.0.1:{urllib.parse.urlsplit(server.__enter__().url).port}"
        self.directory, self.port = Through.directory.__func__(type(self)), free_port()

    def shown(self, language):
        page = (ROOT / "docs" / "deploy.md").read_text()
        return page.split(f"```{language}\n")[1].split("```")[0]

    @unittest.skipUnless("nginx" in os.environ["PROXIES"], "nginx is not here")
    def test_nginx_hands_on_what_doorward_verify_asks(self):
        site = replaced(
            self.shown("nginx"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.port};"),
            ("    ssl_certificate     /etc/ssl/login.example.com.pem;\n    ssl_certificate_key /etc/ssl/login.example.com.key;\n", ""),
            ("127.0.0.1:5000", self.doorward),
        )
        run_nginx(type(self), site, self.port, self.directory)
        verified(self, f"http://127.0.0.1:{self.port}")

    @unittest.skipUnless("caddy" in os.environ["PROXIES"], "Caddy is not here")
    def test_caddy_hands_on_what_doorward_verify_asks(self):
        address = f"http://127.0.0.1:{self.port}"
        site = replaced(self.shown("caddyfile"), ("login.example.com {", f"{address} {{"), ("127.0.0.1:5000", self.doorward))
        run_caddy(type(self), site, self.port, self.directory)
        verified(self, address)


if __name__ == "__main__":
    unittest.main()

"""What `scripts/bench --peers` measures: how each server is installed, started, and asked who somebody is."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import urllib.parse
from pathlib import Path

from .tools import ROOT, SHARED_SECRET, debian, environment, note

APPS = Path(__file__).parent / "apps"
TEMPLATE = ROOT / "tests" / "interop" / "flask_template.py"
NAME, MAIL, PASSWORD = "arun", "arun@example.com", "securepassword"
NAMED = {"username": NAME, "password": PASSWORD}
# What a server needs of an interpreter and of packages: neither their tests nor bytecode, which is made anew, nor what is not theirs.
UNNEEDED = re.compile(r"__pycache__|tests?|idlelib|ensurepip|config-\d.*|site-packages|dist-packages")


VERSIONS = """
import importlib.metadata, platform, sys
print(*(f"{name} {importlib.metadata.version(name)}," for name in sys.argv[1:]), "Python", platform.python_version())
"""


class Missing(Exception):
    """It cannot be had here, and why."""


class Contender:
    """A login server with a directory of its own. These are its routes, what they take, and how the page calls it."""

    title, runs = "", "one process"
    register, account = "/register", NAMED
    login, credentials, form = "/login", NAMED, False
    who = route = "/me"
    env = {}

    def __init__(self, scratch):
        self.directory = scratch / type(self).__name__.lower()
        self.directory.mkdir()

    def install(self):
        """Makes sure that it is there, or raises [`Missing`]."""

    def sign_up(self, server):
        server.ask("POST", self.register, json.dumps(self.account), {"Content-Type": "application/json"})

    def sign_in(self, server):
        """A token."""
        return json.loads(server.ask("POST", self.login, *self.login_request()))["access_token"]

    def login_request(self):
        if self.form:
            return urllib.parse.urlencode(self.credentials), {"Content-Type": "application/x-www-form-urlencoded"}
        return json.dumps(self.credentials), {"Content-Type": "application/json"}

    def login_script(self):
        """The same for wrk. A text of JSON is one of Lua, too."""
        body, headers = self.login_request()
        (header, kind), = headers.items()
        return f'wrk.method = "POST"\nwrk.body = {json.dumps(body)}\nwrk.headers["{header}"] = "{kind}"\n'


class Doorward(Contender):
    title = "Doorward"
    # One user logs in over several connections at once, which is what throttling is there to slow down.
    env = {"DOORWARD_THROTTLE": "false"}

    def __init__(self, scratch, executable):
        super().__init__(scratch)
        self.executable = executable

    def command(self, port):
        return self.executable, "--address", "127.0.0.1", "--port", port, "--data-dir", "data"

    def version(self):
        return printed(self.executable, "--version").replace("doorward", self.title)

    def hash(self):
        shown = {one["key"]: one["value"] for one in json.loads(printed(self.executable, "config", "show", "--json", cwd=self.directory))}
        return f"Argon2id m={shown['argon2_memory_kib']},t={shown['argon2_iterations']},p=1"

    def disk(self):
        return os.path.getsize(self.executable), 0


class Installed(Contender):
    """One that pip installs into a virtual environment of its own; its list is beside the apps, all of it pinned."""

    packages, told = "", ()

    def install(self):
        target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
        wanted = (APPS / f"{self.packages}.txt").read_text()
        self.venv = target.absolute() / "peers" / self.packages
        fetched = self.venv / "fetched"
        # Fetched once, into the target directory; a changed list is fetched anew.
        if not fetched.exists() or fetched.read_text() != wanted:
            note("fetching", self.title)
            self.fetch()
            fetched.write_text(wanted)

    def fetch(self):
        shutil.rmtree(self.venv, ignore_errors=True)
        make = [sys.executable, "-m", "venv", self.venv]
        if quietly(make):
            debian("python3-venv")
            refused = quietly(make)
            if refused:
                raise Missing(refused)
        pip = [self.python(), "-m", "pip"]
        refused = quietly([*pip, "install", "--quiet", "--disable-pip-version-check", "-r", APPS / f"{self.packages}.txt"])
        if refused:
            raise Missing(refused)
        # It is no part of the server, and what is left is measured.
        quietly([*pip, "uninstall", "--quiet", "--yes", "pip", "setuptools"])

    def python(self):
        return self.venv / "bin" / "python"

    def version(self):
        """Of the packages that do the work."""
        return printed(self.python(), "-c", VERSIONS, *self.told)

    def hash(self):
        return kind_of_hash(stored(self.directory / "users.db", self.column))

    def disk(self):
        return size(self.venv), interpreter_size()


class Flask(Installed):
    title, packages = "Flask", "flask"
    told = "Flask", "Flask-JWT-Extended", "flask-smorest", "SQLAlchemy", "passlib", "gunicorn"
    column = "SELECT password FROM users"
    env = {"JWT_SECRET_KEY": SHARED_SECRET}
    # Processes, and threads in each: with one thread a worker closes each connection after its answer.
    WAYS = ((1, 1), (2, 1), (1, 4), (2, 4))
    way = WAYS[0]

    def install(self):
        super().install()
        for file in (TEMPLATE, APPS / "flask_app.py"):
            shutil.copy(file, self.directory)

    @property
    def runs(self):
        processes, threads = self.way
        return f"gunicorn, {counted(processes, 'worker')}" + (f" of {counted(threads, 'thread')}" if threads > 1 else "")

    def command(self, port):
        processes, threads = self.way
        how = "--bind", f"127.0.0.1:{port}", "--workers", processes, "--threads", threads
        # Its control socket would be in the home of whoever runs this.
        return self.python(), "-m", "gunicorn", *how, "--no-control-socket", "flask_app:app"


class FastapiUsers(Installed):
    title, packages, runs = "fastapi-users", "fastapi", "uvicorn, one process"
    told = "fastapi-users", "fastapi", "SQLAlchemy", "aiosqlite", "pwdlib", "uvicorn"
    column = "SELECT hashed_password FROM user"
    register, account = "/auth/register", {"email": MAIL, "password": PASSWORD}
    login, credentials, form = "/auth/jwt/login", {"username": MAIL, "password": PASSWORD}, True
    who = route = "/users/me"
    env = {"JWT_SECRET_KEY": SHARED_SECRET}

    def install(self):
        super().install()
        shutil.copy(APPS / "fastapi_app.py", self.directory)

    def command(self, port):
        return self.python(), "-m", "uvicorn", "fastapi_app:app", "--host", "127.0.0.1", "--port", port, "--no-access-log"


class PocketBase(Installed):
    title, packages = "PocketBase", "pocketbase"
    register = "/api/collections/users/records"
    account = {"email": MAIL, "password": PASSWORD, "passwordConfirm": PASSWORD}
    login, credentials = "/api/collections/users/auth-with-password", {"identity": MAIL, "password": PASSWORD}
    who, route = "/api/collections/users/records", "/api/collections/users/records/<id>"

    def install(self):
        super().install()
        self.executable = self.venv / "bin" / "pocketbase"
        # Without one, `serve` opens a browser to ask for one.
        refused = quietly([self.executable, "superuser", "create", MAIL, PASSWORD, "--dir", "data"], cwd=self.directory)
        if refused:
            raise Missing(refused)

    def command(self, port):
        return self.executable, "serve", "--http", f"127.0.0.1:{port}", "--dir", "data"

    def sign_in(self, server):
        answer = json.loads(server.ask("POST", self.login, *self.login_request()))
        self.who = f"{self.register}/{answer['record']['id']}"
        return answer["token"]

    def version(self):
        return printed(self.executable, "--version").replace("pocketbase version", self.title)

    def hash(self):
        return kind_of_hash(stored(self.directory / "data" / "data.db", "SELECT password FROM users"))

    def disk(self):
        return os.path.getsize(self.executable), 0


def quietly(command, cwd=None):
    """Nothing, or the last that a command said that failed."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment(), capture_output=True, text=True)
    said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
    return said if done.returncode else None


def printed(*command, cwd=None):
    return subprocess.run(list(map(str, command)), cwd=cwd, env=environment(), check=True, capture_output=True, text=True).stdout.strip()


def counted(number, noun):
    return f"{number} {noun}" + ("" if number == 1 else "s")


def stored(database, query):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchone()[0]


def kind_of_hash(text):
    """The function and its cost, of a hash as it is stored."""
    if found := re.match(r"\$pbkdf2-sha256\$(\d+)\$", text):
        return f"PBKDF2-SHA256, {int(found[1]):,} rounds"
    if found := re.match(r"\$argon2id\$v=19\$([^$]+)\$", text):
        return f"Argon2id {found[1]}"
    if found := re.match(r"\$2[abxy]\$(\d+)\$", text):
        return f"bcrypt, cost {int(found[1])}"
    raise SystemExit(f"bench: what hash is this? {text[:12]}…")


def size(directory):
    """Bytes of the files a server needs of it; links are not followed."""
    total = 0
    for here, folders, files in os.walk(directory):
        folders[:] = [folder for folder in folders if folder == "site-packages" or not UNNEEDED.fullmatch(folder)]
        total += sum(os.lstat(os.path.join(here, file)).st_size for file in files)
    return total


def interpreter_size():
    """Bytes of the interpreter, its library and its modules."""
    modules = Path(sysconfig.get_path("stdlib"))
    library = Path(sysconfig.get_config_var("LIBDIR") or "") / (sysconfig.get_config_var("LDLIBRARY") or "")
    shared = [library] if library.suffix == ".so" and library.exists() else []
    own = sum(os.path.getsize(file) for file in (Path(sys.executable).resolve(), *shared))
    return own + sum(size(one) if one.is_dir() else one.stat().st_size for one in modules.iterdir() if not UNNEEDED.fullmatch(one.name))

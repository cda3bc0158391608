"""What the measurements share: servers, the load generator, and figures that are put into one."""

import contextlib
import http.client
import itertools
import json
import os
import platform
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CREDENTIALS = json.dumps({"username": "arun", "password": "securepassword"})
SHARED_SECRET = "a secret of thirty-two bytes or more, for this run only"
CONNECTIONS = 32
TICKS = os.sysconf("SC_CLK_TCK")
# Of the environment: what changes how a server runs.
SETTINGS = ("DOORWARD_", "ROCKET_", "JWT_", "TOKIO_", "GUNICORN_", "WEB_CONCURRENCY", "UVICORN_", "FLASK_", "PYTHON", "GOMAXPROCS", "GOGC")

# wrk prints for people; this prints one line for us. wrk counts an answer of 400 or more as an error of status.
REPORT = """
function done(summary, latency)
    local e = summary.errors
    print(string.format('REPORT {"requests": %d, "micros": %d, "refused": %d, "broken": %d, "p50_us": %d, "p99_us": %d}',
        summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"""
LOGIN = f"""
wrk.method = "POST"
wrk.body = {json.dumps(CREDENTIALS)}
wrk.headers["Content-Type"] = "application/json"
"""


def free_port():
    """One that nobody has, and that the system gives to nobody who asks for just any."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def need_wrk():
    if not shutil.which("wrk"):
        note("installing wrk")
        debian("wrk")
    if not shutil.which("wrk"):
        sys.exit("bench: needs wrk, the load generator: `apt-get install wrk` (Debian, as root), or https://github.com/wg/wrk")


def debian(package):
    """Installs a Debian package, if we may."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return
    quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], **quiet)


def build(what, **env):
    """Each by itself: in one build the features that only tests and examples need would get into the server."""
    note("building", what[-1])
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics", *what]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}).stdout.splitlines()
    built = [message["executable"] for message in map(json.loads, lines) if message.get("executable")]
    return built[-1]


def build_packaged():
    """The executable as scripts/release makes it; None where what that takes is not installed."""
    target = f"{platform.machine()}-unknown-linux-musl"
    library = subprocess.run(["rustc", "--print", "target-libdir", "--target", target], capture_output=True, text=True).stdout.strip()
    if not Path(library).is_dir() or not shutil.which("musl-gcc"):
        note(f"the packages' executable is left out: it takes musl-gcc and the target {target}")
        return None
    return build(["--bin", "doorward", "--target", target], **{f"CC_{target.replace('-', '_')}": "musl-gcc"})


def cores():
    """One for the servers, another for the load. A server pinned to one core starts one worker."""
    if not hasattr(os, "sched_getaffinity"):
        sys.exit("bench: runs on Linux only")
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        note("only one core: server and load share it, and throughput says little")
    return available[0], available[1 % len(available)]


def pinned(core):
    """For a child process; None: it may run anywhere."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def environment():
    """Ours, but for settings of whoever runs this: they are not measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}


class Server:
    """A server process that says where it listens. Ended when the `with` block is left, however that happens."""

    def __init__(self, directory, core, command, env):
        self.start(directory, core, command, env, subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line.startswith("listening on http://"):
            self.give_up(command)
        self.address = line.split("//", 1)[1].strip()

    def start(self, directory, core, command, env, stdout=None):
        """What it prints is logged, unless somebody reads it."""
        self.log = directory / "servers.log"
        with open(self.log, "a") as log:
            self.began = time.perf_counter()
            self.process = subprocess.Popen(
                list(map(str, command)),
                cwd=directory,
                env={**environment(), **env},
                stdout=stdout or log,
                stderr=log,
                text=True,
                preexec_fn=pinned(core),
            )

    def give_up(self, command):
        self.process.kill()
        sys.exit(f"bench: {command[0]} does not start:\n{self.log.read_text()[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.address, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
        if not 200 <= answer.status < 300:
            sys.exit(f"bench: {method} {path} was answered {answer.status}: {text}")
        return text

    def cpu_seconds(self):
        # Fields 14 and 15 (user and system time of all threads); the name in field 2 may hold anything, so count after it.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def threads(self):
        """Their names."""
        return [Path(task, "comm").read_text().strip() for task in Path(f"/proc/{self.process.pid}/task").iterdir()]

    def resident_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


class Load:
    """wrk on a core of its own, with one thread."""

    def __init__(self, directory, core):
        self.directory, self.core, self.numbers = directory, core, itertools.count()

    def command(self, server, path, seconds, connections, script="", token=None):
        # Each run its own: two may be under way.
        file = self.directory / f"load-{next(self.numbers)}.lua"
        file.write_text(script + REPORT)
        header = ["-H", f"Authorization: Bearer {token}"] if token else []
        measure = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", file]
        return ["wrk", *measure, *header, f"http://{server.address}{path}"]

    @contextlib.contextmanager
    def flood(self, server, path, seconds, connections, script):
        """In the background, whatever is answered."""
        command = self.command(server, path, seconds, connections, script)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=pinned(self.core))
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, server, path, seconds, connections=CONNECTIONS, script="", token=None, refusals=False):
        """Figures of the requests that were answered with 2xx. None other may be, but for refusals where they are let pass."""
        command = self.command(server, path, seconds, connections, script, token)
        before = server.cpu_seconds()
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(self.core)).stdout
        spent = server.cpu_seconds() - before
        report = json.loads(next(line for line in printed.splitlines() if line.startswith("REPORT ")).removeprefix("REPORT "))
        requests = report["requests"] - report["refused"]
        if (report["refused"] and not refusals) or report["broken"] or not requests:
            sys.exit(f"bench: {path} did not answer every request with 2xx: {report}")
        return {
            "requests_per_second": requests / (report["micros"] / 1e6),
            "cpu_us_per_request": spent / requests * 1e6,
            "non_2xx": report["refused"],
            "requests": requests,
            **{name: report[name] for name in ("p50_us", "p99_us")},
        }


def log_in(server):
    as_json = {"Content-Type": "application/json"}
    server.ask("POST", "/register", CREDENTIALS, as_json)
    return json.loads(server.ask("POST", "/login", CREDENTIALS, as_json))["access_token"]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def machine(server_core, load_core):
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")), platform.machine())
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "server_core": server_core,
        "load_core": load_core,
    }


def note(*words):
    print("bench:", *words, file=sys.stderr, flush=True)

"""How the server does with a million records, many writers and a flood of logins (`scripts/bench --scale`)."""

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .tools import LOGIN, Load, Server, build, cores, log_in, machine, note, pinned, spread

FLOOD_CONNECTIONS = 32
WRITERS = 32
# Of the machine's threads: so many clients for each log in at the same time.
CROWDS = (4, 40, 400)


def measure(options):
    busy = os.getloadavg()[0]
    doorward, tool = build(["--bin", "doorward"]), build(["--example", "scale"])
    server_core, load_core = cores()
    million = 10_000 if options.quick else 1_000_000
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorward-scale-")))
        bench = Bench(scratch, doorward, tool, server_core, load_core, options)
        note("filling the data directories")
        bench.fill("tenth", million // 10, million // 10)
        bench.fill("million", million, million)
        bench.fill("revoked", 10, 10, revocations=million)
        bench.fill("expired", 10, 10, expired=million)
        results = {"million": million}
        for step in (starts, revocations, sweeping, saturation, flood, crowds, writes):
            note(step.__name__)
            results |= step(bench)
    result = {"machine": machine(server_core, load_core), "load_average_before": busy, "rounds": options.rounds, "seconds": options.seconds}
    result |= results
    for name, unit, value, target in rows(result):
        print(f"{name:<72} {value['median']:>10.2f} ({value['min']:.2f}–{value['max']:.2f}) {unit}", f"target {target}" if target else "")
    return result


def rows(result):
    """For the page: name, unit, spread, target (at most, or at least where the name says so)."""
    table = []
    for name, limit in (("empty", 0.05), ("tenth", None), ("million", 1.5)):
        table.append((f"start to the first answer, {words(name)}", "s", result["start_s"][name], limit))
        table.append((f"resident memory 1 s after the start, {words(name)}", "MiB", result["resident_mib"][name], 20 if name == "empty" else None))
        table.append((f"data directory, {words(name)}", "MiB", result["disk_mib"][name], None))
    table += [
        ("CPU of /test with a million live revocations, to none", "×", result["revoked_cpu_ratio"], 1.05),
        ("p99 of /test while a million expired records are swept, to quiet", "×", result["sweep_p99_ratio"], 2.0),
        ("logins at saturation, to Argon2id alone: at least", "×", result["login_ratio"], 0.95),
        ("p99 of /test while 32 clients flood /login, to quiet", "×", result["flood_p99_ratio"], 3.0),
        ("durable writes, 32 writers to one: at least", "×", result["write_ratio"], 8.0),
        ("durable writes, one writer", "a second", result["writes_1"], None),
        ("durable writes, 32 writers", "a second", result["writes_32"], None),
        ("fdatasync for each write, 32 writers", "", result["syncs_per_write"], 0.1),
    ]
    table += [(f"resident memory, {name}", "MiB", value, None) for name, value in result["crowd_mib"].items()]
    return table


def words(name):
    return {"empty": "empty", "tenth": "100 thousand users and sessions", "million": "a million users and sessions"}[name]


class Bench:
    """What the measurements need."""

    def __init__(self, scratch, doorward, tool, server_core, load_core, options):
        self.scratch, self.doorward, self.tool = scratch, doorward, tool
        self.server_core, self.load, self.load_core, self.options = server_core, Load(scratch, load_core), load_core, options

    def fill(self, name, users, sessions, revocations=0, expired=0):
        self.ask_tool("fill", self.scratch / name, users, sessions, revocations, expired)

    def ask_tool(self, *arguments, core=None):
        command = [self.tool, *map(str, arguments)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(core)).stdout
        return json.loads(printed)

    def server(self, name, core=None):
        command = (self.doorward, "--address", "127.0.0.1", "--port", "0", "--data-dir", self.scratch / name)
        # The daily checkpoint would be due at once.
        return Server(self.scratch, core, command, {"DOORWARD_THROTTLE": "false", "DOORWARD_CHECKPOINT_INTERVAL": "0"})

    def rounds(self):
        return range(2 if self.options.quick else 3)


def starts(bench):
    """After a clean stop, with the files in the page cache, on any core."""
    names = ("empty", "tenth", "million")
    taken, resident = ({name: [] for name in names} for _ in range(2))
    for number in range(len(bench.rounds()) + 1):
        for name in names:
            with bench.server(name) as server:
                server.ask("GET", "/health")
                seconds = time.perf_counter() - server.began
                time.sleep(1)
                # The first start of each has nothing to be compared with: it makes the engine's snapshot.
                if number > 0:
                    taken[name].append(seconds)
                    resident[name].append(server.resident_kib() / 1024)
    disk = {name: spread([sum(file.stat().st_size for file in (bench.scratch / name).rglob("*") if file.is_file()) / 2**20]) for name in names}
    return {
        "start_s": {name: spread(values) for name, values in taken.items()},
        "resident_mib": {name: spread(values) for name, values in resident.items()},
        "disk_mib": disk,
    }


def revocations(bench):
    """A few percent are to be told apart: both at the same time, on one core, so that whatever else the machine does meets both alike."""
    ratios = []
    with bench.server("none", bench.server_core) as none, bench.server("revoked", bench.server_core) as revoked:
        tokens = {server: log_in(server) for server in (none, revoked)}
        # The records are read once more after such a start, at leisure.
        while "store-check" in revoked.threads():
            time.sleep(0.2)
        run = lambda server: bench.load.run(server, "/test", bench.options.seconds, token=tokens[server])["cpu_us_per_request"]
        with ThreadPoolExecutor(2) as both:
            for _ in range(2 * bench.options.rounds):
                without, among = both.map(run, (none, revoked))
                ratios.append(among / without)
    return {"revoked_cpu_ratio": spread(ratios)}


def sweeping(bench):
    """The sweep begins with the start; quiet is a server with nothing to sweep, asked in turns. Both may run on any core."""
    ratios = []
    with bench.server("none") as none:
        quiet_token = json.loads(none.ask("POST", "/login", *credentials()))["access_token"]
        with bench.server("expired") as sweeper:
            busy_token = log_in(sweeper)
            for _ in bench.rounds():
                quiet, busy = p99(none, quiet_token, 1), p99(sweeper, busy_token, 1)
                ratios.append(busy / quiet)
    return {"sweep_p99_ratio": spread(ratios)}


def credentials(username="arun"):
    return json.dumps({"username": username, "password": "securepassword"}), {"Content-Type": "application/json"}


def p99(server, token, seconds):
    """Milliseconds, of a client that asks every 2 ms."""
    taken = []
    connection = http.client.HTTPConnection(server.address, timeout=10)
    with contextlib.closing(connection):
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            began = time.perf_counter()
            connection.request("GET", "/test", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            taken.append((time.perf_counter() - began) * 1e3)
            if answer.status != 200:
                raise SystemExit(f"bench: GET /test was answered {answer.status}")
            time.sleep(max(0.0, 0.002 - (time.perf_counter() - began)))
    return sorted(taken)[len(taken) * 99 // 100]


def saturation(bench):
    """One thread that hashes, on the server's core: the server's, and Argon2id alone, in turns."""
    ratios, logins = [], []
    with bench.server("none", bench.server_core) as server:
        for _ in bench.rounds():
            alone = bench.ask_tool("hash", 1, bench.options.seconds, core=bench.server_core)["hashes_per_second"]
            logins.append(bench.load.run(server, "/login", bench.options.seconds, 8, LOGIN)["requests_per_second"])
            ratios.append(logins[-1] / alone)
    return {"login_ratio": spread(ratios), "logins_per_second": spread(logins)}


def flood(bench):
    ratios = []
    with bench.server("none") as server:
        # Somebody else: a user has 50 sessions, and the flood's push the oldest out.
        probe = credentials("bina")
        server.ask("POST", "/register", *probe)
        token = json.loads(server.ask("POST", "/login", *probe))["access_token"]
        # Single rounds lie between once and four times.
        for _ in range(2 * bench.options.rounds):
            quiet = p99(server, token, bench.options.seconds)
            with bench.load.flood(server, "/login", bench.options.seconds + 2, FLOOD_CONNECTIONS, LOGIN):
                time.sleep(1)
                ratios.append(p99(server, token, bench.options.seconds) / quiet)
    return {"flood_p99_ratio": spread(ratios)}


def crowds(bench):
    with bench.server("none") as server:
        return {"crowd_mib": rush(server, bench.load, bench.options)}


def rush(server, load, options):
    """What is resident before, during and after logins by more and more clients at once."""
    resident = {}
    time.sleep(1)
    threads = len(os.sched_getaffinity(0))
    resident["before the logins"] = spread([server.resident_kib() / 1024])
    for times in CROWDS:
        clients = times * threads
        with load.flood(server, "/login", options.seconds + 1, clients, LOGIN) as process:
            seen = []
            while process.poll() is None:
                seen.append(server.resident_kib() / 1024)
                time.sleep(0.1)
        resident[f"{clients} clients log in at once"] = spread([max(seen)])
    wait = 2 if options.quick else 60
    time.sleep(wait)
    resident[f"{wait} s later"] = spread([server.resident_kib() / 1024])
    return resident


def writes(bench):
    one, many = [], []
    run = lambda name, writers: bench.ask_tool("write", bench.scratch / name, writers, bench.options.seconds)["writes_per_second"]
    for number in bench.rounds():
        one.append(run(f"one-{number}", 1))
        many.append(run(f"many-{number}", WRITERS))
    result = {"writes_1": spread(one), "writes_32": spread(many), "write_ratio": spread([b / a for a, b in zip(one, many)])}
    return result | {"syncs_per_write": spread([syncs(bench)])}


def syncs(bench):
    """Counted by strace, which slows the writers down and so makes more syncs, not fewer, of as many writes."""
    if not shutil.which("strace"):
        raise SystemExit("bench: needs strace: `apt-get install strace`")
    counted = bench.scratch / "strace"
    command = ["strace", "-f", "-c", "-e", "trace=fdatasync", "-o", counted, bench.tool, "write", bench.scratch / "traced", WRITERS, 3]
    printed = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout
    calls = re.search(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*fdatasync", counted.read_text(), re.MULTILINE)
    return int(calls[1]) / json.loads(printed)["writes"]

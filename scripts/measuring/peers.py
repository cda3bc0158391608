"""What the same work costs in Doorward and in what people use today (`scripts/bench --peers`)."""

import contextlib
import http.client
import os
import statistics
import tempfile
import time
from pathlib import Path

from .contenders import Doorward, FastapiUsers, Flask, Missing, PocketBase
from .page import Row, SideBySide, told
from .tools import TICKS, Load, Server, build, cores, free_port, machine, note, spread

LOGIN_CONNECTIONS = 8
NOT_THE_SAME = "logins: not to be compared, for a faster hash is one that is easier to break"


def measure(options):
    busy = os.getloadavg()[0]
    executable = build(["--bin", "doorward"])
    server_core, load_core = cores()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorward-peers-")))
        bench = Bench(scratch, server_core, load_core, options)
        missing = bench.gather(Doorward(scratch, executable), Flask(scratch), FastapiUsers(scratch), PocketBase(scratch))
        for one in bench.contenders:
            with bench.server(one) as server:
                one.sign_up(server)
        ways = {one.title: choose_way(bench, one) for one in bench.contenders if isinstance(one, Flask)}
        figures = starts(bench)
        for title, measured in loads(bench).items():
            figures[title] |= measured
        described = {one.title: describe(one) for one in bench.contenders}
    result = {
        "machine": machine(server_core, load_core),
        "load_average_before": busy,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "servers": {title: described[title] | figures[title] for title in figures},
        "missing": missing,
        "ways": ways,
    }
    show(result)
    return result


class Bench:
    """What the measurements need."""

    def __init__(self, scratch, server_core, load_core, options):
        self.server_core, self.load, self.options = server_core, Load(scratch, load_core), options
        self.contenders = []

    def gather(self, *contenders):
        """Why those that cannot be had here cannot."""
        missing = {}
        for one in contenders:
            try:
                one.install()
                self.contenders.append(one)
            except Missing as why:
                note("without", one.title + ":", why)
                missing[one.title] = str(why)
        return missing

    def server(self, contender):
        return Peer(self.server_core, contender)

    def turns(self, things, times):
        """There and back again, round by round: a machine that grows slower within each round favours nobody."""
        things = list(things)
        for number in range(times):
            note(f"round {number + 1} of {times}")
            yield from things if number % 2 == 0 else things[::-1]

    def verified(self, server, seconds):
        return self.load.run(server, server.contender.who, seconds, token=server.token)


class Peer(Server):
    """A server of one process or several, that is told where to listen, and asked until it answers."""

    def __init__(self, core, contender):
        self.contender = contender
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        command = contender.command(port)
        self.start(contender.directory, core, command, contender.env)
        while not self.answers(contender.who):
            if self.process.poll() is not None or time.perf_counter() > self.began + 60:
                self.give_up(command)
            time.sleep(0.001)
        self.start_ms = (time.perf_counter() - self.began) * 1e3

    def answers(self, path):
        """Whatever the status: without a token it is a refusal."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                connection.getresponse().read()
                return True
            except (ConnectionError, TimeoutError):
                return False

    def cpu_seconds(self):
        return sum(sum(map(int, fields[11:13])) for fields in stats(self.process.pid)) / TICKS

    def resident_kib(self):
        """What its processes have by themselves, and once what they share: for one process, what VmRSS says."""
        alone, shared = 0, [0]
        for pid in family(self.process.pid):
            sizes = rollup(pid)
            alone += sizes["Private_Clean"] + sizes["Private_Dirty"]
            shared.append(sizes["Shared_Clean"] + sizes["Shared_Dirty"])
        return alone + max(shared)

    def settle(self):
        """Waits until it is done with what nobody waits for any more, so that the next one has the core alone."""
        until, before = time.perf_counter() + 20, self.cpu_seconds()
        while time.perf_counter() < until:
            time.sleep(0.1)
            spent, before = self.cpu_seconds() - before, self.cpu_seconds()
            if spent <= 0.01:
                return


def stat(pid):
    """/proc/PID/stat from its third field on (the name in the second may hold anything); nothing for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def family(pid):
    """A process and all that come from it."""
    parents = {int(one.name): stat(one.name) for one in Path("/proc").glob("[0-9]*")}
    found = [pid]
    for one in found:
        found += [child for child, fields in parents.items() if fields and int(fields[1]) == one]
    return found


def stats(pid):
    return [fields for fields in map(stat, family(pid)) if fields]


def rollup(pid):
    """Sizes in KiB, by name: the sums of all of a process's mappings."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}


def choose_way(bench, flask):
    """How gunicorn runs the app best on one core, by verified requests; each way in turns."""
    note("how many workers are best for", flask.title)
    taken = {way: [] for way in flask.WAYS}
    with contextlib.ExitStack() as stack:
        servers = {}
        for flask.way in flask.WAYS:
            servers[flask.way] = stack.enter_context(bench.server(flask))
            servers[flask.way].token = flask.sign_in(servers[flask.way])
            bench.verified(servers[flask.way], 1)
        for way in bench.turns(servers, 2):
            taken[way].append(bench.verified(servers[way], bench.options.seconds)["requests_per_second"])
    names = {}
    for flask.way in flask.WAYS:
        names[flask.runs] = spread(taken[flask.way])
    flask.way = max(taken, key=lambda way: statistics.median(taken[way]))
    return names


def starts(bench):
    """With the database of an earlier run, on the servers' core; memory a second after the first answer."""
    note("starting and stopping")
    taken, idle = ({one.title: [] for one in bench.contenders} for _ in range(2))
    for one in bench.turns(bench.contenders, bench.options.rounds):
        with bench.server(one) as server:
            taken[one.title].append(server.start_ms)
            time.sleep(1)
            idle[one.title].append(server.resident_kib() / 1024)
    return {title: {"start_ms": spread(taken[title]), "idle_mib": spread(idle[title])} for title in taken}


def loads(bench):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(bench.server(one)) for one in bench.contenders]
        note("warming up")
        for server in servers:
            server.token = server.contender.sign_in(server)
            bench.verified(server, 1)
        note("verified requests")
        requests = {server.contender.title: [] for server in servers}
        for server in bench.turns(servers, bench.options.rounds):
            requests[server.contender.title].append(bench.verified(server, bench.options.seconds))
            server.settle()
        note("logins")
        logins = {title: [] for title in requests}
        for server in bench.turns(servers, bench.options.rounds):
            logins[server.contender.title].append(log_in_at_once(bench, server))
            server.settle()
        after = {server.contender.title: server.resident_kib() / 1024 for server in servers}
    ours = requests[Doorward.title]
    return {title: summarise(requests[title], logins[title], ours) | {"after_mib": spread([after[title]])} for title in requests}


def log_in_at_once(bench, server):
    # Eight slow hashes on a busy core take more than a second.
    login, seconds = server.contender.login, max(bench.options.seconds, 3)
    return bench.load.run(server, login, seconds, LOGIN_CONNECTIONS, server.contender.login_script(), refusals=True)


def summarise(requests, logins, ours):
    of = lambda runs, name: [run[name] for run in runs]
    cpu, rate = of(requests, "cpu_us_per_request"), of(requests, "requests_per_second")
    return {
        "verified_per_second": spread(rate),
        "verified_cpu_us": spread(cpu),
        # Paired: each with ours of its own round.
        "verified_cpu_ratio": spread([one / other for one, other in zip(cpu, of(ours, "cpu_us_per_request"))]),
        "core_percent": spread([one * other / 1e4 for one, other in zip(cpu, rate)]),
        "logins_per_second": spread(of(logins, "requests_per_second")),
        "refused_logins": sum(of(logins, "non_2xx")),
        "login_cpu_ms": spread([run["cpu_us_per_request"] / 1e3 for run in logins]),
        "runs_of_load": {"verified": requests, "logins": logins},
    }


def describe(contender):
    own, interpreter = contender.disk()
    return {
        "runs": contender.runs,
        "version": contender.version(),
        "who": f"`GET {contender.route}`",
        "hash": contender.hash(),
        "disk_mib": spread([(own + interpreter) / 2**20]),
        "interpreter_mib": interpreter / 2**20,
    }


def side_by_side(result):
    """For the page."""
    servers = result["servers"]
    of = lambda key: [one[key] for one in servers.values()]
    interpreters = [f"{one:.0f}" if one else "none" for one in of("interpreter_mib")]
    rows = [
        Row("what ran", "", of("runs")),
        Row("versions", "", of("version")),
        Row("who am I, with a token", "", of("who")),
        Row("verified requests", "a second", of("verified_per_second"), "verified requests: more is better"),
        Row("CPU of a verified request", "µs", of("verified_cpu_us"), "CPU of a verified request: less is better"),
        Row("the same, to Doorward's", "×", of("verified_cpu_ratio")),
        Row("of the core, busy with them", "%", of("core_percent")),
        Row("password hash", "", of("hash")),
        Row("logins, each with its own hash: not the same work", "a second", of("logins_per_second"), NOT_THE_SAME, of("hash")),
        Row("CPU of a login", "ms", of("login_cpu_ms")),
        Row("start to the first answer", "ms", of("start_ms"), "start to the first answer: less is better"),
        Row("resident memory, idle", "MiB", of("idle_mib"), "resident memory, idle: less is better"),
        Row("resident memory after the load", "MiB", of("after_mib"), "resident memory after the load: less is better"),
        Row("on disk: executable, or packages and interpreter", "MiB", of("disk_mib"), "on disk: less is better"),
        Row("of which the interpreter", "MiB", interpreters),
    ]
    return SideBySide(list(servers), rows, remarks(result))


def remarks(result):
    """What the figures do not say."""
    lines = []
    for title, ways in result["ways"].items():
        tried = "; ".join(f"{way} {taken['median']:,.0f}" for way, taken in ways.items())
        lines.append(f"{title} ran in the best of these ways, by verified requests a second: {tried}.")
    # Its threads that hash give way to whatever else runs on the core, and who would wait for more than two seconds is refused.
    refused = {title: one["refused_logins"] for title, one in result["servers"].items() if one["refused_logins"]}
    lines += [f"**The core was busy with other things**: {title} refused {number:,} logins." for title, number in refused.items()]
    return lines + [f"Not measured: {title} ({why})." for title, why in result["missing"].items()]


def show(result):
    shown = side_by_side(result)
    for row in shown.rows:
        print(f"\n{row.what}{', ' + row.unit if row.unit else ''}")
        for title, cell in zip(shown.columns, row.cells):
            print(f"    {title:<16}{cell if isinstance(cell, str) else told(cell)}")
    print("", *shown.remarks, sep="\n")

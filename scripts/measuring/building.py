"""What a build takes, and how the packages' executable does beside the one built here (`scripts/bench --build`)."""

import contextlib
import json
import os
import resource
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .scale import rush
from .tools import ROOT, Load, Server, build, build_packaged, cores, log_in, machine, note, spread


def measure(options):
    busy = os.getloadavg()[0]
    server_core, load_core = cores()
    result = {"machine": machine(server_core, load_core), "load_average_before": busy}
    with tempfile.TemporaryDirectory(prefix="doorward-build-") as scratch:
        result["builds"] = {} if options.quick else {name: from_nothing(Path(scratch), name, flags) for name, flags in BUILDS.items()}
        result["kinds"] = side_by_side(Path(scratch), server_core, load_core, options)
    for name, unit, value, _ in rows(result):
        print(f"{name:<72} {value['median']:>10.2f} {unit}")
    return result


BUILDS = {"as one tries it out (`cargo build`)": [], "for use (`cargo build --release`)": ["--release"]}


def from_nothing(scratch, name, flags):
    """All of it compiled, with every crate fetched before."""
    note("building", name)
    subprocess.run(["cargo", "fetch", "--quiet"], cwd=ROOT, check=True)
    target = scratch / f"target{len(flags)}"
    command = ["cargo", "build", "--bin", "doorward", "--message-format=json", "--quiet", *flags]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "CARGO_TARGET_DIR": target})
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": spread([seconds]),
        "cpu_seconds": spread([after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime]),
        **crates(printed.stdout.splitlines()),
    }


def crates(messages):
    """How many there are in the executable, and how many more only build it, as cargo reports what it has compiled."""
    artifacts = [message for message in map(json.loads, messages) if message["reason"] == "compiler-artifact"]
    of_kind = lambda *kinds: {one["package_id"] for one in artifacts if set(one["target"]["kind"]) & set(kinds)}
    inside = of_kind("lib", "rlib", "cdylib")
    # The same crate may be built twice, for the executable and for a macro: it is inside.
    return {"crates": len(inside), "crates_that_build": len(of_kind("proc-macro", "custom-build") - inside)}


def side_by_side(scratch, server_core, load_core, options):
    executables = {"built here": build(["--bin", "doorward"])}
    if packaged := build_packaged():
        executables["as packaged"] = packaged
    kinds = {name: {"mib": spread([os.path.getsize(path) / 2**20])} for name, path in executables.items()}
    load = Load(scratch, load_core)

    def serve(name, core=None):
        command = (executables[name], "--address", "127.0.0.1", "--port", "0", "--data-dir", scratch / name.replace(" ", "-"))
        return Server(scratch, core, command, {"DOORWARD_THROTTLE": "false"})

    with contextlib.ExitStack() as stack:
        note("asking", *executables)
        servers = [stack.enter_context(serve(name, server_core)) for name in executables]
        tokens = {server: log_in(server) for server in servers}
        run = lambda server: load.run(server, "/test", options.seconds, token=tokens[server])["cpu_us_per_request"]
        # At the same time, on one core: what else the machine does meets all alike.
        with ThreadPoolExecutor(len(servers)) as together:
            taken = [list(together.map(run, servers)) for _ in range(2 * options.rounds)]
    for place, (name, kind) in enumerate(kinds.items()):
        kind["cpu_ratio"] = spread([one[place] / one[0] for one in taken])
        note("a rush,", name)
        with serve(name) as server:
            kind["rush_mib"] = rush(server, load, options)
    return kinds


def rows(result):
    """For the page: name, unit, spread, target."""
    table = []
    for name, one in result["builds"].items():
        table.append((f"clean build, {name}", "s", one["seconds"], None))
        table.append((f"clean build, {name}, processor time", "s", one["cpu_seconds"], None))
    for name, one in list(result["builds"].items())[-1:]:
        table.append(("crates in the executable", "", spread([one["crates"]]), None))
        table.append(("crates that only take part in the build", "", spread([one["crates_that_build"]]), None))
    for name, kind in result["kinds"].items():
        table.append((f"executable, {name}", "MiB", kind["mib"], 12))
        if name != "built here":
            table.append((f"CPU of /test, {name}, to that built here", "×", kind["cpu_ratio"], None))
        table += [(f"resident memory, {name}, {when}", "MiB", value, None) for when, value in kind["rush_mib"].items()]
    return table

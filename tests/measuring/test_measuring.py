"""The parts of scripts/bench that can be wrong without anybody seeing it: tables, charts, and what several processes take together."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from measuring import page
from measuring.building import crates
from measuring.contenders import Contender, Missing, kind_of_hash, size
from measuring.peers import Bench, Peer, family, remarks
from measuring.tools import spread

# Answers from a process of its own, as gunicorn does: they share 40 MiB, and the one that answers has 30 MiB and some CPU of its own.
FORKING = """
import http.server, os, sys
shared = b"x" * (40 << 20)
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler)
worker = os.fork() if sys.argv[2] == "two" else 0
if worker:
    os.waitpid(worker, 0)
sum(range(20_000_000))
kept = b"x" * (30 << 20)
server.serve_forever()
"""


class Stub(Contender):
    def __init__(self, scratch, processes):
        super().__init__(scratch)
        self.processes = processes

    def command(self, port):
        return sys.executable, "-c", FORKING, port, self.processes


def picture(shown):
    return xml.etree.ElementTree.fromstring(shown.svg())


def widths(shown):
    return [float(one.get("width")) for one in picture(shown).findall("{*}rect")[1:]]


class PageTest(unittest.TestCase):
    def test_what_is_written_is_between_its_markers_and_nothing_else_changes(self):
        text = "before\n<!-- a: written by scripts/bench -->\nold\n<!-- end of a -->\nafter\n"
        self.assertEqual(page.put(text, "a", ["new"]), text.replace("old", "new"))

    def test_a_page_without_a_place_is_refused(self):
        with self.assertRaises(SystemExit):
            page.put("nothing here", "a", ["new"])

    def test_the_page_has_a_place_for_each_measurement(self):
        for name in ("requests", "scale", "peers", "build"):
            self.assertIn("mark of the test", page.put(page.PAGE.read_text(), name, ["mark of the test"]))

    def test_a_target_is_the_most_or_the_least_there_may_be(self):
        value = spread([2.0])
        targets = {"a": 1, "b": 2, "c: at least": 3, "d: at least": 2, "e": None}
        shown = page.AgainstTargets([(name, "s", value, target) for name, target in targets.items()])
        self.assertEqual([line.split("|")[-2].strip() for line in shown.table()[2:]], ["**missed**", "met", "**missed**", "met", ""])
        self.assertEqual(len(widths(shown)), 4)

    def test_servers_stand_side_by_side_and_only_what_has_a_title_is_charted(self):
        cells = [spread([100.0]), spread([40.0, 50.0, 60.0])]
        rows = [page.Row("kind", "", ["one & only", "two"]), page.Row("requests", "a second", cells, "Requests", ["<hash>", "b"])]
        shown = page.SideBySide(["Ours", "Theirs"], rows, ["Not measured: a third."])
        lines = ["| kind | one & only | two |", "| requests, a second | 100 | 50 (40–60) |", "", "Not measured: a third."]
        self.assertEqual(shown.table()[2:], lines)
        ours, theirs = widths(shown)
        self.assertAlmostEqual(theirs / ours, 0.5, places=2)
        self.assertAlmostEqual(ours, page.WIDTH - shown.label - shown.right)
        self.assertIn("100 a second · <hash>", [one.text for one in picture(shown).findall("{*}text")])


class PeerTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def peer(self, processes):
        return self.enterContext(Peer(None, Stub(self.scratch, processes)))

    def test_what_the_workers_take_is_counted_and_what_they_share_only_once(self):
        server = self.peer("two")
        children = family(server.process.pid)[1:]
        self.assertEqual(len(children), 1)
        parent_alone = sum(map(int, pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        self.assertGreater(server.cpu_seconds(), parent_alone / os.sysconf("SC_CLK_TCK"))
        self.assertGreater(server.resident_kib(), 70 << 10)
        self.assertLess(server.resident_kib(), 105 << 10)

    def test_what_one_process_takes_is_what_the_system_says(self):
        server = self.peer("one")
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        self.assertAlmostEqual(server.resident_kib() / resident, 1, delta=0.05)

    def test_the_first_answer_is_waited_for(self):
        server = self.peer("one")
        self.assertTrue(server.answers("/"))
        self.assertLessEqual(server.start_ms, (time.perf_counter() - server.began) * 1e3)


class ContenderTest(unittest.TestCase):
    def test_a_stored_hash_says_its_function_and_cost(self):
        self.assertEqual(kind_of_hash("$pbkdf2-sha256$29000$c2FsdA$c3Vt"), "PBKDF2-SHA256, 29,000 rounds")
        self.assertEqual(kind_of_hash("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$c3Vt"), "Argon2id m=65536,t=3,p=4")
        self.assertEqual(kind_of_hash("$2a$10$" + "x" * 53), "bcrypt, cost 10")
        with self.assertRaises(SystemExit):
            kind_of_hash("md5")

    def test_bytecode_and_tests_are_not_what_a_server_needs(self):
        with tempfile.TemporaryDirectory() as directory:
            for name, length in (("app.py", 10), ("lib/site-packages/a.py", 20), ("lib/__pycache__/a.pyc", 40), ("lib/tests/t.py", 80)):
                file = pathlib.Path(directory, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(b"x" * length)
            self.assertEqual(size(directory), 30)


    def test_who_cannot_be_had_is_left_out_and_the_page_says_why(self):
        class Nowhere(Stub):
            title = "Nowhere"

            def install(self):
                raise Missing("nobody has it")

        with tempfile.TemporaryDirectory() as directory:
            scratch = pathlib.Path(directory)
            bench, here = Bench(scratch, None, None, None), Stub(scratch, "one")
            with contextlib.redirect_stderr(io.StringIO()) as said:
                missing = bench.gather(here, Nowhere(scratch, "one"))
        self.assertEqual(bench.contenders, [here])
        self.assertIn("Nowhere: nobody has it", said.getvalue())
        self.assertEqual(remarks({"ways": {}, "servers": {}, "missing": missing}), ["Not measured: Nowhere (nobody has it)."])


class BuildingTest(unittest.TestCase):
    def test_a_crate_counts_once_and_one_that_only_builds_is_not_inside(self):
        built = [("a", "lib"), ("a", "lib"), ("a", "custom-build"), ("b", "proc-macro"), ("c", "custom-build"), ("d", "bin")]
        messages = [{"reason": "compiler-artifact", "package_id": name, "target": {"kind": [kind]}} for name, kind in built]
        messages.append({"reason": "build-finished", "success": True})
        self.assertEqual(crates(map(json.dumps, messages)), {"crates": 1, "crates_that_build": 2})


class ScriptsTest(unittest.TestCase):
    def test_every_script_in_python_compiles(self):
        in_python = lambda one: one.suffix == ".py" or one.read_bytes().startswith(b"#!/usr/bin/env python3")
        scripts = [one for one in SCRIPTS.rglob("*") if one.is_file() and in_python(one)]
        self.assertIn("bench", [one.name for one in scripts])
        for one in scripts:
            compile(one.read_text(), one, "exec")


if __name__ == "__main__":
    unittest.main()

"""Requests made from the document of the API, good and bad ones, as nobody, as a user and as an administrator.

    run.py [--seed N]                  a few requests for each operation; the same seed makes the same requests
    run.py [--seconds N] [--seed N]    as many as there is time for, all three together

DOORWARD_BIN names the executable. Ends with 1 if a check failed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "interop"))

from doorward import Doorward  # noqa: E402

ROLES = ["nobody", "user", "admin"]
# For each operation.
EXAMPLES = "10"


def run(role, bound, seed):
    """One server, and all phases against it; whether all checks held, and how many requests there were."""
    with Doorward(DOORWARD_THROTTLE="false") as server, tempfile.TemporaryDirectory() as directory:
        report = pathlib.Path(directory) / "events.ndjson"
        command = [
            pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", HERE / "schemathesis.toml",
            "run", f"{server.url}/openapi.json", *bound, "--seed", str(seed), "--no-color",
            "--report-json-path", report, "--warnings", "off",
        ]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "ROLE": role, "URL": server.url,
                       "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, env=environment, cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert server.process.poll() is None, "the server has ended"
        if done.returncode != 0:
            print(done.stdout)
        lines = [line.strip() for line in done.stdout.splitlines() if " generated" in line]
        print(f"{role}: {'; '.join(lines)}", flush=True)
        return done.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--role", choices=ROLES, action="append")
    options = parser.parse_args()
    roles = options.role or ROLES
    # Bound by their number, for a faster machine must not find in CI what nobody has seen before.
    bound = ["--max-time", str(max(options.seconds // len(roles), 1))] if options.seconds else ["--max-examples", EXAMPLES]
    held = [run(role, bound, options.seed) for role in roles]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

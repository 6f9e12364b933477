"""All checks of `make test`: the tests with their output as it comes, linters and type checks beside them.

The linters run one after the other at low priority while the tests run; what they found is printed when the tests
are through, and the tests' own closing line comes last.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WALL = ROOT / "dashboards" / "wall"
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadgroup")  # two cores are the smallest machine; groups stay on one worker
WHERE_TIME_GOES = ("--durations", "60", "--durations-min", "5")


@dataclass
class Result:
    """What one check said."""

    name: str
    code: int
    output: str


def commands() -> list[tuple[str, list[str], Path]]:
    """Name, command line and folder of every check beside the tests."""
    python = sys.executable
    return [
        ("ruff check", [python, "-m", "ruff", "check", "."], ROOT),
        ("ruff format", [python, "-m", "ruff", "format", "--check", "."], ROOT),
        ("mypy", [python, "-m", "mypy"], ROOT),
        ("front end: types", ["npm", "run", "--silent", "check"], WALL),
        ("front end: tests", ["npm", "test", "--silent"], WALL),
    ]


def run_checks(results: list[Result]) -> None:
    """Run all, in order, and note what they said."""
    own_node = ROOT / ".ioc" / "node" / "bin"
    env = {**os.environ, "CI": "1", "NO_COLOR": "1"}
    if own_node.is_dir():
        env["PATH"] = f"{own_node}{os.pathsep}{env['PATH']}"
    for name, argv, folder in commands():
        try:
            done = subprocess.run(
                ["nice", "-n", "10", *argv],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        except OSError as exc:
            results.append(Result(name, 1, str(exc)))
        else:
            results.append(Result(name, done.returncode, done.stdout))


def run_tests(arguments: list[str]) -> tuple[int, str]:
    """Run pytest, passing its lines on, all but the last; returns exit code and that line."""
    held = ""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *SIDE_BY_SIDE, *WHERE_TIME_GOES, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        bufsize=1,
    )
    assert process.stdout is not None
    for line in process.stdout:
        print(held, end="", flush=True)
        held = line
    return process.wait(), held


def main() -> int:
    """Run everything; 0 only when all passed."""
    arguments = sys.argv[1:]
    results: list[Result] = []
    beside = threading.Thread(target=run_checks, args=(results,))
    beside.start()
    code, last = (0, "") if "--no-tests" in arguments else run_tests(arguments)
    beside.join()
    for result in results:
        print(f"{'ok    ' if result.code == 0 else 'FAILED'} {result.name}", flush=True)
        if result.code != 0:
            print(result.output, flush=True)
    print(last, end="", flush=True)
    return code or max((result.code for result in results), default=0)


if __name__ == "__main__":
    sys.exit(main())

"""Runs set-up steps in parallel, each at most once, and prints one line per step.

A step is skipped when its stamp under ``.ioc/setup/`` names the same inputs and its own quick check passes.
A stamp is written only after the step succeeded, so an interrupted set-up goes on where it stopped.
Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".ioc"
STAMPS = STATE / "setup"


class SetupError(Exception):
    """One sentence for the person at the keyboard, with the remedy."""


@dataclass(frozen=True)
class Step:
    """One step: ``inputs`` is everything that the result depends on; ``verify`` must be quick."""

    name: str
    run: Callable[[Step], str]
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    verify: Callable[[], bool] = field(default=lambda: True)
    stamped: bool = True

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("\0".join(self.inputs).encode()).hexdigest()

    @property
    def stamp(self) -> Path:
        return STAMPS / f"{self.name}.json"

    @property
    def log(self) -> Path:
        return STAMPS / f"{self.name}.log"

    def is_done(self) -> bool:
        if not self.stamped:
            return False
        try:
            stamp = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return False
        return stamp.get("fingerprint") == self.fingerprint and self.verify()


def text_of(*paths: Path) -> tuple[str, ...]:
    """Contents of files, as inputs of a step."""
    return tuple(path.read_text() for path in paths)


def call(step: Step, *command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command with its output in the step's log.

    Raises:
        SetupError: it failed; the sentence has its last lines and the log's path.
    """
    argv = [str(part) for part in command]
    step.log.parent.mkdir(parents=True, exist_ok=True)
    with step.log.open("ab") as log:
        log.write(f"$ {' '.join(argv)}\n".encode())
        log.flush()
        begin = log.tell()
        try:
            code = subprocess.run(
                argv,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except FileNotFoundError as exc:
            raise SetupError(f"{argv[0]} is not installed") from exc
    if code != 0:
        with step.log.open("rb") as log:
            log.seek(begin)
            tail = log.read().decode(errors="replace").strip().splitlines()[-8:]
        raise SetupError(f"`{' '.join(argv[:3])} …` ended with {code}; log: {step.log}\n    " + "\n    ".join(tail))


def run_all(steps: Sequence[Step]) -> int:
    """Run the steps as soon as what they need is done; returns a process exit code."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    finished: dict[str, bool] = {}
    changed = threading.Condition()

    def work(step: Step) -> None:
        with changed:
            changed.wait_for(lambda: all(name in finished for name in step.needs))
            blocked = not all(finished[name] for name in step.needs)
        succeeded = False
        if not blocked:
            started = time.monotonic()
            try:
                succeeded = _do(step)
            except SetupError as exc:
                print(f"set-up: {step.name} failed: {exc}", file=sys.stderr, flush=True)
            except Exception as exc:  # noqa: BLE001 - a thread must report, or the others wait for ever
                print(f"set-up: {step.name} failed: {type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
            if succeeded and (seconds := time.monotonic() - started) >= 0.5:
                print(f"set-up: {step.name} {seconds:.1f} s", flush=True)
        with changed:
            finished[step.name] = succeeded
            changed.notify_all()

    threads = [threading.Thread(target=work, args=(step,), daemon=True) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not all(finished.values()):
        left = ", ".join(name for name, succeeded in finished.items() if not succeeded)
        print(f"set-up: not finished ({left}); mend the above and run the same command again", file=sys.stderr)
        return 1
    print(f"set-up: ready ({time.monotonic() - begin:.1f} s)", flush=True)
    return 0


def _do(step: Step) -> bool:
    if step.is_done():
        return True
    step.stamp.unlink(missing_ok=True)
    step.log.unlink(missing_ok=True)
    note = step.run(step)
    if step.stamped:
        if not step.verify():
            raise SetupError(f"its own check does not pass afterwards; log: {step.log}")
        step.stamp.write_text(json.dumps({"fingerprint": step.fingerprint, "note": note}))
    return True

"""The whole product as real processes, for the acceptance, browser and chaos tests.

``System`` starts ``ioc up`` on free ports with its state in a folder of its own, reads what a person would read
(the ready line, the demo accounts, ``ioc status --json``), and ends it as a person would, with Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]
    finally:
        for s in sockets:
            s.close()


def until(what: str, condition: Callable[[], T], limit_s: float, pause_s: float = 0.1) -> T:
    """Wait for a condition to give something true; say what was missing when it does not."""
    deadline = time.monotonic() + limit_s
    last: object = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (OSError, ValueError, KeyError) as exc:  # not there yet
            last = exc
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {limit_s} s (last: {last!r})")
        time.sleep(pause_s)


class System:
    """One running product."""

    def __init__(self, folder: Path, demo: bool = True, **environ: str) -> None:
        http, live, kafka, controller, centres, postgres = free_ports(6)
        self.folder = folder
        self.arguments = ["up", "--demo"] if demo else ["up"]
        self.http_port, self.live_port = http, live
        self.base = f"http://127.0.0.1:{http}"
        self.ports = (http, live, kafka, controller, centres, postgres)
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | {
            "IOC_DATA_DIR": str(folder),
            "IOC_HTTP_PORT": str(http),
            "IOC_LIVE_PORT": str(live),
            "IOC_KAFKA_PORT": str(kafka),
            "IOC_KAFKA": f"127.0.0.1:{kafka}",
            "IOC_CONTROLLER_PORT": str(controller),
            "IOC_CENTRES_PORT": str(centres),
            "IOC_POSTGRES_PORT": str(postgres),
            "PYTHONUNBUFFERED": "1",
            **environ,
        }
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self, limit_s: float = 150.0) -> System:
        """Start and wait for the ready line."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ioc.cli", *self.arguments],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

        def ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError("ioc up ended:\n" + self.output())
            return any(line.startswith("ready: ") for line in self.lines)

        try:
            until("the ready line", ready, limit_s)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.output()}\n{self.log_tails()}") from None
        return self

    def restart(self) -> None:
        """``ioc down``, and everything up again on the same data."""
        assert self.process is not None
        self.cli("down")
        self.process.wait(60)
        self.lines = []
        self.start()

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def stop(self, limit_s: float = 60.0) -> int:
        """Ctrl-C, then wait."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a test that failed during an outage left it frozen
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(limit_s)

    def output(self) -> str:
        """What `ioc up` printed so far."""
        return "\n".join(self.lines)

    def log_tails(self, lines: int = 30) -> str:
        """The ends of all logs, for a failure message."""
        parts = []
        for path in sorted(self.folder.rglob("*.log")):
            with contextlib.suppress(OSError):
                tail = path.read_text(errors="replace").splitlines()[-lines:]
                parts.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(parts)

    # -- what a person sees ---------------------------------------------------------------------------------------

    def accounts(self) -> dict[str, str]:
        """Demo accounts printed at start: name → password."""
        found = {}
        for line in self.lines:
            m = re.match(r"^\s*(lan|minh|truc|kysu|wall)\s+(\S+)", line)
            if m:
                found[m[1]] = m[2]
        return found

    def cli(self, *arguments: str, check: bool = True, limit_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run one ``ioc`` command beside the running system."""
        done = subprocess.run(
            [sys.executable, "-m", "ioc.cli", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"ioc {' '.join(arguments)} → {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        """``ioc status --json``: process name → its facts."""
        report = json.loads(self.cli("status", "--json", check=False).stdout)
        return {p["name"]: p for p in report["processes"]}

    def processes(self) -> dict[str, dict[str, Any]]:
        """The same as the supervisor notes them, without asking anybody; an error while it writes them anew."""
        return {p["name"]: p for p in json.loads((self.folder / "run" / "summary.json").read_text())}

    def get(self, path: str) -> Any:
        """JSON of a GET."""
        with urllib.request.urlopen(self.base + path, timeout=5) as answer:
            return json.loads(answer.read())

    def database_url(self) -> str:
        """Address of the local database."""
        return (self.folder / "run" / "database.url").read_text().strip()

    # -- faults ---------------------------------------------------------------------------------------------------

    def kill(self, name: str) -> int:
        """``kill -9`` of one process by its recorded id; returns the id."""
        pid = int(self.status()[name]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def strike(self, names: Collection[str]) -> dict[str, int]:
        """``kill -9`` of processes that stay away until :meth:`recover`: the supervisor is frozen. Their old ids."""
        assert self.process is not None
        facts = self.processes()
        old = {name: int(facts[name]["pid"]) for name in names}
        self.process.send_signal(signal.SIGSTOP)
        for pid in old.values():
            os.kill(pid, signal.SIGKILL)
        return old

    def recover(self, old: Mapping[str, int], limit_s: float = 90.0) -> None:
        """Let the supervisor go on, and wait until it has started again what it lost."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

        def back() -> bool:
            now = self.processes()
            return all(now[name]["state"] == "running" and now[name]["pid"] not in (None, old[name]) for name in old)

        until(f"{', '.join(old)} are back", back, limit_s, 0.3)

    def wait_back(self, name: str, old_pid: int, limit_s: float = 60.0) -> float:
        """Wait until the supervisor has a new, running process of that name; seconds it took."""
        t0 = time.monotonic()

        def back() -> bool:
            facts = self.status()[name]
            return facts["state"] == "running" and facts["pid"] not in (None, old_pid)

        until(f"{name} is back", back, limit_s, 0.3)
        return time.monotonic() - t0


@contextlib.contextmanager
def running(folder: Path, demo: bool = True, **environ: str) -> Iterator[System]:
    """A system for the length of a block."""
    system = System(folder, demo, **environ)
    try:
        yield system.start()
    finally:
        system.stop()

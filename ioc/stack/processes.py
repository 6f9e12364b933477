"""Processes that this software started: how they are launched, recorded, recognised and ended.

A process is known by its pid **and** its start time (``/proc/<pid>/stat``), within one boot of the machine. A pid
alone may belong to somebody else by now; a name always may. Nothing is ever ended by name.

The record is written by the child itself, in the shell that becomes the real command by ``exec`` (which keeps pid
and start time). So there is no moment at which a process runs and no record of it exists, even if the
supervisor is killed between starting a child and noting it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
LAUNCH = 'IFS= read -r line < /proc/$$/stat && printf "%s\\n" "$line" > "$1" || exit 70; shift; exec "$@"'
POLL_S = 0.05


@dataclass(frozen=True)
class Identity:
    """A process: its pid, and its start in clock ticks after boot."""

    pid: int
    started_ticks: int


@dataclass(frozen=True)
class Record:
    """What is known about a started process before it has a pid.

    Attributes:
        order: position in the start order; what is left over is ended in reverse.
        stop_signal: asks it to end in good order.
        stop_limit_s: after this long it is killed.
    """

    name: str
    role: str
    argv_sha256: str
    order: int
    stop_signal: int
    stop_limit_s: float
    boot_id: str
    started_ms: int


def identity(pid: int) -> Identity | None:
    """Who has this pid now; ``None`` when nobody, or a process that ended and only waits to be reaped."""
    return _parse_stat(_read(Path(f"/proc/{pid}/stat")))


def frozen(pid: int) -> bool:
    """Whether somebody stopped the process (SIGSTOP, a debugger): it lives and does nothing."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[:1] in (["T"], ["t"])


def resident_mb(pid: int) -> float | None:
    """Resident memory in MB (10⁶ bytes); ``None`` when the process is gone."""
    fields = _read(Path(f"/proc/{pid}/statm")).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if len(fields) > 1 else None


def tree_resident_mb(pid: int) -> float | None:
    """Resident memory of a process and of what it started, MB; shared pages count once per process."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _read(stat).rpartition(")")[2].split()
        if len(fields) > 1:
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    total, waiting = resident_mb(pid), list(children.get(pid, ()))
    while waiting and total is not None:
        child = waiting.pop()
        total += resident_mb(child) or 0.0
        waiting += children.get(child, ())
    return total


def boot_id() -> str:
    """Identity of this boot: start times mean nothing in another."""
    return _read(BOOT_ID_FILE).strip()


def argv_hash(argv: Sequence[str]) -> str:
    """Hash of a command line, so that a record can be compared without holding arguments."""
    return hashlib.sha256("\0".join(argv).encode()).hexdigest()


def launch_argv(
    argv: Sequence[str], run_dir: Path, name: str, *, user: str | None = None, death_signal: int | None = None
) -> list[str]:
    """The command that records itself and then becomes ``argv``.

    Args:
        user: account to switch to first (needs root).
        death_signal: sent by the kernel when the supervisor dies, on top of the record.
    """
    switch: list[str] = []
    if user is not None:
        switch += [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    if death_signal is not None:
        switch += ["--pdeathsig", signal.Signals(death_signal).name.removeprefix("SIG")]
    if switch and shutil.which("setpriv"):
        argv = ["setpriv", *switch, "--", *argv]
    elif user is not None:
        raise FileNotFoundError("setpriv (package util-linux) is needed to leave the root account")
    return ["/bin/sh", "-c", LAUNCH, "ioc-launch", str(run_dir / f"{name}.stat"), *argv]


def write_record(run_dir: Path, record: Record) -> None:
    """Note what is about to start; a former record of the same name is forgotten."""
    (run_dir / f"{record.name}.stat").unlink(missing_ok=True)
    (run_dir / f"{record.name}.json").write_text(json.dumps(asdict(record)))


def forget(run_dir: Path, name: str) -> None:
    """The process has ended and was reaped."""
    for tail in ("json", "stat"):
        (run_dir / f"{name}.{tail}").unlink(missing_ok=True)


def recorded(run_dir: Path) -> list[tuple[Record, Identity | None]]:
    """All records, last started first, each with its process if that is still the one that was started."""
    found: list[tuple[Record, Identity | None]] = []
    for path in run_dir.glob("*.json"):
        try:
            record = Record(**json.loads(path.read_text()))
        except (ValueError, TypeError):
            continue  # not a record (the summary), or a half-written one: its process never started
        noted = _parse_stat(_read(path.with_suffix(".stat")), zombies=True)
        alive = noted is not None and record.boot_id == boot_id() and identity(noted.pid) == noted
        found.append((record, noted if alive else None))
    return sorted(found, key=lambda item: (item[0].order, item[0].name), reverse=True)


def end_recorded(run_dir: Path) -> list[str]:
    """End exactly the recorded processes that still live, in reverse order; returns one line for each.

    Those of equal order are ended together. Used when no supervisor is left to do it.
    """
    lines: list[str] = []
    items = recorded(run_dir)
    for order in dict.fromkeys(record.order for record, _ in items):
        batch = [(record, process) for record, process in items if record.order == order]
        for record, process in batch:
            if process is not None:
                send(process, record.stop_signal)
        for record, process in batch:
            if process is not None:
                if not wait_gone([process], record.stop_limit_s):
                    kill_session(process)
                    wait_gone([process], 5.0)
                lines.append(f"ended {record.name}, left over from a former run (pid {process.pid})")
            if process is None or identity(process.pid) != process:
                forget(run_dir, record.name)
    return lines


def send(process: Identity, signum: int) -> bool:
    """Signal this very process; false when it is gone. Checked and sent through one handle, so never misdirected."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if identity(process.pid) != process:
            return False
        signal.pidfd_send_signal(handle, signum)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def kill_session(leader: Identity) -> None:
    """SIGKILL a process and all that it started in its own session (each process gets one)."""
    for member in session_members(leader):
        send(member, signal.SIGKILL)
    send(leader, signal.SIGKILL)


def session_members(leader: Identity) -> list[Identity]:
    """Living processes of the leader's session, none older than the leader, the leader itself left out."""
    members: list[Identity] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        text = _read(path)
        fields = text.rpartition(")")[2].split()
        found = _parse_stat(text)
        if (
            found
            and int(fields[3]) == leader.pid
            and found.pid != leader.pid
            and found.started_ticks >= leader.started_ticks
        ):
            members.append(found)
    return members


def wait_gone(processes: Iterable[Identity], limit_s: float) -> bool:
    """Wait until all have ended; false when the limit passed first."""
    waiting = list(processes)
    deadline = time.monotonic() + limit_s
    while waiting := [process for process in waiting if identity(process.pid) == process]:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def _parse_stat(text: str, *, zombies: bool = False) -> Identity | None:
    head, _, tail = text.rpartition(")")  # the command name before it may hold spaces and brackets
    fields = tail.split()
    if len(fields) < 20 or (fields[0] in "ZX" and not zombies):
        return None
    return Identity(int(head.split()[0]), int(fields[19]))

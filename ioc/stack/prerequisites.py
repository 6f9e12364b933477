"""``ioc doctor``: every prerequisite, whether it is met, and how to mend it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ioc.settings import Settings
from ioc.stack import ports
from ioc.stack.kafka import Kafka
from ioc.stack.postgres import Postgres
from ioc.stack.state import (
    PROJECT,
    Paths,
    lock_holder,
    server_user_exists,
    uses_local_database,
    uses_local_kafka,
)

JAVA_MIN = 17  # Apache Kafka 4 brokers need Java 17
NODE_MIN = (20, 19)  # Vite's own minimum
DISK_MIN_GB = 2.0
MEMORY_MIN_GB = 2.0


@dataclass(frozen=True)
class Check:
    """One answer. ``needed`` says whether `ioc up` is impossible without it (else it is for tests or a build)."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def doctor(settings: Settings, as_json: bool) -> int:
    """See ``ioc.stack.doctor``."""
    found = [*needed_checks(settings), *other_checks()]
    if as_json:
        print(json.dumps([asdict(check) for check in found], ensure_ascii=False))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for check in found:
            mark = "[green]ok[/]" if check.ok else "[red]missing[/]" if check.needed else "[yellow]without[/]"
            table.add_row(mark, check.name, check.detail if check.ok else f"{check.detail}\n→ {check.remedy}")
        Console().print(table)
    return 0 if all(check.ok for check in found if check.needed) else 1


def obstacles(settings: Settings) -> list[str]:
    """What makes `ioc up` impossible now: one sentence each, with the remedy."""
    return [f"{check.detail}; {check.remedy}" for check in needed_checks(settings) if not check.ok]


def needed_checks(settings: Settings) -> Iterable[Check]:
    """Without these `ioc up` cannot work; in the order in which a person would mend them."""
    paths = Paths.of(settings)
    yield _python()
    if uses_local_kafka(settings):
        yield _java()
        yield _jars(Kafka(paths, settings.kafka_port, settings.controller_port))
    if uses_local_database(settings):
        yield _postgres(Postgres(paths, settings.postgres_port))
    yield _state_folder(paths)
    yield _disk(paths)
    yield _memory()
    yield from _ports(settings, paths)
    yield _pages()


def other_checks() -> Iterable[Check]:
    """Needed to set up, to build the pages or to test."""
    yield _tool("Maven", _version("mvn", "-v"), "only for the set-up: apt-get install maven")
    yield _node()
    yield _tool("Chromium", _chromium(), "only for the browser tests: apt-get install chromium")


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] < (3, 13)
    return Check("Python", ok, f"Python {version}", "use Python 3.11 or 3.12: make PYTHON=python3.11 setup")


def _java() -> Check:
    text = _version("java", "-version")
    found = re.search(r'version "(\d+)', text)
    ok = bool(found and int(found[1]) >= JAVA_MIN)
    detail = text.splitlines()[0] if text else "Java is not installed"
    if text and not ok:
        detail += f" is older than {JAVA_MIN}"
    return Check("Java", ok, detail, "run `make setup`, or apt-get install openjdk-17-jre-headless")


def _jars(kafka: Kafka) -> Check:
    jars = list(kafka.libs.glob("kafka_*.jar"))
    detail = jars[0].stem if jars else f"Kafka's jars are not in {kafka.libs}"
    return Check("Kafka", bool(jars), detail, "run `make setup`")


def _postgres(postgres: Postgres) -> Check:
    manifest = postgres.manifest
    version = _version(str(postgres.bindir / "postgres"), "--version")
    if not manifest or not version:
        return Check("PostgreSQL", False, "PostgreSQL with TimescaleDB is not set up", "run `make setup`")
    if postgres.user is not None and not server_user_exists(postgres.user):
        detail = f"PostgreSQL must not run as root and the account {postgres.user} is missing"
        return Check("PostgreSQL", False, detail, "run `make setup`")
    short = re.sub(r"^postgres \(PostgreSQL\) ", "", version)
    return Check("PostgreSQL", True, f"PostgreSQL {short}, TimescaleDB {manifest.get('timescaledb')}")


def _state_folder(paths: Paths) -> Check:
    folder = _existing(paths.data)
    ok = os.access(folder, os.W_OK | os.X_OK)
    detail = f"{paths.data} can be written" if ok else f"{folder} cannot be written by this user"
    return Check("state folder", ok, detail, "set IOC_DATA_DIR to a folder of yours, or mend its owner")


def _disk(paths: Paths) -> Check:
    free_gb = shutil.disk_usage(_existing(paths.data)).free / 1e9
    remedy = "free some space or set IOC_DATA_DIR to a folder on another disk"
    detail = f"{free_gb:.1f} GB of disk free" + ("" if free_gb >= DISK_MIN_GB else f", {DISK_MIN_GB:g} are needed")
    return Check("disk", free_gb >= DISK_MIN_GB, detail, remedy)


def _memory() -> Check:
    found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    free_gb = int(found[1]) * 1024 / 1e9 if found else 0.0
    ok = free_gb >= MEMORY_MIN_GB
    detail = f"{free_gb:.1f} GB of memory available" + ("" if ok else f", {MEMORY_MIN_GB:g} are needed")
    return Check("memory", ok, detail, "end other programs, or give this machine more memory")


def _ports(settings: Settings, paths: Paths) -> Iterable[Check]:
    """Ports that `up` will listen on. While it runs they are busy by right."""
    wanted = [
        (settings.http_port, "pages and API", "IOC_HTTP_PORT"),
        (settings.live_port, "live websocket", "IOC_LIVE_PORT"),
    ]
    if uses_local_kafka(settings):
        wanted.append((settings.kafka_port, "Kafka", "IOC_KAFKA_PORT"))
        wanted.append((settings.controller_port, "Kafka's controller", "IOC_CONTROLLER_PORT"))
        wanted.append((settings.centres_port, "Kafka for centres", "IOC_CENTRES_PORT"))
    if uses_local_database(settings):
        wanted.append((settings.postgres_port, "PostgreSQL", "IOC_POSTGRES_PORT"))
    holder = lock_holder(paths)
    running = holder is not None and holder[0].pid != os.getpid()
    for port, what, setting in wanted:
        name = f"port {port}"
        if running:
            yield Check(name, True, f"{what}: in use by the running system")
        elif ports.is_free(port):
            yield Check(name, True, f"{what}: free")
        else:
            detail, _, remedy = ports.busy_sentence(port, what, setting).partition("; ")
            yield Check(name, False, detail, remedy)


def _pages() -> Check:
    built = any((PROJECT / "ioc" / "static").glob("*.html"))
    detail = "wall and console are built" if built else "wall and console are not built"
    return Check("pages", built, detail, "run `make frontend`")


def _node() -> Check:
    version = _version("node", "--version") or _version(str(PROJECT / ".ioc/node/bin/node"), "--version")
    found = re.match(r"v(\d+)\.(\d+)", version)
    ok = bool(found and (int(found[1]), int(found[2])) >= NODE_MIN)
    detail = f"Node {version}" if ok else "no Node 20.19 or newer"
    return Check("Node", ok, detail, "only to build the pages: `make frontend` brings its own", needed=False)


def _tool(name: str, version: str, remedy: str) -> Check:
    detail = version.splitlines()[0] if version else f"{name} is not installed"
    return Check(name, bool(version), re.sub(r"\x1b\[[0-9;]*m", "", detail), remedy, needed=False)


def _chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((version for name in names if (version := _version(name, "--version"))), "")


def _version(*command: str) -> str:
    """What a command prints of itself; empty when it is missing or fails."""
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    try:
        done = run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def _existing(path: Path) -> Path:
    """The path itself or the nearest folder above it that exists."""
    return path if path.exists() else _existing(path.parent)

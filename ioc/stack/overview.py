"""``ioc status``: what runs, since when, how often it was restarted, how much memory it takes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from rich.console import Console
from rich.table import Table

from ioc.adapters.clock import now_ms
from ioc.adapters.good_rules import GoodRules, RuleFileHealth
from ioc.adapters.part_health import PartsHealth
from ioc.adapters.profiles import load_profile
from ioc.adapters.rule_files import rules_file
from ioc.errors import BadSettings
from ioc.settings import Settings
from ioc.stack import processes
from ioc.stack.processes import Identity
from ioc.stack.state import Paths, lock_holder, uses_local_database, uses_local_kafka

EXIT_ALL, EXIT_NOT_ALL = 0, 1
GATEWAY_WITHIN_S = 2.0
BODY_MAX_BYTES = 65_536


def status(settings: Settings, as_json: bool) -> int:
    """See ``ioc.stack.status``."""
    found = collect(settings, now_ms())
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _show(found)
    up = found["supervisor"] is not None and all(row["state"] in ("running", "done") for row in found["processes"])
    return EXIT_ALL if up else EXIT_NOT_ALL


def collect(settings: Settings, at_ms: int) -> dict[str, Any]:
    """Everything that status shows, as plain values. Times in seconds, memory in MB."""
    paths = Paths.of(settings)
    holder = lock_holder(paths)
    rows: list[dict[str, Any]] = []
    if holder is not None and paths.summary.exists():
        rows = [_row(item, at_ms) for item in json.loads(paths.summary.read_text())]
    left = [record.name for record, process in processes.recorded(paths.run) if process] if holder is None else []
    return {
        "supervisor": {"pid": holder[0].pid, "since": holder[1]} if holder else None,
        "processes": rows,
        "left_over": left,
        "canary": canary(settings) if holder is not None else None,
        "rules_broken": rules_broken(settings),
        "files_broken": files_broken(settings),
        "endpoints": endpoints(settings),
        "resident_mb": round(sum(row["resident_mb"] or 0 for row in rows), 1),
    }


def canary(settings: Settings) -> dict[str, Any] | None:
    """How far canaries come, asked of the gateway: age in seconds by stage, parts that are away. None: no answer."""
    try:
        # 503 (the picture is not complete yet) tells the same.
        found = json.loads(http_body(f"http://{settings.http_host}:{settings.http_port}/readyz", GATEWAY_WITHIN_S))
        return {"age_s": dict(found["canary_age_s"]), "away": list(found["degraded"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def http_body(url: str, limit_s: float) -> bytes:
    """Body of a GET, whatever its status. Raises OSError."""
    try:
        with urllib.request.urlopen(url, timeout=limit_s) as answer:
            return bytes(answer.read(BODY_MAX_BYTES))
    except urllib.error.HTTPError as refused:
        with refused:
            return bytes(refused.read(BODY_MAX_BYTES))


def rules_broken(settings: Settings) -> list[str]:
    """The mistakes of the rule file, with file and line: running jobs refuse it and go on with the last good one."""
    try:
        bare = load_profile(settings.profile, with_rules=False)
    except BadSettings as exc:
        return list(exc.problems)
    file = rules_file(settings.profile)
    return RuleFileHealth(file, bare, GoodRules(settings.data_dir, bare.id)).problems()


def files_broken(settings: Settings) -> list[str]:
    """The same for ``suppression.toml``, ``incidents.toml`` and ``duty.toml``."""
    try:
        bare = load_profile(settings.profile, with_rules=False)
    except BadSettings:
        return []  # said already
    found = PartsHealth(settings.profile, bare, settings.data_dir).problems()
    return [problem for problems in found.values() for problem in problems]


def endpoints(settings: Settings) -> dict[str, str]:
    """Where people and programs reach the system (no passwords)."""
    site = f"http://{settings.http_host}:{settings.http_port}"
    kafka = f"127.0.0.1:{settings.kafka_port}" if uses_local_kafka(settings) else settings.kafka
    database = f"127.0.0.1:{settings.postgres_port}" if uses_local_database(settings) else "IOC_DATABASE_URL"
    return {
        "wall": f"{site}/wall",
        "console": f"{site}/console",
        "live": settings.public_live_url,
        "kafka": kafka,
        "database": database,
    }


def _row(item: dict[str, Any], at_ms: int) -> dict[str, Any]:
    pid = item["pid"]
    alive = pid is not None and processes.identity(pid) == Identity(pid, item["started_ticks"])
    state = item["state"] if alive or item["state"] not in ("running", "starting") else "gone"
    return {
        "name": item["name"],
        "role": item["role"],
        "state": "stopped" if alive and processes.frozen(pid) else state,
        "pid": pid if alive else None,
        "uptime_s": round((at_ms - item["since_ms"]) / 1000, 1) if alive else None,
        "restarts": item["restarts"],
        "resident_mb": round(processes.tree_resident_mb(pid) or 0.0, 1) if alive else None,
        "last_exit": item["last_exit"],
        "log": item["log"],
    }


def _show(found: dict[str, Any]) -> None:
    console = Console()
    if found["supervisor"] is None:
        console.print("nothing is running; start it with `ioc up` (or `make demo`)")
        if found["left_over"]:
            console.print(f"left over from a killed run: {', '.join(found['left_over'])}; `ioc down` ends them")
        return
    table = Table(box=None, pad_edge=False)
    for title, justify in (
        ("process", "left"), ("state", "left"), ("pid", "right"), ("up", "right"), ("restarts", "right"),
        ("MB", "right"), ("what", "left"),
    ):  # fmt: skip
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for row in found["processes"]:
        table.add_row(
            row["name"],
            row["state"],
            str(row["pid"] or "–"),
            duration(row["uptime_s"]),
            str(row["restarts"]),
            "–" if row["resident_mb"] is None else f"{row['resident_mb']:.0f}",
            row["role"] if row["pid"] or not row["last_exit"] else row["last_exit"],
        )
    console.print(table)
    console.print(f"supervisor pid {found['supervisor']['pid']} since {found['supervisor']['since']}", end="")
    console.print(f", {found['resident_mb']:.0f} MB in all")
    console.print(f"{'canary':<9}{canary_words(found['canary'])}", highlight=False)
    for problem in (*found["rules_broken"], *found["files_broken"]):
        console.print(f"refused, jobs go on with what was good before: {problem}", highlight=False, soft_wrap=True)
    for name, address in found["endpoints"].items():
        console.print(f"{name:<9}{address}", highlight=False)


def canary_words(found: dict[str, Any] | None) -> str:
    """``bus 2 s, intake 2 s …; without: intake``."""
    if found is None:
        return "the gateway does not answer"
    ages = ", ".join(f"{stage} {duration(age_s)}" for stage, age_s in found["age_s"].items()) or "none is sent"
    return ages + (f"; without: {', '.join(found['away'])}" if found["away"] else "")


def duration(seconds: float | None) -> str:
    """A time span in its two largest units: ``2 d 3 h``, ``4 min 5 s``."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    for size, unit, below_size, below in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // below_size} {below}"
    return f"{whole} s"

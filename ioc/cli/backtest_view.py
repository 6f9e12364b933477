"""The replay of ``ioc rules backtest`` with its progress bar, and its report for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import TaskProgressColumn, TimeRemainingColumn
from rich.table import Table

from ioc.adapters.clock import now_ms
from ioc.adapters.history import from_database, from_file, range_of_file
from ioc.cli.progress import bar
from ioc.cli.when import parse_when
from ioc.domain.profile import Profile
from ioc.domain.spans import duration
from ioc.domain.times import from_ms as instant
from ioc.errors import BadInput
from ioc.services.backtest import Backtest, Load, Moment, Raised, Report
from ioc.settings import Settings

SHOWN_MAX = 40  # lines of each list on the terminal; --json has all


def run(
    settings: Settings,
    old: Profile,
    new: Profile,
    from_text: str | None,
    to_text: str | None,
    file: Path | None,
    warm_up: str,
    *,
    quiet: bool,
) -> Report:
    """Replay and compare.

    Raises:
        BadInput: a text is no instant or duration, or the file is wrong.
        Unavailable: the database does not answer.
    """
    at_ms = now_ms()
    first_ms, last_ms = range_of_file(file) if file is not None else (None, at_ms)
    if from_text is None and first_ms is None:
        raise BadInput("malformed", "--from", "--from is needed, for instance --from 24h")
    from_ms = first_ms if from_text is None else parse_when(from_text, "--from", old.timezone, at_ms)
    to_ms = last_ms if to_text is None else parse_when(to_text, "--to", old.timezone, at_ms)
    assert from_ms is not None
    if from_ms >= to_ms:
        raise BadInput("bad_range", "--from", "--from must be before --to")
    try:
        warm_up_ms = duration(warm_up)
    except ValueError as exc:
        raise BadInput("malformed", "--warm-up", str(exc)) from exc
    start_ms = (from_ms - warm_up_ms) // 1000 * 1000
    backtest = Backtest(old, new, from_ms, to_ms, start_ms)

    async def replay() -> Report:
        with bar(TaskProgressColumn(), TimeRemainingColumn(), quiet=quiet) as shown:
            task = shown.add_task("replay", total=to_ms - start_ms)
            async with aclosing(_portions(settings, file, start_ms, to_ms)) as portions:
                async for portion in portions:
                    backtest.feed(portion)
                    shown.update(task, completed=backtest.now_ms - start_ms)
            report = backtest.finish()
            shown.update(task, completed=to_ms - start_ms)
        return report

    return asyncio.run(replay())


async def _portions(
    settings: Settings, file: Path | None, start_ms: int, to_ms: int
) -> AsyncGenerator[list[Moment], None]:
    if file is not None:
        for portion in from_file(file, start_ms, to_ms):
            yield portion
        return
    async with aclosing(from_database(settings.database_url, start_ms, to_ms)) as portions:
        async for portion in portions:
            yield portion


def print_report(report: Report, timezone: str) -> None:
    """Figures of both rule files side by side, then each alert that differs."""
    zone = ZoneInfo(timezone)
    console = Console()

    def at(ms: int) -> str:
        return f"{instant(ms).astimezone(zone):%Y-%m-%d %H:%M:%S}"

    print(f"{at(report.from_ms)} to {at(report.to_ms)} ({timezone}), {report.events} events")
    table = Table("", "old", "new", box=None, pad_edge=False)
    rows: list[tuple[str, str, str]] = [
        ("alerts", *_both(report, lambda load: f"{load.alerts}")),
        ("by priority", *_both(report, lambda load: " ".join(f"{k} {v}" for k, v in load.by_priority.items()) or "–")),
        ("per 10 minutes, mean", *_both(report, lambda load: f"{load.mean:.2f}")),
        ("per 10 minutes, most", *_both(report, lambda load: f"{load.max}")),
        ("slots with more than 10", *_both(report, lambda load: f"{load.over_share:.1%} of {load.slots}")),
    ]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    _list(console, f"added: {len(report.added)}", [_line(one, at(one.raised_ms)) for one in report.added])
    _list(console, f"removed: {len(report.removed)}", [_line(one, at(one.raised_ms)) for one in report.removed])
    changed = [
        (*_line(one.new, at(one.new.raised_ms)), f"was P{one.old.priority} {one.old.level} {at(one.old.raised_ms)}")
        for one in report.changed
    ]
    _list(console, f"changed: {len(report.changed)}", changed)


def _both(report: Report, word: Callable[[Load], str]) -> tuple[str, str]:

    return word(report.old), word(report.new)


def _line(one: Raised, at: str) -> tuple[str, ...]:
    return at, f"P{one.priority}", one.rule, one.place_vi, one.title_vi


def _list(console: Console, title: str, lines: list[tuple[str, ...]]) -> None:
    print(title)
    if not lines:
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for line in lines[:SHOWN_MAX]:
        table.add_row("", *line)
    console.print(table)
    if len(lines) > SHOWN_MAX:
        print(f"  and {len(lines) - SHOWN_MAX} more: see --json")

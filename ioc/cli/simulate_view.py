"""What ``ioc sim`` shows: the list, one scenario, how a run stands, and its verdict."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ioc.cli.progress import bar
from ioc.domain.spans import clock
from ioc.domain.times import from_ms as instant
from simulators.expect import written
from simulators.plan import Scenario
from simulators.player import Progress as Stand
from simulators.runs import Outcome, Plan
from simulators.verdict import Finding, Verdict

SHOWN_MAX = 60  # findings on the terminal; --json has all
_MARKS = {
    "met": ("✓", "green"),
    "not judged": ("–", "yellow"),
}


def print_list(entries: list[dict[str, Any]]) -> None:
    """One line per scenario."""
    for entry in entries:
        length = "endless" if entry["duration_s"] is None else clock(round(entry["duration_s"] * 1000))
        judged = f"{entry['expected']} expected" if entry["expected"] or entry["forbidden"] else "not judged"
        print(f"{entry['name']:<22} {length:<9} {judged:<12} {entry['summary']}")


def print_scenario(name: str, plan: Scenario) -> None:
    """What a scenario does and what it expects."""
    print(f"{name}: {plan.title_vi}\n{' ' * len(name)}  {plan.title_en}")
    for text in (plan.about_vi, plan.about_en):
        if text.strip():
            print(f"\n{text.strip()}")
    length = "endless" if plan.duration_s is None else clock(round(plan.duration_s * 1000))
    seed = "of the installation" if plan.seed is None else str(plan.seed)
    print(f"\nstart {plan.start}, length {length}, seed {seed}")
    for title, shapes in (("incidents", plan.incident), ("faults on the way", plan.fault)):
        if shapes:
            print(f"\n{title}")
        for shape in shapes:
            fields = {f: getattr(shape, f) for f in shape.__struct_fields__ if f != "at_s"}
            said = ", ".join(f"{name} {_plain(value)}" for name, value in fields.items() if value not in (None, (), ""))
            print(f"  {clock(round(shape.at_s * 1000)):>9}  {shape.__struct_config__.tag}: {said}")
    if plan.expect:
        print("\nexpected alerts")
    for one in plan.expect:
        times = f", at least {one.at_least} times" if one.at_least > 1 else ""
        print(f"  {one.name}: {one.says}{times}")
    if plan.forbid:
        print("\nforbidden alerts")
    for never in plan.forbid:
        print(f"  {never.name}: {written(never.span)}")
    bounds = plan.alerts
    limits = [
        f"{word} {value}"
        for word, value in (
            ("at least", bounds.least),
            ("at most", bounds.most),
            ("busiest 10 minutes at least", bounds.in_10_min_least),
            ("busiest 10 minutes at most", bounds.in_10_min_most),
        )
        if value is not None
    ]
    if bounds.others == "refused":
        limits.append("no others than the expected ones")
    if limits:
        print(f"\nalerts in all: {', '.join(limits)}")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class Bar:
    """The progress of a run on standard error: the scenario's clock, messages, and how far it is behind.

    Args:
        plan: what is run.
        timezone: of the profile, for the clock.
        quiet: show nothing, for programs.
    """

    def __init__(self, plan: Plan, timezone: str, *, quiet: bool) -> None:
        self._zone = ZoneInfo(timezone)
        self._from_ms = plan.from_ms
        length_ms = None if plan.duration_s is None else round(plan.duration_s * 1000) - (plan.from_ms - plan.start_ms)
        columns = (TaskProgressColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
        self._bar = bar(*columns, head="{task.fields[clock]}", quiet=quiet)
        self._task = self._bar.add_task("run", total=length_ms, clock=self.clock(plan.from_ms), said="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def clock(self, event_ms: int) -> str:
        """The clock of the scenario."""
        return f"{instant(event_ms).astimezone(self._zone):%Y-%m-%d %H:%M:%S}"

    def live(self, stand: Stand) -> None:
        """How a run on a broker stands."""
        behind = f", {stand.behind_s:.1f} s behind" if stand.behind_s > 1 else ""
        self._show(stand.event_ms, f"{stand.sent} sent{behind}")

    def dry(self, event_ms: int, alerts: int) -> None:
        """How a run in memory stands."""
        self._show(event_ms, f"{alerts} changes of alerts")

    def _show(self, event_ms: int, said: str) -> None:
        self._bar.update(self._task, completed=event_ms - self._from_ms, clock=self.clock(event_ms), said=said)


def asks(plan: Plan, timezone: str, step_ms: int) -> Callable[[Stand], Awaitable[bool]]:
    """Waits for Enter before each step; ``q`` or the end of the input ends the run."""
    zone = ZoneInfo(timezone)

    async def ask(stand: Stand) -> bool:
        at = f"{instant(stand.event_ms).astimezone(zone):%Y-%m-%d %H:%M:%S}"
        passed = clock(max(0, stand.event_ms - plan.start_ms))
        prompt = f"{at} ({passed}), {stand.sent} sent. Enter: on by {clock(step_ms)}, q: end › "
        print(prompt, end="", file=sys.stderr, flush=True)
        line = await asyncio.to_thread(sys.stdin.readline)
        return bool(line) and line.strip().lower() not in ("q", "quit")

    return ask


def print_outcome(result: Outcome) -> None:
    """The verdict as a table, the books of the faults, and one sentence at the end."""
    console = Console()
    books = result.faults
    if books:
        table = Table("fault", "came", "hit", "dropped", "added", "went on", "", box=None, pad_edge=False)
        for book in books:
            counts = map(str, (book.came, book.touched, book.dropped, book.added, book.out))
            table.add_row(book.kind, *counts, "" if book.touched else "hit nothing")
        console.print(table)
    if books and (result.skipped or result.waiting):
        came = f"{result.sent} sent, {result.skipped} before the beginning, {result.waiting} still held back"
        print(f"{result.faults[-1].out} went on: {came}")
    print_findings([("refused by intake", result.refused)], result.verdict, result.notes)
    print(conclusion(result))


def print_findings(
    counted: Sequence[tuple[str, Mapping[str, int]]], verdict: Verdict | None, notes: Sequence[str]
) -> None:
    """What was counted by code, each under its words, the verdict and the notes; nothing of what there is none."""
    for words, counts in counted:
        if counts:
            print(f"{words}: " + ", ".join(f"{code} {count}" for code, count in counts.items()))
    if verdict is not None:
        print_verdict(verdict)
    for note in notes:
        print(f"note: {note}")


def print_verdict(verdict: Verdict) -> None:
    """The findings as a table, and how many alerts there were."""
    table = Table("", "alert", "expected", "seen", "reason", box=None, pad_edge=False)
    ordered = sorted(verdict.findings, key=lambda one: one.holds)  # what is wrong comes first
    for finding in ordered[:SHOWN_MAX]:
        table.add_row(*_row(finding))
    Console().print(table)
    if len(ordered) > SHOWN_MAX:
        print(f"  and {len(ordered) - SHOWN_MAX} more: see --json")
    rules = ", ".join(f"{rule} {count}" for rule, count in verdict.by_rule.items()) or "none"
    print(f"alerts: {verdict.alerts} ({rules}); busiest 10 minutes: {verdict.busiest_10_min}")


def conclusion(result: Outcome) -> str:
    """One sentence."""
    end = (
        "played to its end"
        if result.ended
        else f"{'stopped' if result.stopped else 'ended'} at {clock(round(result.played_s * 1000))}"
    )
    if result.from_s > 0:
        end = f"begun at {clock(round(result.from_s * 1000))} and {end}"
    drill = f", drill {result.exercise}" if result.exercise else ""
    sent = f"{result.sent} messages" + ("" if result.acked == result.sent else f", {result.acked} acknowledged")
    head = f"{result.scenario} (seed {result.seed}{drill}) {end}: {sent}"
    if result.verdict is None:
        return f"{head}. It expects nothing, so nothing was judged."
    return f"{head}. {in_short(result.verdict)}"


def in_short(verdict: Verdict) -> str:
    """How much of what is expected holds; one sentence."""
    findings = verdict.findings
    wrong, left = sum(not one.holds for one in findings), len(findings) - verdict.judged
    more = f" ({left} not judged)" if left else ""
    if wrong:
        return f"DOES NOT HOLD: {wrong} of {len(findings)}{more}."
    if not verdict.judged:
        return f"NOTHING WAS JUDGED: none of the {left} lies in what was played; see the reasons."
    return f"All {verdict.judged} hold{more}."


def _row(finding: Finding) -> tuple[Text, str, str, str, str]:
    mark, colour = _MARKS.get(finding.kind, ("✗", "red"))
    reason = finding.reason if finding.kind in ("met", "not judged") else f"{finding.kind}: {finding.reason}"
    return Text(f"{mark} ", style=colour), finding.what, finding.expected, finding.seen or "–", reason

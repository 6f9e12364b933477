"""``ioc audit verify``: whether the audit trail is as it was written."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter

from ioc.bootstrap import load_profile, read_settings
from ioc.cli.exits import EXIT_UNJUDGED
from ioc.cli.show import Json
from ioc.errors import BadInput

if TYPE_CHECKING:
    from ioc.adapters.audit_store import Report
    from ioc.domain.audit import Anchor, Finding

    Range = tuple[int | None, int | None]


def register(app: App) -> None:
    """Add the commands."""
    audit = App(name="audit", help="The audit trail.\n\nExample: `ioc audit verify`")
    audit.command(verify)
    app.command(audit)


def verify(
    *,
    from_: Annotated[str, Parameter(name="--from")] = "",
    to: str = "",
    anchors: Path | None = None,
    kafka: Annotated[bool, Parameter(negative="--no-kafka")] = True,
    log: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> int:
    """Follow the chain over the alert log and name the first row that was changed, deleted, put in, moved or cut off.

    Example: `ioc audit verify --from 1d`

    Exit codes: 0 all is as it was written, 1 a row is not (it is named), 2 wrong arguments or no chain yet,
    3 the database or Kafka is not available, 4 the chain holds, but nothing outside the database knows its end
    (rows cut off there would not be missed), or the log on the bus cannot be compared.

    Parameters
    ----------
    from_
        First row: its position, an instant, a local day or time, or so long ago (2h). Default: the first one.
    to
        End, in the same words: the row with this position is included, one of this instant is not. Default: the
        end, which is then held against the anchors.
    anchors
        File with the anchors. Default: audit/anchors.jsonl in the data folder.
    kafka
        Also read the anchors on the bus.
    log
        Hold every row against its record in the alert log on the bus too, and every record against its row: finds rows
        that were appended with good links, and records that were never stored. Looks at all rows, whatever the range.
    """
    from ioc.adapters import audit_store
    from ioc.adapters.anchors import AnchorFile, anchor_file, read_topic
    from ioc.adapters.audit_bus import CannotCompare, compare

    settings = read_settings(database=True)
    (from_position, from_ms), (to_position, to_ms) = _bound(from_, "--from"), _bound(to, "--to")
    if anchors is not None and not anchors.is_file():
        raise BadInput("no_such_file", "--anchors", f"there is no file {anchors}")
    known, problem = AnchorFile(anchors or anchor_file(settings)).read()
    if kafka:
        more, problem_there = asyncio.run(read_topic(settings))
        known, problem = merged(known, more), problem or problem_there
    report = audit_store.verify(
        settings.database_url,
        known,
        from_position=from_position,
        to_position=to_position,
        from_ms=from_ms,
        to_ms=to_ms,
    )
    if report.finding is None and problem is not None:
        report = msgspec.structs.replace(report, finding=problem)
    if log:
        try:
            compared, found = asyncio.run(compare(settings))
        except CannotCompare as exc:
            print(f"ioc: {exc}", file=sys.stderr)
            return EXIT_UNJUDGED
        report = msgspec.structs.replace(report, compared=compared, finding=report.finding or found)
    open_end = to_position is None and to_ms is None
    unanchored = open_end and report.head > 0 and report.anchored == 0
    print(msgspec.json.encode(report).decode() if as_json else text(report))
    if report.finding is not None:
        return 1
    if unanchored:
        print("ioc: no anchor knows the end of this chain: rows cut off there would not be missed", file=sys.stderr)
        return EXIT_UNJUDGED
    return 0


def merged(*groups: list[Anchor]) -> list[Anchor]:
    """Anchors of several places, each once, oldest first."""
    return sorted({a for group in groups for a in group}, key=lambda a: (a.at_ms, a.position))


def text(report: Report) -> str:
    """For people: what was looked at, and the finding if there is one."""
    stretch = f"rows {report.first} to {report.last} of {report.head}" if report.rows else "no rows"
    checked = f"audit chain {report.chain}: {stretch} checked, anchored up to {report.anchored}"
    if report.compared is not None:
        checked += f", {report.compared} lines of the log compared"
    return checked + ("\nall is as it was written" if report.finding is None else f"\n{sentence(report.finding)}")


def sentence(finding: Finding) -> str:
    """The first bad row in words."""
    from ioc.domain.audit import WORDS

    if finding.position is not None:
        who = f"row {finding.position}" + (f" ({finding.id})" if finding.id else "")
    else:
        who = f"row {finding.id} (number {finding.seq})" if finding.id else "the chain"
    what = WORDS[finding.fault]
    if finding.fault in ("replaced", "anchors"):
        return f"BAD: {what}: {finding.detail}"
    return f"BAD: {who} {what}: {finding.detail}"


def _bound(text: str, name: str) -> Range:
    """Position or instant of one end; both None when nothing is said."""
    from ioc.adapters.clock import now_ms
    from ioc.cli.when import parse_when

    if not text:
        return None, None
    if text.isascii() and text.isdigit():
        if not 1 <= len(text) <= 18 or int(text) < 1:
            raise BadInput("bad_position", name, f"{name} {text!r} is no position of a row: they begin at 1")
        return int(text), None
    timezone = load_profile(read_settings(), with_rules=False).timezone
    return None, parse_when(text, name, timezone, now_ms())

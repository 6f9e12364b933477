"""``ioc dlq …``: the quarantine: what was refused, why, and how it is driven again after the cause was mended."""

from __future__ import annotations

import asyncio
import base64
import heapq
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.progress import MofNCompleteColumn

from ioc.bootstrap import load_profile, read_settings
from ioc.cli.progress import bar
from ioc.cli.show import Json, show
from ioc.domain.measures import DeadLetter
from ioc.domain.times import rfc3339
from ioc.errors import BadInput

ASK = "give at least one of --reason, --centre, --from, --to, --id; or --all for everything that is kept"


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="dlq", help="Refused input (the quarantine).\n\nExample: `ioc dlq list --summary`")
    group.command(list_, name="list")
    group.command(show_, name="show")
    group.command(redrive_, name="redrive")
    app.command(group)


def list_(
    *,
    reason: str | None = None,
    centre: str | None = None,
    limit: int = 50,
    summary: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> int:
    """The newest refused inputs, with their reason.

    Example: `ioc dlq list --reason future --centre bien-hoa`, or `ioc dlq list --summary`

    Exit codes: 0 printed, 3 Kafka is not available.

    Parameters
    ----------
    reason
        Only this reason code.
    centre
        Only this centre.
    limit
        At most so many, newest first.
    summary
        Instead: how many there are of each reason and centre.
    """

    def holds(letter: DeadLetter) -> bool:
        return reason in (None, letter.code) and centre in (None, letter.centre)

    if summary:
        groups = asyncio.run(_groups(holds))
        show(groups, ("code", "centre", "count", "first", "last", "example"), as_json, "nothing was refused")
        return 0
    letters = asyncio.run(_newest(holds, max(1, limit)))
    rows = [
        {
            "refused": rfc3339(d.refused_ms),
            "centre": d.centre,
            "code": d.code,
            "path": d.path,
            "detail": d.detail,
            "bytes": d.size_bytes,
            "id": d.id,
        }
        for d in letters
    ]
    show(rows, ("refused", "centre", "code", "path", "detail", "bytes", "id"), as_json, "nothing was refused")
    return 0


def show_(id_: Annotated[str, Parameter(name="id")], /, *, as_json: Json = False) -> int:
    """One refused input: where it stood, why it was refused, and its bytes (at most 64 KiB).

    Example: `ioc dlq show raw.bien-hoa/2/1207`

    Exit codes: 0 printed, 1 no such dead letter, 3 Kafka is not available.
    """
    newest = asyncio.run(_newest(lambda d: d.id == id_, 1))
    if not newest:
        print(f"ioc: no dead letter {id_}; see `ioc dlq list`", file=sys.stderr)
        return 1
    [found] = newest
    if as_json:
        print(msgspec.json.encode(found).decode())
        return 0
    for name, value in msgspec.structs.asdict(found).items():
        if not name.endswith("_b64"):
            print(f"{name:<12} {rfc3339(value) if name.endswith('_ms') else value}")
    # Shown as a Python literal: control characters in hostile input must not reach the terminal.
    print(f"{'key':<12} {base64.b64decode(found.key_b64 or '')!r}")
    print(f"{'sample':<12} {base64.b64decode(found.sample_b64)!r}")
    return 0


def redrive_(
    *,
    reason: str | None = None,
    centre: str | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    id_: Annotated[tuple[str, ...], Parameter(name="--id", negative="")] = (),
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> int:
    """Send refused records again after their cause was mended, through the whole intake.

    Only those are sent that go through with the profile of this command; the others are counted by reason and stay.
    Repeating it is harmless: an event that went through once is recognised by its id.

    Example: `ioc dlq redrive --reason schema --centre bien-hoa --from 2h --dry-run`

    Exit codes: 0 all were sent, 1 some were not and the reasons are printed, 2 nothing was chosen, 3 Kafka is not
    available.

    Parameters
    ----------
    reason
        Only this reason code.
    centre
        Only this centre.
    from_
        Refused at or after this instant, or so long ago (2h).
    to
        Refused before this instant.
    id_
        Only this dead letter; may be repeated.
    all_
        Everything that is kept.
    dry_run
        Find out what would go through; send nothing.
    """
    from ioc.adapters.clock import now_ms
    from ioc.adapters.redrive import Driven, Wanted, count_wanted, redrive
    from ioc.cli.when import parse_when

    if not (reason or centre or from_ or to or id_ or all_):
        raise BadInput("malformed", "redrive", ASK)
    settings = read_settings()
    profile = load_profile(settings, with_rules=False)
    wanted = Wanted(
        reason=reason,
        centre=centre,
        from_ms=None if from_ is None else parse_when(from_, "--from", profile.timezone, now_ms()),
        to_ms=None if to is None else parse_when(to, "--to", profile.timezone, now_ms()),
        ids=frozenset(id_),
    )
    outcomes: Counter[str] = Counter()
    left: list[Driven] = []

    async def run() -> int:
        total, chosen = await count_wanted(settings, profile, wanted)
        with bar(MofNCompleteColumn(), quiet=as_json) as shown:
            task = shown.add_task("try" if dry_run else "send", total=chosen)
            async with aclosing(redrive(settings, profile, wanted, dry_run=dry_run)) as driven:
                async for one in driven:
                    outcomes[_word(one)] += 1
                    if one.forecast.outcome != "good" and len(left) < 20:
                        left.append(one)
                    shown.advance(task)
        return total

    kept = asyncio.run(run())
    chosen, good = outcomes.total(), outcomes["good"]
    if as_json:
        body: dict[str, Any] = {"kept": kept, "chosen": chosen, "dry_run": dry_run, "outcomes": dict(outcomes)}
        body["sent"] = 0 if dry_run else good
        print(msgspec.json.encode(body).decode())
    else:
        print(f"{good} of {chosen} {'would go through' if dry_run else 'sent again'} ({kept} are kept)")
        for word, count in outcomes.most_common():
            if word != "good":
                print(f"  {count:>6} not: {word}")
        for one in left:
            print(f"  {one.letter.id}: {one.forecast.detail}")
    return 0 if good == chosen else 1


def _word(driven: Any) -> str:
    forecast = driven.forecast
    return f"refused again, {forecast.code}" if forecast.outcome == "refused" else str(forecast.outcome)


async def _letters() -> AsyncGenerator[DeadLetter, None]:
    from ioc.adapters.dead_letters import dead_letters
    from ioc.wire.topics import Topics

    settings = read_settings()
    async with aclosing(
        dead_letters(settings, Topics(settings.topic_prefix, load_profile(settings, with_rules=False).centre_ids))
    ) as all_:
        async for letter in all_:
            yield letter


async def _newest(holds: Any, count: int) -> list[DeadLetter]:
    """The newest ``count`` that hold, newest first; no more than those are kept in memory."""
    heap: list[tuple[int, int, DeadLetter]] = []
    number = 0
    async for letter in _letters():
        if holds(letter):
            number += 1
            entry = (letter.refused_ms, number, letter)
            if len(heap) < count:
                heapq.heappush(heap, entry)
            else:
                heapq.heappushpop(heap, entry)
    return [letter for _, _, letter in sorted(heap, reverse=True)]


async def _groups(holds: Any) -> list[dict[str, Any]]:
    """One row per reason and centre, most frequent first."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    async for letter in _letters():
        if not holds(letter):
            continue
        at = rfc3339(letter.refused_ms)
        row = found.setdefault(
            (letter.code, letter.centre),
            {"code": letter.code, "centre": letter.centre, "count": 0, "first": at, "last": at, "example": letter.id},
        )
        row["count"] += 1
        row["first"] = min(row["first"], at)
        if at >= row["last"]:
            row["last"], row["example"] = at, letter.id
    return sorted(found.values(), key=lambda row: (-row["count"], row["code"], row["centre"]))

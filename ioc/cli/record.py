"""``ioc record`` and ``ioc replay``: keep real raw traffic of a span, and play it again as a drill."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import App, Parameter
from rich.progress import MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ioc.adapters.clock import now_ms
from ioc.bootstrap import load_profile, read_settings, with_logs
from ioc.cli.exits import exit_code
from ioc.cli.progress import bar
from ioc.cli.show import Json
from ioc.cli.when import parse_when
from ioc.domain.profile import Profile
from ioc.domain.times import from_ms as instant
from ioc.errors import BadInput
from ioc.settings import Settings

if TYPE_CHECKING:
    from ioc.adapters.recording import Recorded
    from simulators.replay_run import Replay, Replayed


From = Annotated[str | None, Parameter(name="--from")]
Centres = Annotated[tuple[str, ...], Parameter(name="--centre", negative="")]


def register(app: App) -> None:
    """Add the commands."""
    app.command(record, name="record")
    app.command(replay, name="replay")


def record(
    *,
    from_: Annotated[str, Parameter(name="--from")],
    to: str = "0s",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    centre: Centres = (),
    as_json: Json = False,
) -> int:
    """Write what the centres sent in a span, byte for byte, and the alerts that were raised, into one file.

    The file may hold what concerns persons: only its owner can read it (mode 0600). Treat it as you treat the data.

    Example: `ioc record --from 2h --to 1h -o evening.jsonl.gz`

    Exit codes: 0 written; 2 a wrong argument, nothing arrived in the span, or part of it is deleted already; 3 Kafka is
    not available.

    Parameters
    ----------
    from_
        Where the span begins: 2026-11-24T10:00, or so long ago: 2h.
    to
        Where it ends, exclusive; the present when left out.
    output
        The file, which must not exist. Packed with gzip when its name ends in .gz.
    centre
        Only this centre; may be given several times.
    """
    settings = read_settings()
    profile = load_profile(settings)
    from_ms, to_ms = _span(from_, to, profile)
    file = output or Path(f"record-{_stamp(from_ms, profile)}-{_stamp(to_ms, profile)}.jsonl.gz")
    done = _record(settings, profile, from_ms, to_ms, centre, file, quiet=as_json)
    if as_json:
        print(msgspec.json.encode(done).decode())
        return 0
    by = ", ".join(f"{name} {count}" for name, count in done.by_centre.items())
    print(f"{done.file}: {done.messages} messages ({by}), {done.alerts} alerts, {done.bytes / 1e6:.1f} MB")
    for what, count in done.left_out.items():
        print(f"left out: {count} {what}")
    return 0


def replay(
    file: Path | None = None,
    /,
    *,
    from_: From = None,
    to: str = "0s",
    speed: float = 1.0,
    exercise: str | None = None,
    start: Literal["day", "now", "original"] = "day",
    centre: Centres = (),
    dry: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> int:
    """Play recorded raw traffic again as a drill, and judge whether the same alerts come of it.

    Every message is marked with the id of the drill in its centre's own format; what cannot be marked is not sent.

    Example: `ioc replay evening.jsonl.gz --speed 60`, `ioc replay --from 2h --to 1h --dry`

    Exit codes: 0 played, and all that was judged holds; 1 it does not hold; 2 a bad file or argument, nothing was sent;
    3 Kafka is not available; 4 nothing that it expects could be judged; 75 some messages were not acknowledged.

    Parameters
    ----------
    file
        A file of `ioc record`; or give --from and --to.
    from_, to
        Without a file: the span that is read from Kafka, as for `ioc record`.
    speed
        Times real time, 0.5 to 1000; order and scaled gaps are kept. When it falls behind it says so.
    exercise
        Id of the drill; made from the present when left out. Each run needs an id of its own.
    start
        Event times: moved by whole days to the last ones that are past (day), to the present (now), or as they were.
    centre
        Only this centre; may be given several times.
    dry
        Without sending: the same intake, rules and alerting in memory, hours in seconds.
    """
    from simulators.replay import look
    from simulators.replay_run import Replay, ReplayWish, to_json

    if (file is None) == (from_ is None):
        raise BadInput("argument", "file", "give either a file of `ioc record`, or --from and --to")
    settings = read_settings() if dry else with_logs(read_settings(), "simulator")
    profile = load_profile(settings)
    at_ms = now_ms()
    wish = ReplayWish(
        exercise=exercise or f"replay-{_stamp(at_ms, profile)}",
        speed=speed,
        start=start,
        centres=_checked(centre, profile),
    )
    with tempfile.TemporaryDirectory(prefix="ioc-replay-") as folder:  # mode 0700
        if file is None:
            file = Path(folder) / "span.jsonl.gz"
            from_ms, to_ms = _span(from_ or "", to, profile)
            _record(settings, profile, from_ms, to_ms, centre, file, quiet=as_json)
        played = Replay(look(file, profile), wish, profile, at_ms)
        result = _play(settings, played, profile, dry=dry, quiet=as_json)
    if as_json:
        print(to_json(result))
    else:
        _print(result)
    return exit_code(result)


def _span(from_text: str, to_text: str, profile: Profile) -> tuple[int, int]:
    at_ms = now_ms()
    from_ms = parse_when(from_text, "--from", profile.timezone, at_ms)
    to_ms = parse_when(to_text, "--to", profile.timezone, at_ms)
    if from_ms >= to_ms:
        raise BadInput("bad_range", "--from", "--from must be before --to")
    return from_ms, to_ms


def _checked(centres: tuple[str, ...], profile: Profile) -> tuple[str, ...]:
    for centre in centres:
        if centre not in profile.centre_ids:
            known = ", ".join(profile.centre_ids)
            raise BadInput("argument", "centre", f"--centre: no centre '{centre}' in {profile.id}; it has {known}")
    return centres


def _stamp(ms: int, profile: Profile) -> str:
    from zoneinfo import ZoneInfo

    return f"{instant(ms).astimezone(ZoneInfo(profile.timezone)):%Y%m%dT%H%M%S}"


def _record(
    settings: Settings, profile: Profile, from_ms: int, to_ms: int, centres: tuple[str, ...], file: Path, *, quiet: bool
) -> Recorded:
    from ioc.adapters.recording import record as write

    chosen = _checked(centres, profile) or tuple(profile.centre_ids)
    with bar(MofNCompleteColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn(), quiet=quiet) as shown:
        task = shown.add_task("record", total=None, said="")

        def tell(done: int, total: int) -> None:
            if done % 200 == 0 or done == total:
                shown.update(task, completed=done, total=total)

        return asyncio.run(write(settings, profile, from_ms, to_ms, chosen, file, tell))


def _play(settings: Settings, played: Replay, profile: Profile, *, dry: bool, quiet: bool) -> Replayed:
    from simulators.ending import asked_to_end
    from simulators.player import Progress as Stand
    from simulators.replay_run import replay_dry, replay_live

    with bar(TaskProgressColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn(), quiet=quiet) as shown:
        task = shown.add_task("replay", total=played.length_ms, said="")

        def show(event_ms: int, said: str) -> None:
            shown.update(task, completed=event_ms - played.start_ms, said=said)

        def live(stand: Stand) -> None:
            behind = f", {stand.behind_s:.1f} s behind" if stand.behind_s > 1 else ""
            show(stand.event_ms, f"{stand.sent} sent{behind}")

        if dry:
            with asked_to_end() as stopping:
                return replay_dry(played, lambda at_ms, alerts: show(at_ms, f"{alerts} changes of alerts"), stopping)
        return replay_live(settings, played, live)


def _print(result: Replayed) -> None:
    from ioc.cli.simulate_view import print_findings

    unread = [("not replayed, as unreadable", result.skipped)]
    print_findings([("refused by intake", result.refused), *unread], result.verdict, result.notes)
    print(_conclusion(result))


def _conclusion(result: Replayed) -> str:
    from ioc.cli.simulate_view import in_short

    end = "replayed to its end" if result.ended else f"stopped after {result.played_s:.0f} s"
    acked = "" if result.acked == result.sent else f", {result.acked} acknowledged"
    sent = "in memory" if result.dry else "sent"
    counts = f"{result.sent} of {result.messages} messages {sent}{acked}"
    head = f"{result.recording} (drill {result.exercise}) {end}: {counts}"
    if result.verdict is None:
        return f"{head}. It holds no alert, so nothing was judged."
    return f"{head}. {in_short(result.verdict)}"

"""What people, the log and a wall were told about alerts, and what must be true of it whatever was killed meanwhile.

Pure: :func:`faults` takes a record of a run and names everything that is wrong with it, so it can be shown to fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from ioc.domain.escalation import LATE_MS

HIDDEN = frozenset({"SHLVD", "DSUPR", "OOSRV"})


class Step(Struct, frozen=True):
    """One step of an escalation as the log has it: run of the chain it belongs to, place in it, when it fell due."""

    began_ms: int
    round: int
    step: int
    at_ms: int


class Line(Struct, frozen=True, kw_only=True):
    """One accepted line of the alert log, in the order of the log."""

    alert: str
    what: str
    version: int
    before: str = ""
    after: str = ""
    step: Step | None = None


class Told(Struct, frozen=True, kw_only=True):
    """One call of the webhook. The same ``key`` again is another attempt of the same notice."""

    key: str
    alert: str
    occasion: str
    version: int


class Picture(Struct, frozen=True, kw_only=True):
    """All alerts that a wall held at one moment: id → (version, state). ``whole``: it had just been made whole."""

    session: int
    whole: bool
    alerts: dict[str, tuple[int, str]]


class Fate(Struct, frozen=True, kw_only=True):
    """What must have become of one alert.

    Attributes:
        name: for people.
        told: occasions of its notices in their order, call-outs apart.
        may_be_told: so it is right as well: it was over at about the time that the notifier waits.
        state: its state in the end.
        hidden: it was hidden before the first kill, and for good.
        chain_s: waits of its chain, seconds, as often as the chain is gone through; empty: nobody may be called.
        steps_min: so many steps at least were carried out.
        calls_may_lack: somebody took it then, and so many of the last calls were given up, because nobody needed them.
    """

    alert: str
    name: str
    told: tuple[str, ...]
    state: str
    may_be_told: tuple[str, ...] = ()
    hidden: bool = False
    chain_s: tuple[float, ...] = ()
    chain_length: int = 1
    steps_min: int = 0
    calls_may_lack: int = 0


def faults(
    fates: Sequence[Fate], log: Sequence[Line], told: Sequence[Told], pictures: Sequence[Picture]
) -> tuple[str, ...]:
    """Everything that is wrong, each as ``WORD name: detail``; nothing is good news."""
    return (
        *_of_log(fates, log),
        *_of_steps(fates, log),
        *_of_notices(fates, log, told),
        *_of_wall(fates, log, pictures),
    )


def _of_log(fates: Sequence[Fate], log: Sequence[Line]) -> Iterator[str]:
    """Each alert was raised once, no change is written twice, versions grow, and it ends as it should."""
    names = {fate.alert: fate.name for fate in fates}
    for fate in fates:
        lines = [line for line in log if line.alert == fate.alert]
        raised = sum(line.what == "raised" for line in lines)
        if raised == 0:
            yield f"LOST {fate.name}: the log never raised it"
        if raised > 1:
            yield f"RAISED_TWICE {fate.name}: {raised} times"
        if lines and lines[-1].after != fate.state:
            yield f"STATE {fate.name}: {lines[-1].after} instead of {fate.state}"
        if any(one.version >= two.version for one, two in pairwise(lines)):
            yield f"LOG_ORDER {fate.name}: versions {[line.version for line in lines]}"
        for one, two in pairwise(lines):
            if one.after != two.before:
                yield f"LOG_GAP {fate.name}: {one.what} led to {one.after}, {two.what} began at {two.before}"
    for line in log:
        if line.what == "raised" and line.alert not in names:
            yield f"UNEXPECTED {line.alert}: nobody raised it"


def _of_steps(fates: Sequence[Fate], log: Sequence[Line]) -> Iterator[str]:
    """Every step once, in order, none left out, each due when it would have been without any kill."""
    for fate in fates:
        steps = [line.step for line in log if line.alert == fate.alert and line.step is not None]
        if not fate.chain_s:
            if steps:
                yield f"STEP_UNWANTED {fate.name}: {len(steps)}"
            continue
        if len(steps) < fate.steps_min:
            yield f"STEP_MISSING {fate.name}: {len(steps)} of at least {fate.steps_min}"
        for began_ms in dict.fromkeys(step.began_ms for step in steps):
            yield from _of_run(fate, [step for step in steps if step.began_ms == began_ms])


def _of_run(fate: Fate, steps: Sequence[Step]) -> Iterator[str]:
    places = [step.round * fate.chain_length + step.step for step in steps]
    yield from (f"STEP_DOUBLED {fate.name}: step {place}" for place, n in Counter(places).items() if n > 1)
    lacking = sorted(set(range(max(places) + 1)) - set(places))
    yield from (f"STEP_SKIPPED {fate.name}: step {place}" for place in lacking)
    if sorted(places) != places:
        yield f"STEP_ORDER {fate.name}: {places}"
    moved_ms = 0  # a stop of more than a minute moves what follows, so that nobody is called in a heap
    for place, step in zip(places, steps, strict=True):
        due_ms = step.began_ms + round(1000 * sum(fate.chain_s[: place + 1])) + moved_ms
        if step.at_ms - due_ms > LATE_MS:
            moved_ms += step.at_ms - due_ms
        elif step.at_ms != due_ms:
            yield f"STEP_TIME {fate.name}: step {place} due {step.at_ms - due_ms} ms after its time"


def _of_notices(fates: Sequence[Fate], log: Sequence[Line], told: Sequence[Told]) -> Iterator[str]:
    """Each notice and each call under one key, what is hidden under none, and nothing left out."""
    once = list({one.key: one for one in told}.values())
    about = Counter((one.alert, one.occasion, one.version) for one in once)
    names = {fate.alert: fate.name for fate in fates}
    for (alert, occasion, version), n in about.items():
        if n > 1:
            yield f"TOLD_TWICE {names.get(alert, alert)}: {occasion} of version {version} under {n} keys"
    for fate in fates:
        said = sorted((one.version, one.occasion) for one in once if one.alert == fate.alert)
        news = tuple(occasion for _, occasion in said if occasion != "called")
        calls = [version for version, occasion in said if occasion == "called"]
        wanted = [line.version for line in log if line.alert == fate.alert and line.step is not None]
        if fate.hidden and not fate.told and said:
            yield f"TOLD_HIDDEN {fate.name}: {[occasion for _, occasion in said]}"
        elif len(news) < len(fate.told):
            yield f"NOT_TOLD {fate.name}: {news} of {fate.told}"
        elif news not in (fate.told, fate.may_be_told or fate.told):
            yield f"TOLD_WRONG {fate.name}: {news} instead of {fate.told}"
        lacking = sorted(set(wanted) - set(calls))
        if lacking and (len(lacking) > fate.calls_may_lack or lacking != wanted[-len(lacking) :]):
            yield f"CALL_LOST {fate.name}: of versions {lacking}"
        if strange := sorted(set(calls) - set(wanted)):
            yield f"CALL_UNWANTED {fate.name}: of versions {strange}"
    yield from (f"TOLD_UNEXPECTED {one.alert}: {one.occasion}" for one in once if one.alert not in names)


def _of_wall(fates: Sequence[Fate], log: Sequence[Line], pictures: Sequence[Picture]) -> Iterator[str]:
    """What is hidden stays so, nothing lacks in a whole picture, no alert goes back, the last one is the log's.

    An alert asks until the desk has explained it, so it may be seen asking in the versions before the log hides it; it
    was hidden from that version on, whether or not a picture showed it so.
    """
    for fate in fates:
        known, hidden = 0, False
        hidden_from = min((one.version for one in log if one.alert == fate.alert and one.after in HIDDEN), default=None)
        for picture in pictures:
            version, state = picture.alerts.get(fate.alert, (0, ""))
            if not version:
                if known and picture.whole:
                    yield f"WALL_LOST {fate.name}: not in the picture of connection {picture.session}"
                continue
            if version < known:
                yield f"WALL_BACK {fate.name}: version {version} after {known}, connection {picture.session}"
            hidden = hidden or (hidden_from is not None and version >= hidden_from)
            if fate.hidden and hidden and state not in HIDDEN:
                yield f"WALL_LEAK {fate.name}: {state} in version {version}, connection {picture.session}"
            known, hidden = max(known, version), hidden or state in HIDDEN
        last = max((line.version for line in log if line.alert == fate.alert), default=0)
        if pictures and fate.state != "NORM":
            shown = pictures[-1].alerts.get(fate.alert, (0, "nothing"))
            if shown[0] < last or shown[1] != fate.state:
                yield f"WALL_END {fate.name}: {shown}, the log has {fate.state} in version {last}"

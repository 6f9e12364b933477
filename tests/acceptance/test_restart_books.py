"""The checker of restarts names each fault that it is there to find, in a recorded run that is sound otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.acceptance.restart_books import Fate, Line, Picture, Step, Told, faults


class Run(Struct, kw_only=True):
    """A record of a run: a ladder of three steps around a kill, an inhibited alert, a shelf that ended."""

    log: list[Line]
    told: list[Told]
    pictures: list[Picture]


FATES = (
    Fate(alert="A-1", name="ladder", told=("raised",), state="UNACK", chain_s=(2.0, 3.0, 2.0, 3.0), chain_length=2,
         steps_min=3),
    Fate(alert="A-2", name="inhibited", told=(), state="DSUPR", hidden=True),
    Fate(alert="A-3", name="shelf", told=("raised", "raised"), state="UNACK"),
)  # fmt: skip


def step(number: int, at_ms: int) -> Line:
    place = Step(began_ms=1_000, round=number // 2, step=number % 2, at_ms=at_ms)
    return Line(alert="A-1", what="summoned", version=2 + number, before="UNACK", after="UNACK", step=place)


def line(alert: str, what: str, version: int, before: str, after: str) -> Line:
    return Line(alert=alert, what=what, version=version, before=before, after=after)


def told(alert: str, occasion: str, version: int, key: str = "") -> Told:
    return Told(key=key or f"{alert}.{occasion}.{version}", alert=alert, occasion=occasion, version=version)


def sound() -> Run:
    log = [
        line("A-1", "raised", 1, "NORM", "UNACK"),
        line("A-2", "raised", 1, "NORM", "UNACK"),
        line("A-2", "muted", 2, "UNACK", "DSUPR"),
        line("A-3", "raised", 1, "NORM", "UNACK"),
        line("A-3", "shelve", 2, "UNACK", "SHLVD"),
        step(0, 3_000),
        step(1, 6_000),
        line("A-3", "unhidden", 3, "SHLVD", "UNACK"),
        step(2, 8_000),
    ]
    notices = [
        told("A-1", "raised", 1),
        told("A-3", "raised", 1),
        told("A-1", "called", 2),
        told("A-1", "called", 2),  # tried twice under one key: the receiver knows it
        told("A-1", "called", 3),
        told("A-1", "called", 4),
        told("A-3", "raised", 3),
    ]
    first = {"A-1": (1, "UNACK"), "A-2": (1, "UNACK"), "A-3": (2, "SHLVD")}
    second = {"A-1": (2, "UNACK"), "A-2": (2, "DSUPR"), "A-3": (2, "SHLVD")}
    third = {"A-1": (4, "UNACK"), "A-2": (2, "DSUPR"), "A-3": (3, "UNACK")}
    pictures = [
        Picture(session=1, whole=True, alerts=first),
        Picture(session=1, whole=False, alerts=second),
        Picture(session=2, whole=True, alerts=third),
    ]
    return Run(log=log, told=notices, pictures=pictures)


def test_a_sound_run_has_no_fault() -> None:
    run = sound()
    assert faults(FATES, run.log, run.told, run.pictures) == ()


def doubled_step(run: Run) -> None:
    run.log.append(replace(step(2, 8_000), version=5))
    run.told.append(told("A-1", "called", 5))


def skipped_step(run: Run) -> None:
    run.log.remove(step(1, 6_000))
    run.told.remove(told("A-1", "called", 3))


def late_step(run: Run) -> None:
    run.log[-1] = step(2, 8_250)


def swapped_steps(run: Run) -> None:
    run.log[5] = replace(step(1, 6_000), version=2)
    run.log[6] = replace(step(0, 3_000), version=3)


def lost_steps(run: Run) -> None:
    run.log.pop()
    run.told.remove(told("A-1", "called", 4))


def lost_call(run: Run) -> None:
    run.told.remove(told("A-1", "called", 4))


def called_about_nothing(run: Run) -> None:
    run.told.append(told("A-1", "called", 9))


def leaked_notice(run: Run) -> None:
    run.told.append(told("A-2", "raised", 1))


def leaked_call(run: Run) -> None:
    run.log.append(replace(step(0, 3_000), alert="A-2", version=3, before="DSUPR", after="DSUPR"))


def leaked_on_the_wall(run: Run) -> None:
    run.pictures[2].alerts["A-2"] = (2, "UNACK")
    run.pictures.append(Picture(session=2, whole=False, alerts=sound().pictures[2].alerts))


def never_hidden_on_the_wall(run: Run) -> None:
    run.pictures[1].alerts["A-2"] = run.pictures[2].alerts["A-2"] = (2, "UNACK")


def lost_from_the_log(run: Run) -> None:
    run.log = [one for one in run.log if one.alert != "A-3"]


def lost_from_the_wall(run: Run) -> None:
    del run.pictures[2].alerts["A-3"]
    run.pictures.append(sound().pictures[2])


def stale_wall(run: Run) -> None:
    run.pictures[2].alerts["A-3"] = (2, "SHLVD")


def wall_that_goes_back(run: Run) -> None:
    run.pictures[2].alerts["A-1"] = (1, "UNACK")
    run.pictures.append(sound().pictures[2])


def raised_twice(run: Run) -> None:
    run.log.insert(1, line("A-1", "raised", 1, "NORM", "UNACK"))


def announced_twice(run: Run) -> None:
    run.told.append(told("A-3", "raised", 3, key="another"))


def announced_again(run: Run) -> None:
    run.told.append(told("A-1", "raised", 4))


def never_announced(run: Run) -> None:
    run.told.remove(told("A-3", "raised", 3))


def still_on_the_shelf(run: Run) -> None:
    run.log = [one for one in run.log if one.what != "unhidden"]


def hole_in_the_log(run: Run) -> None:
    run.log = [one for one in run.log if one.what != "shelve"]


def another_alert(run: Run) -> None:
    run.log.append(line("A-9", "raised", 1, "NORM", "UNACK"))
    run.told.append(told("A-9", "raised", 1))


@pytest.mark.parametrize(
    ("bug", "word", "name"),
    [
        (doubled_step, "STEP_DOUBLED", "ladder"),
        (skipped_step, "STEP_SKIPPED", "ladder"),
        (late_step, "STEP_TIME", "ladder"),
        (swapped_steps, "STEP_ORDER", "ladder"),
        (lost_steps, "STEP_MISSING", "ladder"),
        (lost_call, "CALL_LOST", "ladder"),
        (called_about_nothing, "CALL_UNWANTED", "ladder"),
        (leaked_notice, "TOLD_HIDDEN", "inhibited"),
        (leaked_call, "STEP_UNWANTED", "inhibited"),
        (leaked_on_the_wall, "WALL_LEAK", "inhibited"),
        (never_hidden_on_the_wall, "WALL_LEAK", "inhibited"),
        (lost_from_the_log, "LOST", "shelf"),
        (lost_from_the_wall, "WALL_LOST", "shelf"),
        (stale_wall, "WALL_END", "shelf"),
        (wall_that_goes_back, "WALL_BACK", "ladder"),
        (raised_twice, "RAISED_TWICE", "ladder"),
        (announced_twice, "TOLD_TWICE", "shelf"),
        (announced_again, "TOLD_WRONG", "ladder"),
        (never_announced, "NOT_TOLD", "shelf"),
        (still_on_the_shelf, "STATE", "shelf"),
        (hole_in_the_log, "LOG_GAP", "shelf"),
        (another_alert, "UNEXPECTED", "A-9"),
        (another_alert, "TOLD_UNEXPECTED", "A-9"),
    ],
)
def test_each_planted_fault_is_named(bug: Callable[[Run], None], word: str, name: str) -> None:
    run = sound()
    bug(run)
    found = faults(FATES, run.log, run.told, run.pictures)
    assert any(one.startswith(f"{word} {name}: ") for one in found), found


def test_the_last_calls_may_lack_when_somebody_took_the_alert_and_no_others() -> None:
    run = sound()
    lost_call(run)
    one, two = (replace(FATES[0], calls_may_lack=n) for n in (1, 2))
    assert faults((one, *FATES[1:]), run.log, run.told, run.pictures) == ()
    run.told.remove(told("A-1", "called", 3))
    assert faults((two, *FATES[1:]), run.log, run.told, run.pictures) == ()
    assert any(fault.startswith("CALL_LOST ladder: ") for fault in faults((one,), run.log, run.told, run.pictures))
    run.told.append(told("A-1", "called", 4))
    assert any(fault.startswith("CALL_LOST ladder: ") for fault in faults((two,), run.log, run.told, run.pictures))

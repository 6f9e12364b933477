"""The clocks of drills in intake: what is passed on, what is refused, what is remembered."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from ioc.domain.drills import DRILL_OVER_MS, DRILLS_MAX
from ioc.domain.measures import DeadLetter, FeedHealth
from ioc.domain.profile import Profile
from ioc.errors import BadInput
from ioc.pipeline.drill_clocks import DrillClocks
from ioc.pipeline.effects import Emit, InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.wire import codec, drill_clock, progress
from ioc.wire.drill_clock import DrillClock
from ioc.wire.progress import DrillHeard
from ioc.wire.topics import Topics
from simulators import formats
from simulators.readings import Reading
from tests.simulators.golden_readings import readings

T = 1_795_489_200_000
S = 1_000
PLACE = ("hydro", "26041", "BIENHOA", "hydro.level")


def says(second: int, since: int, exercise: str = "d", **more: Any) -> bytes:
    values = {"centre": "bien-hoa", "partition": 1, "since_ms": T + since * S, "upto_ms": T + second * S, **more}
    return drill_clock.encode(DrillClock(exercise=exercise, **values))


def passed(emit: Emit | None) -> tuple[int, int, list[str]] | None:
    """Since, up to, and who was heard."""
    if emit is None:
        return None
    said = progress.decode_any(emit.value or b"")
    assert isinstance(said, DrillHeard)
    assert (emit.topic, emit.key, emit.partition) == ("events", progress.KEY, progress.home_of(said.centre))
    return (said.since_ms - T) // S, (said.upto_ms - T) // S, [one.site for one in said.heard]


def test_what_was_heard_between_two_records_goes_on_with_the_second() -> None:
    clocks = DrillClocks("bien-hoa", 1)
    clocks.hear("d", PLACE, T)  # before the clock began: of no drill that tells its time
    assert passed(clocks.take(says(0, 0), T)) == (0, 0, [])
    clocks.hear("d", PLACE, T + 3 * S)
    clocks.hear("d", PLACE, T + 2 * S)
    clocks.hear("other", PLACE, T)
    emit = clocks.take(says(5, 0), T)
    assert passed(emit) == (0, 5, ["BIENHOA"])
    assert emit is not None
    said = progress.decode_any(emit.value or b"")
    assert isinstance(said, DrillHeard)
    assert said.heard[0].time_ms == T + 3 * S
    assert passed(clocks.take(says(5, 0), T)) is None, "sent again"
    assert passed(clocks.take(says(0, 0), T)) is None
    assert passed(clocks.take(says(10, 5), T)) == (5, 10, [])


def test_when_a_piece_is_missing_the_clock_begins_anew() -> None:
    clocks = DrillClocks("bien-hoa", 1)
    clocks.take(says(0, 0), T)
    clocks.hear("d", PLACE, T)
    assert passed(clocks.take(says(20, 15), T)) == (20, 20, [])
    assert passed(clocks.take(says(25, 20), T)) == (20, 25, [])


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        (b"", "malformed", ""),
        (b"\xff{", "malformed", ""),
        (b'{"exercise":"d"}', "schema", ""),
        (b"[]", "schema", ""),
        (says(0, 0)[:-1] + b',"x":1}', "schema", ""),
        (says(0, 0, "a drill"), "id", "exercise"),
        (says(0, 0, "canary"), "id", "exercise"),
        (says(0, 0, "~other"), "id", "exercise"),
        (says(0, 0, ""), "id", "exercise"),
        (says(0, 0, centre="tinh"), "centre_mismatch", "centre"),
        (says(0, 0, partition=2), "range", "partition"),
        (says(0, 5), "time", "upto_ms"),
        (says(0, 0, since_ms=-5, upto_ms=0), "time", "upto_ms"),
        (says(0, 0, since_ms=10**18, upto_ms=10**18), "time", "upto_ms"),
        (says(61, 0), "range", "upto_ms"),
        (says(0, 0, seldom={"hydro": (-1.0, 5.0)}), "range", "seldom"),
        (says(0, 0, seldom={"hydro": (5.0, 1e12)}), "range", "seldom"),
        (says(0, 0, seldom={str(n): (5.0, 5.0) for n in range(101)}), "range", "seldom"),
    ],
)
def test_a_bad_clock_is_refused_with_its_reason(value: bytes, code: str, path: str) -> None:
    clocks = DrillClocks("bien-hoa", 1)
    with pytest.raises(BadInput) as refused:
        clocks.take(value, T)
    assert (refused.value.code, refused.value.path) == (code, path)
    assert refused.value.detail
    assert not clocks.take_dirty()


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_no_bytes_whatever_stop_it(value: bytes) -> None:
    with pytest.raises(BadInput):
        DrillClocks("bien-hoa", 1).take(value, T)


def test_so_many_drills_are_told_apart_and_those_that_are_over_make_room() -> None:
    clocks = DrillClocks("bien-hoa", 1)
    for n in range(DRILLS_MAX):
        assert passed(clocks.take(says(0, 0, f"d{n}"), T)) is not None
    assert passed(clocks.take(says(0, 0, "late"), T + DRILL_OVER_MS - 1)) is None
    clocks.hear("late", PLACE, T)
    assert passed(clocks.take(says(5, 0, "d0"), T + 5 * S)) == (0, 5, [])
    assert passed(clocks.take(says(10, 5, "late"), T + DRILL_OVER_MS)) == (10, 10, [])
    rows = dict(clocks.take_dirty())
    assert rows["drill-clock/d1"] is None
    assert {name for name, value in rows.items() if value is not None} == {"drill-clock/d0", "drill-clock/late"}


# ---- in the job ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def province() -> Profile:
    return load_profile("dongnai-2023")


@lru_cache(maxsize=1)
def level() -> tuple[Reading, int]:
    """A reading of the topic, and the partition that it belongs to."""
    made = next(one for one in readings(province(), "bien-hoa") if one.type == "hydro.level")
    return made, Topics("", ("bien-hoa",)).partition("raw.bien-hoa", formats.encode(province(), made)[0])


def raw_log(chance: random.Random) -> list[InRecord]:
    """One partition: live readings, those of a drill with its clock, and clocks that are none."""
    made, partition = level()
    records, second, since = list[tuple[bytes, bytes]](), 0, 0
    for number in range(40):
        other = msgspec.structs.replace(made, id=f"X{number}", time_ms=T - 60_000 + number * S)
        key, native = formats.encode(province(), other)
        kind = chance.choice(["live", "drill", "drill", "clock", "repeat", "bad"])
        if kind == "live":
            records.append((key, native))
        elif kind == "drill":
            records.append((key, formats.mark("bien-hoa", native, "d")))
        elif kind == "bad":
            records.append((drill_clock.KEY, says(0, 0, partition=partition + 1)))
        else:
            second += 5 * (kind == "clock")
            records.append((drill_clock.KEY, says(second, since, partition=partition)))
            since = second
    return [InRecord(n, T + n, *record) for n, record in enumerate(records)]


def passed_on(records: list[InRecord], chance: random.Random | None) -> tuple[list[Emit], IntakePartition]:
    """What goes on, in one piece or in portions between which the job is started again."""
    _, partition = level()
    step = IntakePartition(province(), "bien-hoa", partition)
    checkpoint: dict[str, bytes] = {}
    emits, at = list[Emit](), 0
    while at < len(records):
        size = len(records) if chance is None else chance.choice([1, 2, 7])
        emits += step.step(records[at : at + size], T + 100 * S).emits
        at += size
        if chance is not None and chance.random() < 0.3:
            for name, value in step.take_dirty():
                if value is None:
                    checkpoint.pop(name, None)
                else:
                    checkpoint[name] = value
            step = IntakePartition(province(), "bien-hoa", partition)
            for name, kept in checkpoint.items():
                step.load(name, kept)
    return emits, step


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**30))
def test_portions_and_restarts_make_no_difference(seed: int) -> None:
    records = raw_log(random.Random(seed))
    assert passed_on(records, random.Random(seed))[0] == passed_on(records, None)[0]


def test_a_clock_is_in_no_figure_of_the_live_traffic() -> None:
    """Good ones and bad ones: compared with a topic that holds none of them."""
    records = next(
        log for log in map(raw_log, map(random.Random, range(100))) if sum(r.key == drill_clock.KEY for r in log) > 15
    )
    live = [r for r in records if r.key != drill_clock.KEY and b"dien_tap" not in (r.value or b"")]
    (all_, step), (alone, without) = passed_on(records, None), passed_on(live, None)

    def events(emits: list[Emit]) -> list[bytes | None]:
        return [e.value for e in emits if e.topic == "events" and b'"exercise"' not in (e.value or b"")]

    def health(one: IntakePartition) -> list[FeedHealth]:
        said = [codec.decode_feed(e.value or b"") for e in one.tick(T + 200 * S).emits if e.topic == "feeds"]
        return [msgspec.structs.replace(feed, watermark_ms=None) for feed in said]

    assert events(all_) == events(alone) != []
    assert health(step) == health(without)
    for name in ("events", "dead", "duplicates", "unattributed"):
        assert getattr(step.totals, name) == getattr(without.totals, name), name
    letters = [msgspec.json.decode(e.value or b"", type=DeadLetter) for e in all_ if e.topic == "dead"]
    assert {letter.code for letter in letters} == {"range"}
    assert step.totals.drills == len(records) - len(live)

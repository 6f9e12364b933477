"""Sums over hours and shares of happenings through the detecting step, and neighbours through the whole runner."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.alerts import Signal
from ioc.domain.profile import Level, Member, Site
from ioc.domain.rules import problems
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Emit
from ioc.pipeline.meters import ShareSubject, SumSubject
from ioc.pipeline.runner import Runner
from ioc.pipeline.targets import horizons_min
from ioc.wire import codec
from tests.pipeline.kinds_province import PROFILE_OF_KINDS, rain
from tests.pipeline.small_province import MIN, S, T, crash, event, make_rule, records
from tests.pipeline.test_detect_determinism import run as run_cut

HOUR = 60 * MIN
WET = make_rule(
    "wet",
    "sum",
    "rain.gauge",
    field="mm_1h",
    covers_s=3600.0,
    inclusive=False,
    max_gap_s=600.0,
    levels=(
        Level(name="hour", priority=3, limit=25.0),
        Level(name="three", priority=1, limit=60.0, within_s=10_800.0),
    ),
)
BAD = make_rule(
    "bad",
    "share",
    "traffic.incident",
    inclusive=False,
    within_s=3600.0,
    count_min=4,
    max_gap_s=7200.0,
    match={"injured": {"max": 0}},
    part={"injured": {"min": 1}},
    levels=(Level(name="half", priority=3, limit=50.0),),
)
SLOW = make_rule(
    "slow", "threshold", "traffic.flow", field="speed_km_h", direction="below", max_gap_s=600.0,
    levels=(Level(name="slow", priority=3, limit=15.0),),
)  # fmt: skip
TOGETHER = make_rule(
    "together", "combination", "traffic.flow", scope="area", priority=2,
    members=(Member(rule="slow", objects=2, near_m=1000.0),),
)  # fmt: skip
NORTH = PROFILE_OF_KINDS.centres[0]
ROADS = tuple(
    Site(id=f"N{n}", feed="road", area="731", name_vi="", name_en="", lon=107.0 + 0.008 * n, lat=10.9)
    for n in (0, 1, 9)
)
PROFILE = msgspec.structs.replace(
    PROFILE_OF_KINDS,
    rules=(WET, BAD, SLOW, TOGETHER),
    centres=(msgspec.structs.replace(NORTH, sites=(*NORTH.sites, *ROADS)),),
)


def signals(emits: list[Emit]) -> list[Signal]:
    told = [codec.decode_alert_input(e.value) for e in emits if e.topic == "alert-inputs" and e.value is not None]
    return [one for one in told if isinstance(one, Signal)]


def play(values: list[tuple[int, bytes]], plan: list[tuple[int, bool, bool]] | None = None) -> list[Signal]:
    end_ms = values[-1][0] + 30 * MIN
    return signals(run_cut(records([value for _, value in values]), plan or [(1, True, False)], end_ms, PROFILE))


def gauge(minutes: list[tuple[int, float]]) -> list[tuple[int, bytes]]:
    return [(T + m * MIN, rain(T + m * MIN, mm)) for m, mm in minutes]


def test_the_rules_are_good() -> None:
    assert problems(PROFILE.rules) == []


def test_a_sum_of_three_hours_raises_where_no_hour_does() -> None:
    said = play(gauge([(m, min(22.0, 22.0 * m / 60)) for m in range(0, 240, 5)]))
    assert [(s.state, s.level, s.priority) for s in said if s.reason != "VALUE_CHANGED"][:1] == [("on", "three", 1)]
    assert said[0].observed_ms == T + 165 * MIN  # 22 mm/h: 60 mm after 2 h 43 min 38 s
    assert said[0].value == pytest.approx(60.5)


def test_a_sum_that_is_not_complete_neither_raises_nor_clears() -> None:
    assert play(gauge([(m, 19.0) for m in range(0, 300, 5)])) == []
    before, after = [(m, 22.0) for m in range(0, 200, 5)], [(m, 0.0) for m in range(320, 360, 5)]
    said = [s.state for s in play(gauge(before + after)) if s.reason != "VALUE_CHANGED"]
    assert said == ["on", "blind"]  # two hours of silence: nobody knows what fell in them


def late(minutes: list[tuple[int, int]]) -> list[tuple[int, bytes]]:
    return [(T + m * MIN, crash(T + m * MIN, injured)) for m, injured in minutes]


def test_a_share_needs_enough_cases_and_forgets_old_ones() -> None:
    assert play(late([(0, 1), (1, 1), (2, 1)])) == []
    said = play(late([(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 0), (6, 0), (61, 0), (62, 0)]))
    assert [(s.state, s.value, s.observed_ms) for s in said] == [
        ("on", 60.0, T + 4 * MIN), ("off", 50.0, T + 5 * MIN),
    ]  # fmt: skip


events = st.lists(
    st.tuples(st.booleans(), st.sampled_from([1, 5, 20, 70]), st.sampled_from([0, 1, 30])), min_size=2, max_size=30
)


def stream(given_: list[tuple[bool, int, int]]) -> list[tuple[int, bytes]]:
    at, made = 0, []
    for wet, step, value in given_:
        at += step
        made += gauge([(at, float(value))]) if wet else late([(at, value % 2)])
    return made


@settings(max_examples=40, deadline=None)
@given(events, st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.booleans()), min_size=1, max_size=6))
def test_batches_crashes_and_the_short_way_make_no_difference(
    given_: list[tuple[bool, int, int]], plan: list[tuple[int, bool, bool]]
) -> None:
    plain = play(stream(given_))
    unique = {(s.key, s.revision): s for s in play(stream(given_), plan)}
    assert list(unique.values()) == plain
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SumSubject, "quiet", lambda *_: False)
        assert play(stream(given_)) == plain


def test_seen_a_short_way_that_forgets_what_fell(monkeypatch: pytest.MonkeyPatch) -> None:
    wet = [(m, min(22.0, 22.0 * m / 60)) for m in range(0, 240, 5)]
    plain = play(gauge(wet))
    monkeypatch.setattr(SumSubject, "quiet", lambda *_: True)
    assert play(gauge(wet)) != plain


def test_seen_a_share_that_is_not_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = late([(m, m % 3) for m in range(12)])
    plain = play(cases)
    assert plain
    honest = ShareSubject.number

    def forgetful(self: ShareSubject, seen: Any) -> float | None:
        self.watched.memory = None
        return honest(self, seen)

    monkeypatch.setattr(ShareSubject, "number", forgetful)
    assert play(cases) != plain


def test_intake_knows_ids_for_as_long_as_a_share_counts_them() -> None:
    day = msgspec.structs.replace(BAD, within_s=86_400.0)
    profile = msgspec.structs.replace(PROFILE, rules=(day,))
    assert horizons_min(profile, profile.centres[0])["road"] >= 1440


def test_a_little_rain_goes_the_short_way_and_much_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    long_way: list[int] = []
    honest = SumSubject.observe

    def observe(self: SumSubject, seen: Any) -> Any:
        long_way.append(seen.time_ms)
        return honest(self, seen)

    monkeypatch.setattr(SumSubject, "observe", observe)
    play(gauge([(m, 19.0) for m in range(0, 60, 5)]))
    assert len(long_way) == 1, "only the first, which makes the memory"
    play(gauge([(m, 20.5) for m in range(0, 60, 5)]))
    assert len(long_way) == 1 + 12


def test_two_slow_roads_are_together_only_when_they_are_neighbours() -> None:
    runner = Runner(PROFILE, T)

    def slow(site: str, second: int, speed: float = 5.0) -> None:
        at = runner.now_ms = T + second * S
        body = event(site, at, {"intensity_veh_h": 9.0, "speed_km_h": speed}, type_="traffic.flow", feed="road")
        runner.events([("north/731/road", body)])

    slow("N0", 0)
    slow("N9", 10)
    slow("J1", 20)  # nobody knows where it is
    assert {alert.rule for alert in runner.alerts().values()} == {"slow"}
    slow("N1", 30)
    runner.crash("alert-inputs")
    (alert,) = [alert for alert in runner.alerts().values() if alert.rule == "together"]
    assert (alert.state, alert.priority, alert.count, alert.started_ms) == ("UNACK", 2, 2, T + 30 * S)
    slow("N0", 40, speed=40.0)
    (alert,) = [alert for alert in runner.alerts().values() if alert.rule == "together"]
    assert alert.state == "RTNUN"


def test_the_memory_of_a_sum_is_bounded() -> None:
    step = DetectPartition(PROFILE, 0)
    step.step(records([value for _, value in gauge([(m, 1.0) for m in range(2000)])]), T + 2000 * MIN)
    (kept,) = [value for key, value in step.take_dirty() if key.startswith("object/wet|") and value is not None]
    assert len(kept) < 600 + 39 * 20

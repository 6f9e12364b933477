"""Two rule files on one history: added, removed, changed, load, and memory that does not grow with the history."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ioc.domain.profile import Profile
from ioc.errors import BadInput
from ioc.services import backtest as module
from ioc.services.backtest import Backtest, Moment, Raised, compare, load
from tests.pipeline.small_province import MIN, PROFILE, S, T, heartbeat, river, road

KEYS = {"R1": "north/731/river", "J1": "north/731/road", "NORTH": "north/731/heartbeat"}


def with_limit(limit_m: float, *, dropped: tuple[str, ...] = ()) -> Profile:
    """The small province with another first stage of its stations, and without some rules."""
    north = PROFILE.centres[0]
    sites = tuple(replace(s, limits=s.limits | {"bd1": limit_m}) if s.limits else s for s in north.sites)
    rules = tuple(rule for rule in PROFILE.rules if rule.id not in dropped)
    return replace(PROFILE, centres=(replace(north, sites=sites),), rules=rules)


def history(minutes: int) -> list[Moment]:
    """Waves of 20 minutes at R1 between 1.6 m and 1.95 m, a jam at J1 from minute 10 on, heartbeats."""
    found = []
    for second in range(0, minutes * 60, 10):
        at_ms = T + second * S
        phase = (second // 60) % 20
        level_m = 1.6 + 0.035 * (phase if phase < 10 else 20 - phase)
        values = [("R1", river("R1", at_ms, level_m)), ("NORTH", heartbeat(at_ms))]
        values.append(("J1", road(at_ms, 40.0 if second < 600 else 9.0)))
        found += [Moment(KEYS[site], value, at_ms) for site, value in values]
    return found


def run(new: Profile, minutes: int = 60, from_min: int = 0, old: Profile = PROFILE) -> module.Report:
    test = Backtest(old, new, T + from_min * MIN, T + minutes * MIN, T)
    moments = history(minutes)
    for at in range(0, len(moments), 70):  # portions that cut ticks
        test.feed(moments[at : at + 70])
    return test.finish()


def test_the_same_rules_differ_in_nothing() -> None:
    report = run(PROFILE)
    assert (report.added, report.removed, report.changed) == ([], [], [])
    assert report.old == report.new
    assert report.events == 3 * 6 * 60
    assert report.old.alerts == 4  # three waves and the jam


def test_a_rule_that_is_dropped_takes_its_alerts_along() -> None:
    report = run(with_limit(1.8, dropped=("jam",)))
    assert [(one.rule, one.key, one.place_en) for one in report.removed] == [("jam", "jam|north|J1", "City · Site J1")]
    assert T + 11 * MIN <= report.removed[0].raised_ms <= T + 11 * MIN + 3 * S
    assert (report.added, report.changed) == ([], [])
    assert (report.old.alerts, report.new.alerts) == (4, 3)
    back = run(PROFILE, old=with_limit(1.8, dropped=("jam",)))
    assert [one.key for one in back.added] == ["jam|north|J1"]
    assert back.removed == []


def test_a_lower_limit_changes_the_same_episodes() -> None:
    report = run(with_limit(1.7))
    assert (report.added, report.removed) == ([], [])
    assert len(report.changed) == 3
    for change in report.changed:
        assert change.new.started_ms < change.old.started_ms
        assert change.new.overlaps(change.old)


def test_a_higher_limit_removes_them() -> None:
    report = run(with_limit(1.99))
    assert [one.rule for one in report.removed] == ["level"] * 3
    assert report.new.by_priority == {"P3": 1}


def test_what_came_before_the_report_only_warms_up() -> None:
    report = run(with_limit(1.8, dropped=("jam",)), from_min=30)
    assert report.removed == []
    assert report.old.alerts == 1
    assert report.events == 3 * 6 * 30


def test_nothing_of_the_history_stays_in_memory() -> None:
    test = Backtest(PROFILE, PROFILE, T, T + 90 * MIN, T)
    sizes = []
    moments = history(90)
    per_half_hour = len(moments) // 3
    for half in range(3):
        test.feed(moments[half * per_half_hour : (half + 1) * per_half_hour])
        side = test._sides[0]
        on_the_bus = sum(len(records) for records in side.runner.bus.values())
        kept = sum(len(cell._checkpoint) + len(cell._waiting) for cell in side.runner.cells)
        sizes.append((on_the_bus, kept))
    assert max(bus for bus, _ in sizes) < 200  # of a minute
    assert sizes[2][1] <= sizes[1][1] + 4  # what went away is remembered for an hour, of which half is over


def test_disorder_and_floods_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    test = Backtest(PROFILE, PROFILE, T, T + MIN, T)
    moments = history(1)
    test.feed(moments[:9])
    with pytest.raises(BadInput, match="order of recordedtime"):
        test.feed(moments[:1])
    monkeypatch.setattr(module, "ALERTS_MAX", 2)
    with pytest.raises(BadInput, match="more than 2 alerts"):
        run(PROFILE)


def raised(number: int, at_ms: int, *, key: str = "r|c|o", cleared_ms: int | None = None) -> Raised:
    return Raised(
        id=f"A-{number}",
        rule="r",
        key=key,
        place_vi="",
        place_en="",
        title_vi="",
        title_en="",
        priority=3,
        level="",
        started_ms=at_ms,
        raised_ms=at_ms,
        cleared_ms=cleared_ms,
    )


def test_episodes_are_paired_by_id_then_by_overlap() -> None:
    old = [raised(1, 0, cleared_ms=10), raised(2, 20, cleared_ms=30), raised(3, 50)]
    worse = replace(raised(1, 0, cleared_ms=10), priority=1)
    new = [worse, raised(4, 25, cleared_ms=40), raised(5, 45, cleared_ms=49), raised(6, 60, key="r|c|p")]
    added, removed, changed = compare(old, new)
    assert [one.id for one in added] == ["A-5", "A-6"]
    assert [one.id for one in removed] == ["A-3"]
    assert [(one.old.id, one.new.id) for one in changed] == [("A-1", "A-1"), ("A-2", "A-4")]


def test_the_load_counts_slots_of_ten_minutes() -> None:
    alerts = [raised(n, T + n) for n in range(11)] + [raised(20, T + 25 * MIN)]
    found = load(alerts, T, T + 35 * MIN)
    assert (found.slots, found.max, found.mean, found.over_share) == (4, 11, 3.0, 0.25)
    assert load([], T, T + 1).mean == 0

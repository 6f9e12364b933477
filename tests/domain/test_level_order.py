"""Levels of which it is said that they never speak never do, whatever is read; and of two that work nothing is said."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain import counting, reach, threshold
from ioc.domain.profile import Rule

NUMBERS = (0.0, 1.5, 2.0, 3.0, 4.0)
PACES_S = (10, 400)  # the second one is longer than the gap


def rule(*levels: dict[str, Any], **more: Any) -> Rule:
    names = {name: "x" for name in ("name_vi", "name_en", "title_vi", "title_en")}
    given: dict[str, Any] = {
        **names, "id": "r", "kind": "threshold", "type": "hydro.level", "group": "river", "field": "level_m",
        "levels": levels, **more,
    }  # fmt: skip
    return msgspec.convert(given, Rule)


def limits_of(made: Rule) -> dict[str, float]:
    return {level.name: level.limit for level in made.levels if level.limit is not None}


def dead(made: Rule) -> set[str]:
    return {mild.name for mild, _ in reach.covered(made, limits_of(made))}


def spoken(made: Rule, length: int = 3) -> set[str]:
    """Levels that speak for some sequence of readings, of those in their turn and those that were overtaken."""
    spec, found = threshold.resolve(made, {}, 10.0), set()
    for numbers in product(NUMBERS, repeat=length):
        for pace_s, overtaken in product(PACES_S, range(length + 1)):
            found |= _speaks(spec, numbers, pace_s, overtaken)
    return found


def _speaks(spec: threshold.Spec, numbers: tuple[float, ...], pace_s: int, overtaken: int) -> set[str]:
    state, found = threshold.ThresholdState(), set()
    for n, number in enumerate(numbers):
        values = [number] * len(spec.levels)
        at_ms = (n + 1) * pace_s * 1000
        if n == overtaken:  # the first one stays for 0: nothing is newer
            said = threshold.late(spec, state, values, at_ms - (2 * pace_s + 1) * 1000, f"late {n}")
        else:
            said = threshold.observe(spec, state, values, at_ms, str(n), True)
        if said is not None and said.state == "on":
            found.add(said.level)
    return found


DANGER = {"name": "danger", "priority": 1, "limit": 2.0, "deadband": 0.0}


@pytest.mark.parametrize(("deadband", "refused"), [(1.0, False), (0.0, True)])
def test_a_milder_level_that_ends_later_speaks(deadband: float, refused: bool) -> None:
    made = rule({"name": "warn", "priority": 3, "limit": 2.0, "deadband": deadband}, DANGER)
    assert ("warn" in spoken(made)) is not refused
    assert bool(list(reach.problems(made))) is refused
    assert [("speaks only after" in text) for text in reach.doubts(made)] == ([] if refused else [True])


def test_the_same_below() -> None:
    made = rule({"name": "warn", "priority": 3, "limit": 2.0, "deadband": 1.0}, DANGER, direction="below")
    assert "warn" in spoken(made)
    assert list(reach.problems(made)) == []
    again = rule({"name": "warn", "priority": 3, "limit": 1.0, "deadband": 0.5}, DANGER, direction="below")
    assert [text.split(": ")[0] for text in reach.problems(again)] == ["level 'warn'"]


def test_of_two_with_the_same_priority_the_later_one_speaks() -> None:
    warn = {"name": "warn", "priority": 2, "limit": 2.0, "escalate_after_s": 10.0}
    assert list(reach.problems(rule(warn, DANGER))) != []
    assert list(reach.problems(rule(DANGER, warn))) == []
    assert ("warn" in spoken(rule(warn, DANGER)), "warn" in spoken(rule(DANGER, warn))) == (False, True)


def test_a_longer_window_is_under_a_limit_less_often() -> None:
    short = {"name": "short", "priority": 3, "limit": 5.0}
    long = {"name": "long", "priority": 1, "limit": 5.0, "within_s": 10_800.0}
    of_rain = {"kind": "sum", "type": "rain.hourly", "field": "mm_1h", "covers_s": 3600.0}
    for direction, found in (("above", {"short"}), ("below", set())):
        assert dead(rule(short, long, direction=direction, **of_rain)) == found


LEVELS = st.builds(
    lambda priority, limit, deadband, escalates: {
        "priority": priority, "limit": limit, "deadband": deadband, "escalate_after_s": 10.0 * escalates,
    },
    st.integers(1, 4), st.sampled_from((1.0, 2.0, 3.0)), st.sampled_from((None, 0.0, 1.0, 2.0)), st.booleans(),
)  # fmt: skip
RULES = st.builds(
    lambda levels, direction, inclusive, on_s, off_s, deadband: rule(
        *({"name": str(n), **level} for n, level in enumerate(levels)),
        direction=direction, inclusive=inclusive, on_delay_s=on_s, off_delay_s=off_s, deadband=deadband,
    ),
    st.lists(LEVELS, min_size=2, max_size=3), st.sampled_from(("above", "below")), st.booleans(),
    st.sampled_from((0.0, 10.0)), st.sampled_from((0.0, 10.0)), st.sampled_from((0.0, 1.0)),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(RULES)
def test_what_is_refused_never_speaks(made: Rule) -> None:
    if dead(made):
        assert not dead(made) & spoken(made, 4)


def test_what_ends_later_speaks_after_all() -> None:
    """Not only is nothing wrong refused: every pair that is let through for its deadband does speak."""
    for limit, deadband, mine, direction in product((1.0, 2.0, 3.0), (0.0, 1.0), (0.0, 1.0, 2.0), ("above", "below")):
        grave = {**DANGER, "deadband": deadband}
        made = rule({"name": "warn", "priority": 3, "limit": limit, "deadband": mine}, grave, direction=direction)
        assert ("warn" in dead(made)) is ("warn" not in spoken(made)), made.levels


def test_counts_are_judged_by_when_they_end() -> None:
    for limit, deadband, mine in product((3, 4), (0.0, 2.0), (0.0, 1.0, 2.0, 3.0)):
        made = rule(
            {"name": "warn", "priority": 3, "limit": limit, "deadband": mine},
            {"name": "danger", "priority": 1, "limit": 3, "deadband": deadband},
            kind="count", type="traffic.incident", group="traffic", field="", within_s=60.0,
        )  # fmt: skip
        assert ("warn" in dead(made)) is ("warn" not in counted(made)), made.levels


def counted(made: Rule) -> set[str]:
    levels, state = counting.resolve(made), counting.CountState()
    said = [counting.observe(levels, 60_000, state, n * 1000, True) for n in range(1, 7)]
    said += counting.lapse(levels, 60_000, state, 1_000_000)
    return {one.level for one in said if one is not None and one.state == "on"}


# ---- the check can fail ------------------------------------------------------------------------------------------


def test_seen_an_order_that_ignores_deadbands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_end", lambda _rule, level, limits: limits[level.name])
    with pytest.raises(AssertionError):
        test_what_ends_later_speaks_after_all()

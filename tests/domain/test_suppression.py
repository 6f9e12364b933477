"""``suppression.toml`` as values: matchers, what is refused, planned windows in local time."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ioc.domain.alerts import Alert
from ioc.domain.matcher import NAMES_MAX, Matcher, Names
from ioc.domain.planned import LOOK_AHEAD_DAYS, Plan
from ioc.domain.schedule import Hours
from ioc.domain.suppression import Inhibit, PlannedWindow, Suppression, problems
from ioc.domain.times import to_ms

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOLIDAYS = ("2026-11-25",)  # a Wednesday
NAMES = Names(
    types=frozenset({"traffic.flow"}),
    centres=frozenset({"north"}),
    areas=frozenset({"731"}),
    sites=frozenset({"J1"}),
    feeds=frozenset({"road"}),
    rules=frozenset({"jam", "wide"}),
)


def alert(name: str = "A-1", **more: Any) -> Alert:
    base: dict[str, Any] = {
        "id": name, "key": f"jam|north|{name}", "rule": "jam", "version": 1, "state": "UNACK", "active": True,
        "acked": False, "priority": 3, "centre": "north", "area": "731", "site": "J1", "feed": "road",
        "type": "traffic.flow", "title_vi": "", "title_en": "", "started_ms": 0, "raised_ms": 0, "updated_ms": 0,
        "observed_ms": 0,
    }  # fmt: skip
    return Alert(**(base | more))


def window(name: str = "w", **more: Any) -> PlannedWindow:
    base: dict[str, Any] = {"id": name, "target": Matcher(rules=("jam",)), "why_vi": "v", "why_en": "e"}
    return PlannedWindow(**(base | more))


def inhibit(name: str = "i", **more: Any) -> Inhibit:
    base: dict[str, Any] = {
        "id": name, "source": Matcher(rules=("wide",)), "target": Matcher(rules=("jam",)), "why_vi": "v", "why_en": "e",
    }  # fmt: skip
    return Inhibit(**(base | more))


def ms(local: str) -> int:
    return to_ms(datetime.fromisoformat(local).replace(tzinfo=ZONE))


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [
        (Matcher(), True),
        (Matcher(rules=("jam", "other")), True),
        (Matcher(rules=("other",)), False),
        (Matcher(rules=("jam",), areas=("755",)), False),
        (Matcher(types=("traffic.flow",), centres=("north",), areas=("731",), sites=("J1",), feeds=("road",)), True),
        (Matcher(sites=("J2",)), False),
        (Matcher(feeds=("river",)), False),
        (Matcher(centres=("south",)), False),
        (Matcher(types=("rain.gauge",)), False),
        (Matcher(priority=3), True),
        (Matcher(priority=4), False),
        (Matcher(priority=2), True),
    ],
)
def test_all_conditions_of_a_matcher_have_to_hold(matcher: Matcher, holds: bool) -> None:
    assert matcher.holds(alert()) is holds


def test_people_and_plans_hide_a_p1_only_by_its_rule() -> None:
    urgent = alert(priority=1)
    assert not Matcher(areas=("731",)).may_hide(urgent)
    assert Matcher(areas=("731",)).may_hide(alert(priority=2))
    assert Matcher(rules=("jam",)).may_hide(urgent)
    assert Matcher(areas=("731",)).holds(urgent)  # as the target of a rule of inhibition it is meant


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Suppression(inhibit=(inhibit(target=Matcher()),)), "inhibit[0].target: has no condition"),
        (Suppression(inhibit=(inhibit(source=Matcher()),)), "inhibit[0].source: has no condition"),
        (Suppression(inhibit=(inhibit("Bad id"),)), "inhibit[0].id: must be"),
        (Suppression(inhibit=(inhibit(), inhibit())), "inhibit[1].id: 'i' is there already"),
        (Suppression(inhibit=(inhibit(why_vi=" "),)), "inhibit[0].why_vi: must say something"),
        (Suppression(inhibit=(inhibit(equal=("area", "area")),)), "inhibit[0].equal: a label stands there twice"),
        (Suppression(inhibit=(inhibit(source=Matcher(rules=("gone",))),)), "inhibit[0].source.rules: there is no"),
        (Suppression(windows=(window(hours=(Hours(),), target=Matcher(sites=("X",))),)), "windows[0].target.sites"),
        (Suppression(windows=(window(),)), "windows[0]: wants either hours, or starts and ends"),
        (
            Suppression(windows=(window(hours=(Hours(),), starts="2026-12-01T22:00", ends="2026-12-02T22:00"),)),
            "windows[0]: wants",
        ),
        (Suppression(windows=(window(hours=(Hours(start="25:00"),)),)), "windows[0].hours: start: '25:00' is not"),
        (
            Suppression(windows=(window(starts="2026-12-01T22:00", ends="tomorrow"),)),
            "windows[0].ends: must be a local",
        ),
        (Suppression(windows=(window(starts="2026-13-01T22:00", ends="2026-12-01T22:00"),)), "windows[0].starts: must"),
        (
            Suppression(windows=(window(starts="2026-12-01T22:00", ends="2026-12-01T22:00"),)),
            "windows[0].ends: must be after starts",
        ),
        (
            Suppression(windows=(window(hours=(Hours(),), target=Matcher(rules=("jam",) * (NAMES_MAX + 1))),)),
            f"windows[0].target.rules: has more than {NAMES_MAX} names",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(given: Suppression, said: str) -> None:
    found = list(problems(given, NAMES))
    assert len(found) == 1, found
    assert found[0].startswith(said)


def test_nothing_is_wrong_with_a_good_one() -> None:
    given = Suppression(
        inhibit=(inhibit(equal=("centre", "area")),),
        windows=(window(hours=(Hours(),)), window("once", starts="2026-12-01T22:00", ends="2026-12-02T04:00")),
    )
    assert list(problems(given, NAMES)) == []
    assert list(problems(Suppression(inhibit=(inhibit(source=Matcher(rules=("gone",))),)), None)) == []


NIGHT = window(hours=(Hours(days=("fri",), start="22:00", end="06:00"),))
OFFICE = window(hours=(Hours(days=("mon", "tue", "wed"), start="08:00", end="17:00", holidays="skip"),))


@pytest.mark.parametrize(
    ("planned", "at", "until"),
    [
        (NIGHT, "2026-11-27T21:59:59", None),
        (NIGHT, "2026-11-27T22:00", "2026-11-28T06:00"),
        (NIGHT, "2026-11-28T05:59:59", "2026-11-28T06:00"),  # Saturday morning belongs to Friday
        (NIGHT, "2026-11-28T06:00", None),
        (NIGHT, "2026-11-28T22:30", None),
        (OFFICE, "2026-11-24T08:00", "2026-11-24T17:00"),
        (OFFICE, "2026-11-24T17:00", None),
        (OFFICE, "2026-11-25T10:00", None),  # a holiday
        (window(hours=(Hours(holidays="only"),)), "2026-11-25T10:00", "2026-11-26T00:00"),
        # What follows at once on another has one end.
        (window(hours=(Hours(days=("mon", "tue")),)), "2026-11-23T10:00", "2026-11-25T00:00"),
        (
            window(hours=(Hours(start="08:00", end="12:00"), Hours(start="11:00", end="13:00"))),
            "2026-11-23T08:00",
            "2026-11-23T13:00",
        ),
        (window(starts="2026-12-01T22:00", ends="2026-12-02T04:00"), "2026-12-01T21:59", None),
        (window(starts="2026-12-01T22:00", ends="2026-12-02T04:00"), "2026-12-01T22:00", "2026-12-02T04:00"),
        (window(starts="2026-12-01T22:00", ends="2026-12-02T04:00"), "2026-12-02T04:00", None),
        (window(starts="2026-12-01T22:00", ends="2027-12-01T22:00"), "2026-12-05T22:00", "2027-12-01T22:00"),
    ],
)
def test_when_a_window_is_open_and_until_when(planned: PlannedWindow, at: str, until: str | None) -> None:
    found = Plan([planned], ZONE, HOLIDAYS).open_at(ms(at))
    assert [one.until_ms for one in found] == ([] if until is None else [ms(until)])


def test_what_has_no_end_in_sight_names_none_and_does_not_change() -> None:
    plan = Plan([window(hours=(Hours(),))], ZONE, HOLIDAYS)
    found = {plan.open_at(ms("2026-11-24T10:00") + hour * 3_600_000) for hour in range(24 * (LOOK_AHEAD_DAYS + 2))}
    assert [one.until_ms for (one,) in found] == [None]


def test_several_windows_come_by_id() -> None:
    always = (Hours(),)
    plan = Plan([window("b", hours=always), window("a", hours=always), NIGHT], ZONE, ())
    assert [one.window.id for one in plan.open_at(ms("2026-11-24T10:00"))] == ["a", "b"]

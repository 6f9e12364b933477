"""Which alerts belong together: by rule, drill, time and place."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain import incident_grouping
from ioc.domain.grouping import Group
from ioc.domain.incident_grouping import cluster, fits, linked, may_join, may_start, near
from ioc.domain.incident_life import close, empty, join, lose, open_of, priority_of, update
from tests.domain.test_suppression import alert

ROAD = Group(id="road", title_vi="Đ", title_en="R", rules=("jam",), within_m=2000.0, within_s=1800.0)
AREA = replace(ROAD, within_m=0.0)
CENTRE = replace(AREA, near="centre")
ALL = replace(AREA, near="all")
KM_LAT = 1 / 111.195  # degrees of latitude


@pytest.mark.parametrize(
    ("group", "other", "is_near"),
    [
        (AREA, {}, True),
        (AREA, {"area": "755"}, False),
        (AREA, {"area": "755", "lon": 106.8, "lat": 10.9}, False),
        (ROAD, {"area": "755", "lon": 106.8, "lat": 10.9 + 1.9 * KM_LAT}, True),
        (ROAD, {"area": "755", "lon": 106.8, "lat": 10.9 + 2.1 * KM_LAT}, False),
        (ROAD, {"area": "731", "lon": 106.8, "lat": 20.0}, True),  # the same area is near, however large it is
        (ROAD, {"area": "755"}, False),  # nobody knows where it is
        (CENTRE, {"area": "755"}, True),
        (CENTRE, {"centre": "south"}, False),
        (ALL, {"area": "755", "centre": "south"}, True),
    ],
)
def test_near_by_the_group(group: Group, other: dict[str, Any], is_near: bool) -> None:
    here = alert("A-1", lon=106.8, lat=10.9)
    assert near(group, here, alert("A-2", **other)) is is_near
    assert near(group, alert("A-2", **other), here) is is_near


def test_an_area_that_nobody_knows_is_near_to_none() -> None:
    nowhere = alert("A-1", area="", centre="")
    assert not near(AREA, nowhere, nowhere)
    assert not near(CENTRE, nowhere, nowhere)
    assert near(ALL, nowhere, nowhere)


def test_time_links_both_ways_and_drills_only_with_their_own() -> None:
    first = alert("A-1", raised_ms=0)
    assert linked(ROAD, first, alert("A-2", raised_ms=1_800_000))
    assert linked(ROAD, alert("A-2", raised_ms=1_800_000), first)
    assert not linked(ROAD, first, alert("A-2", raised_ms=1_800_001))
    assert not linked(ROAD, first, alert("A-2", exercise="tập"))
    assert linked(ROAD, alert("A-1", exercise="tập"), alert("A-2", exercise="tập"))


def test_the_span_slides_with_the_newest_member() -> None:
    incident = open_of(AREA, [alert("A-1"), alert("A-2", raised_ms=1_000_000)], "I-1", 1, 5)
    assert fits(AREA, incident, alert("A-3", raised_ms=2_800_000))
    assert not fits(AREA, incident, alert("A-3", raised_ms=2_800_001))
    assert not fits(AREA, incident, alert("A-3", exercise="tập"))
    later = join(incident, alert("A-3", raised_ms=2_800_000), 6)
    assert fits(AREA, later, alert("A-4", raised_ms=4_600_000))
    assert not fits(AREA, later, alert("A-4", raised_ms=4_600_000, area="755"))
    late = open_of(AREA, [alert("A-1", raised_ms=3_600_000)], "I-2", 2, 5)
    assert fits(AREA, late, alert("A-0", raised_ms=1_800_000)), "it is told late"
    assert not fits(AREA, late, alert("A-0", raised_ms=1_799_999))


def test_who_closed_still_counts_and_a_full_one_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    incident = open_of(AREA, [alert("A-1"), alert("A-2", area="755")], "I-1", 1, 5)
    incident = update(incident, alert("A-2", area="755", closed=True, active=False), 6)
    assert fits(AREA, incident, alert("A-3", area="755"))
    monkeypatch.setattr(incident_grouping, "MEMBERS_MAX", 2)
    assert not fits(AREA, incident, alert("A-3", area="755"))


def test_a_cluster_goes_through_others_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {f"A-{n}": alert(f"A-{n}", raised_ms=n * 1_800_000) for n in (4, 3, 2, 1, 9)}
    found = cluster(AREA, waiting["A-4"], waiting)
    assert [one.id for one in found] == ["A-1", "A-2", "A-3", "A-4"]
    assert [one.id for one in cluster(AREA, waiting["A-9"], waiting)] == ["A-9"]
    monkeypatch.setattr(incident_grouping, "MEMBERS_MAX", 2)
    assert len(cluster(AREA, waiting["A-4"], waiting)) == 2


@pytest.mark.parametrize(
    ("facts", "joins", "starts"),
    [
        ({}, True, True),
        ({"suppression": "shelved-until"}, True, True),
        ({"suppression": "by-design"}, True, False),
        ({"suppression": "out-of-service"}, True, False),
        ({"muted_by": "A-9"}, True, False),
        ({"active": False}, False, False),
        ({"closed": True}, False, False),
    ],
)
def test_what_is_there_joins_and_what_nothing_explains_starts(facts: dict[str, Any], joins: bool, starts: bool) -> None:
    assert (may_join(alert(**facts)), may_start(alert(**facts))) == (joins, starts)


# Its life -------------------------------------------------------------------------------------------------------------


def test_the_priority_is_of_those_that_ask() -> None:
    incident = open_of(AREA, [alert("A-1", priority=3), alert("A-2", priority=2)], "I-1", 1, 5)
    assert incident.priority == 2
    hidden = update(incident, alert("A-2", priority=2, suppression="shelved-until"), 6)
    assert (hidden.priority, hidden.members[1].hidden) == (3, True)
    left = update(hidden, alert("A-1", priority=3, closed=True, active=False), 7)
    assert left.priority == 2, "of all members when none asks"
    assert priority_of(()) == 4


def test_worse_is_said_and_milder_is_not() -> None:
    incident = open_of(AREA, [alert("A-1", priority=3)], "I-1", 1, 5)
    worse = join(incident, alert("A-2", priority=1), 6)
    assert [(line.word, line.about, line.text) for line in worse.timeline] == [
        ("opened", "", ""),
        ("joined", "A-2", ""),
        ("worsened", "A-2", "P1"),
    ]
    assert [line.word for line in update(worse, alert("A-2", priority=2), 7).timeline][3:] == []
    hidden = update(worse, alert("A-1", priority=3, muted_by="A-9"), 7)
    assert [line.word for line in hidden.timeline][3:] == []


def test_it_closes_with_its_last_alert_and_one_that_came_back_is_in_it_again() -> None:
    incident = open_of(AREA, [alert("A-1"), alert("A-2")], "I-1", 1, 5)
    gone = update(incident, alert("A-1", closed=True, active=False), 6)
    assert (gone.members[0].left_ms, gone.state) == (6, "open")
    assert update(gone, alert("A-1", closed=True, active=False), 9) is gone, "told again it changes nothing"
    back = update(gone, alert("A-1"), 7)
    assert back.members[0].left_ms is None
    over = update(gone, alert("A-2", closed=True, active=False), 8)
    assert [empty(one) for one in (incident, gone, back, over)] == [False, False, False, True]
    over = close(over, 8)
    assert (over.state, over.closed_ms, over.timeline[-1].word) == ("closed", 8, "closed")
    assert not empty(over)
    assert update(over, alert("A-1"), 9) is over
    assert lose(over, "A-1", 9) is over
    assert empty(lose(gone, "A-2", 9))
    assert lose(gone, "A-1", 9) is gone
    assert lose(gone, "A-other", 9) is gone
    assert update(gone, alert("A-other"), 9) is gone


def test_the_timeline_is_bounded() -> None:
    incident = open_of(AREA, [alert("A-1")], "I-1", 1, 5)
    for n in range(150):
        incident = update(incident, alert("A-1", priority=1 + n % 2), n)
        incident = join(incident, alert(f"B-{n}", priority=4), n)
    assert len(incident.timeline) == 100
    assert incident.timeline[-1].about == "B-149"

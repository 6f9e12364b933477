"""An alert that explains others has no end known beforehand: when it hides from the first moment, and how many can."""

from __future__ import annotations

from ioc.domain.covers import COVERS_MAX, Cover, CoverSaid
from ioc.domain.desk import Explanation
from ioc.domain.matcher import Matcher
from ioc.pipeline.covers import FRESH_MS, Covers
from tests.pipeline.small_province import S, T
from tests.pipeline.test_alerting import signal
from tests.pipeline.test_covers import HERE, Room, by_alert
from tests.pipeline.test_covers import room as room


def test_an_alert_explains_nothing_before_the_desk_is_heard(room: Room) -> None:
    by_alert(room)
    room.restart_alerting()
    room.give(signal())
    assert room.states() == ["UNACK"]


def test_an_alert_explains_nothing_when_the_desk_is_away_for_some_minutes(room: Room) -> None:
    """Silences and windows go on: their end is known here."""
    by_alert(room)
    away_ms = room.now_ms + FRESH_MS
    while room.now_ms < away_ms:
        room.now_ms += 10 * S
        for part in room.parts:
            part.tick(room.now_ms)
    room.give(signal())
    assert room.states() == ["UNACK"]


def test_an_alert_that_is_over_here_explains_nothing_though_the_desk_says_so_still(room: Room) -> None:
    room.give(signal(key="level|north|R2", site="R2"))
    other = next(one for one in room.parts[0].alerts.values() if one.site == "R2")
    why = Explanation(kind="alert", id=other.id)
    room.give(CoverSaid(id="x", cover=Cover(id="x", explanation=why, target=HERE)))
    room.give(signal("off", key="level|north|R2", site="R2", revision=2))
    room.give(signal())
    assert room.alert.state == "UNACK"


def test_no_alert_hides_a_p1_from_its_beginning(room: Room) -> None:
    """Nobody decided that it is not news: it asks, and is told, until the desk's order hides it."""
    by_alert(room)
    room.give(signal(priority=1))
    assert (room.states()[0], len(room.told())) == ("UNACK", 1)


def test_a_stand_still_of_alerting_itself_is_no_word_of_the_desk(room: Room) -> None:
    by_alert(room)
    room.now_ms += FRESH_MS
    room.parts[0].tick(room.now_ms)
    room.give(signal())
    assert room.states() == ["UNACK"]


def test_more_covers_than_are_kept_are_left_out() -> None:
    covers = Covers()
    for n in range(COVERS_MAX + 1):
        why = Explanation(kind="silence", id=f"S-{n:05}", until_ms=T + S)
        covers.take(CoverSaid(id=why.id, cover=Cover(id=why.id, explanation=why, target=Matcher(sites=(f"s{n}",)))))
    rows = covers.take_dirty()
    assert len(rows) == COVERS_MAX
    again = Covers()
    for name, value in rows:
        assert value is not None
        again.load(name, value)
    again.take(CoverSaid())
    assert [value for _, value in again.take_dirty()] == [None] * COVERS_MAX

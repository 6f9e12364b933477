"""From the log alone an auditor knows which alert belonged to which incident, at any time; and no row is long."""

from __future__ import annotations

import pytest

from ioc.domain.desk_commands import TEXT_MAX
from ioc.domain.incident_grouping import MEMBERS_MAX
from ioc.domain.incident_life import names_hash
from tests.pipeline.incident_room import Room, handle, homes_by, words
from tests.pipeline.small_province import MIN


def now(room: Room) -> dict[str, str]:
    """The same by the incidents themselves."""
    return {member.alert_id: one.id for one in room.incidents() if one.state == "open" for member in one.members}


@pytest.fixture
def room() -> Room:
    return Room()


def name_of(n: int) -> str:
    return f"A-{n:016x}"


def test_a_split_and_a_merge_of_500_members_leave_short_rows_with_every_alert(room: Room) -> None:
    for n in range(MEMBERS_MAX):
        room.tell(name_of(n))
    [one] = room.incidents()
    assert len(one.members) == MEMBERS_MAX
    assert homes_by(room.log) == now(room)
    before = len(room.log)
    split = tuple(name_of(n) for n in range(MEMBERS_MAX - 1))
    answer = room.do(handle(1, "split", one.id, alert_ids=split))
    assert (answer.outcome, len(now(room)), len(set(now(room).values()))) == ("DONE", MEMBERS_MAX, 2)
    assert homes_by(room.log) == now(room)
    said = words(answer)
    assert (said["alerts"], said["hash"]) == ("499", names_hash(split)), "which alerts were meant can be proven"
    rows = [line for line in room.log[before:] if line.what == "incident-joined"]
    assert len(rows) == 20
    assert {line.alert_id for line in rows} == {said["into"]}
    assert [words(line)["part"] for line in rows] == [f"{n}/20" for n in range(1, 21)]
    refused = room.do(handle(2, "split", one.id, alert_ids=(*split, "A-none")))
    assert (refused.outcome, words(refused)["hash"]) == ("STALE", names_hash((*split, "A-none")))

    before = len(room.log)
    merged = room.do(handle(3, "merge", one.id, other=said["into"]))
    assert merged.outcome == "DONE"
    assert homes_by(room.log) == now(room)
    assert len([line for line in room.log[before:] if line.what == "incident-joined"]) == 20
    assert max(len(line.detail) for line in room.log) <= TEXT_MAX
    assert len({line.id for line in room.log}) == len(room.log)
    assert all(line.reason for line in room.log)


def test_what_opens_joins_by_itself_is_alone_or_comes_back_is_in_the_log(room: Room) -> None:
    for name in ("A-1", "A-2", "A-3", "A-4"):
        room.tell(name)
    for name in ("R-1", "R-2", "R-3"):
        room.tell(name, rule="rain")
    road, rain = (one.id for one in room.incidents())
    assert (
        homes_by(room.log)
        == now(room)
        == {**dict.fromkeys(("A-1", "A-2", "A-3", "A-4"), road), **dict.fromkeys(("R-1", "R-2", "R-3"), rain)}
    )
    reasons = [(line.what, line.reason) for line in room.log if line.alert_id == road]
    assert reasons == [
        ("incident-opened", "GROUPED"),
        ("incident-joined", "GROUPED"),
        *[("incident-joined", "FITS")] * 2,
    ]
    room.do(handle(1, "split", road, alert_ids=("A-4",)))
    assert "A-4" not in homes_by(room.log)
    assert homes_by(room.log) == now(room)
    room.do(handle(2, "split", road, alert_ids=("A-2", "A-3")))
    made = room.incidents()[2].id
    assert homes_by(room.log)["A-3"] == made
    # All of it in the same millisecond: the ids of the lines differ.
    room.do(handle(3, "merge", road, other=made))
    room.do(handle(4, "split", road, alert_ids=("A-2", "A-3")))
    room.do(handle(5, "merge", rain, other=room.incidents()[3].id))
    assert homes_by(room.log) == now(room)
    said = len(room.log)
    room.end("R-1")
    room.tell("R-1", active=True, acked=False, state="UNACK", closed=False)
    room.restart()
    room.tick(MIN)
    assert len(room.log) == said, "who closes, comes back or is told again has joined before"
    assert homes_by(room.log) == now(room)
    for name in room.alerts:
        room.end(name)
    room.tick()
    assert homes_by(room.log) == now(room) == {}
    assert len({line.id for line in room.log}) == len(room.log)

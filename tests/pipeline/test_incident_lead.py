"""Who leads an incident after two became one: never nobody where somebody led one of them."""

from __future__ import annotations

import pytest

from tests.pipeline.incident_room import Room, handle
from tests.pipeline.small_province import MIN
from tests.pipeline.test_desk_incidents import opened


@pytest.mark.parametrize("survivor", [None, "minh"])
@pytest.mark.parametrize("other", [None, "lan", "minh"])
def test_the_lead_goes_on(survivor: str | None, other: str | None) -> None:
    room = Room()
    road, rain = opened(room, "A-1", "A-2"), opened(room, "R-1", "R-2", "R-3", rule="rain")
    for number, (name, who) in enumerate(((road, survivor), (rain, other)), 1):
        if who is not None:
            room.do(handle(number, "take", name, actor=who, actor_display=who.title()))
    before = {one.id: one for one in room.incidents()}
    room.tick(MIN)
    said = room.do(handle(3, "merge", road, other=rain, actor="hoa"))
    one = next(one for one in room.incidents() if one.id == road)
    leads = before[road] if survivor is not None else before[rain]
    assert (one.owner, one.owner_display) == (survivor or other, (survivor or other or "").title() or None)
    assert one.owner_since_ms == leads.owner_since_ms
    word = "" if other in (None, survivor) else f" owner={other}" if survivor is None else f" other_owner={other}"
    assert said.detail == f"other={rain}{word}"
    [line] = [line for line in one.timeline if line.word == "merged"]
    assert line.text == ("" if other in (None, survivor) else "Lan" if other == "lan" else "Minh")
    gone = next(one for one in room.incidents() if one.id == rain)
    assert gone.owner == other, "who led it then is still known"
    room.restart()
    assert room.do(handle(4, "take", road, actor="hoa")).outcome == ("STALE" if one.owner else "DONE")

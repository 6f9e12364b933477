"""Lines of the log about incidents and floods are about no single alert: nobody is notified and nothing is counted."""

from __future__ import annotations

from ioc.domain.alarm_quality import line_of, measure
from ioc.domain.desk_commands import is_about_desk
from ioc.pipeline.notices import Judgeable, news, ready
from tests.pipeline.incident_room import Room, handle
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_notices import LOGGED, province


def test_nobody_is_notified_and_nothing_is_counted() -> None:
    room = Room()
    for n in range(6):
        room.tell(f"A-{n}", priority=1)
    for n in range(2):
        room.tell(f"D-{n}", exercise="tập")
    one, drill = (incident.id for incident in room.incidents())
    for n, (op, more) in enumerate(
        [
            ("take", {}),
            ("rename", {"text": "x"}),
            ("note", {"text": "x"}),
            ("merge", {"other": drill}),
            ("split", {"alert_ids": ("A-0", "A-1")}),
            ("release", {}),
        ]
    ):
        room.do(handle(n, op, one, **more))
    room.do(handle(8, "merge", one, other=room.incidents()[2].id))
    room.tick(11 * MIN)
    for name in room.alerts:
        room.end(name)
    assert {
        *("incident-opened", "incident-joined", "incident-closed", "flood-began", "flood-ended"),
        *("incident-take", "incident-rename", "incident-note", "incident-merge", "incident-split", "incident-release"),
    } == set(room.said())
    assert len({line.id for line in room.log}) == len(room.log)

    assert all(is_about_desk(line) for line in room.log)
    judged = [Judgeable(n, line, None) for n, line in enumerate(room.log)]
    assert not any(line.behind for line in judged)
    assert list(ready(judged, {}, T + 60 * MIN)[0]) == judged
    assert news(judged, province(LOGGED), T + 60 * MIN) == []
    lines = [found for line in room.log if (found := line_of(line)) is not None]
    assert lines
    assert measure(lines, T - S, T + 60 * MIN) == measure([], T - S, T + 60 * MIN)

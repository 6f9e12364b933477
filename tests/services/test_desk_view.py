"""What a gateway knows of the desk beside what its screens get: how the escalation stands."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.adapters.metrics import GatewayMetrics
from ioc.domain.incidents import Incident, Line, Member
from ioc.pipeline.escalation_audit import Audit
from ioc.services import desk_view
from ioc.services.desk_view import DeskView
from ioc.wire.codec import encode
from tests.samples import T0_MS

AUDIT = Audit(running=3, finished=1, without_step=2, overdue=1, unanswered=1, as_of_ms=T0_MS - 5_000)


def value(metrics: GatewayMetrics, state: str) -> float:
    found = metrics.registry.get_sample_value("ioc_escalation_alerts", {"state": state})
    assert found is not None
    return found


def test_the_last_audit_is_kept_and_changes_no_frame() -> None:
    view = DeskView()
    assert view.audit is None
    view.take(b"escalation/audit", encode(AUDIT))
    assert (view.audit, view.version) == (AUDIT, 0)
    view.take(b"escalation/audit", b"?")
    view.take(b"@escalation/A-1", b"{}")
    view.take(b"escalation/other", b"{}")
    assert view.audit == AUDIT
    view.take(b"escalation/audit", None)
    assert view.audit is None


def test_the_gauges_say_how_it_stands_and_when_nobody_knows() -> None:
    metrics = GatewayMetrics()
    metrics.show_escalation(AUDIT, T0_MS)
    states = ("running", "finished", "without_step", "overdue", "unanswered")
    assert [value(metrics, state) for state in states] == [3, 1, 2, 1, 1]
    assert metrics.registry.get_sample_value("ioc_escalation_audit_age_seconds") == 5
    assert b'ioc_escalation_alerts{state="overdue"} 1.0' in metrics.text()
    metrics.show_escalation(AUDIT, T0_MS - 60_000)
    assert metrics.registry.get_sample_value("ioc_escalation_audit_age_seconds") == 0, "the clocks differ"
    metrics.show_escalation(None, T0_MS)
    assert all(math.isnan(value(metrics, state)) for state in states)
    assert math.isnan(metrics.registry.get_sample_value("ioc_escalation_audit_age_seconds") or 0)


def test_a_desk_that_says_nothing_any_more_is_silent() -> None:
    """It says how it stands every minute; from two and a half on nobody can rely on what it said."""
    view = DeskView()
    assert not view.silent(T0_MS), "a centre without a desk lacks none"
    view.take(b"escalation/audit", encode(AUDIT))
    assert not view.silent(AUDIT.as_of_ms - 60_000), "the clocks differ"
    assert not view.silent(AUDIT.as_of_ms + 150_000)
    assert view.silent(AUDIT.as_of_ms + 150_001)


def test_the_frame_of_very_many_incidents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_view, "FRAME_MEMBERS_MAX", 5)
    view = DeskView()
    for number, members in ((1, 3), (2, 4), (3, 2)):
        made = incident(number, members)
        view.take(b"incident/" + made.id.encode(), encode(made))
    frame = decode_frame(view.frame())
    assert [(one["number"], len(one["members"])) for one in frame["incidents"]] == [(3, 2), (1, 3)]
    assert len(frame["incidents"][0]["timeline"]) == 20
    assert len(view.all_incidents()) == 3, "the list by HTTP has all"


class Screen:
    """A screen that asked for changes: holds what the frames told it, as the pages do."""

    def __init__(self, view: DeskView) -> None:
        self.at = view.shown()
        self.incidents: dict[str, Any] = {}
        self.take(view.frame())

    def follow(self, view: DeskView) -> int:
        """Take what changed; how many bytes that was."""
        data = view.changes(self.at)
        self.at = view.shown()
        self.take(data)
        return len(data)

    def take(self, data: bytes) -> None:
        frame = decode_frame(data)
        if frame["t"] == "desk":
            self.incidents = {}
        else:
            assert frame["prev"] == self.version
        for name in frame.get("gone", []):
            del self.incidents[name]
        self.incidents |= {one["id"]: one for one in frame["incidents"]}
        self.version, self.flood = frame["version"], frame["flood"]


steps = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from([None, "closed", 1, 2, 3, 4]), st.booleans()), min_size=1, max_size=40
)


@given(steps)
def test_who_follows_the_changes_has_what_the_whole_frame_says(story: list[tuple[int, Any, bool]]) -> None:
    """Incidents open, grow, close, vanish and fall out of the bounded frame; screens look now and then."""
    view = DeskView()
    screens = [Screen(view), Screen(view)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_view, "FRAME_MEMBERS_MAX", 8)
        for number, what, looks in story:
            made = incident(number, what if isinstance(what, int) else 1)
            if what == "closed":
                made = replace(made, state="closed")
            view.take(b"incident/" + made.id.encode(), None if what is None else encode(made))
            for screen in screens[: 1 + looks]:
                screen.follow(view)
        whole = decode_frame(view.frame())
        for screen in screens:
            screen.follow(view)
            assert screen.incidents == {one["id"]: one for one in whole["incidents"]}
            assert (screen.version, screen.flood) == (whole["version"], whole["flood"])


def test_one_incident_of_many_is_sent_alone() -> None:
    view = DeskView()
    for number in range(1, 21):
        view.take(f"incident/I-{number}".encode(), encode(incident(number, 100)))
    screen = Screen(view)
    view.take(b"incident/I-7", encode(replace(incident(7, 100), owner="lan")))
    frame = decode_frame(view.changes(screen.at))
    assert [one["id"] for one in frame["incidents"]] == ["I-7"]
    assert screen.follow(view) < len(view.frame()) / 15
    assert screen.incidents["I-7"]["owner"] == "lan"
    assert view.changes(view.shown()) is view.changes(view.shown()), "made once for all screens"


def test_lines_about_incidents_that_are_not_shown_have_their_numbers() -> None:
    """A console that was loaded anew never saw the one that was merged away; nor one that saw too many to hold it."""
    view = DeskView()
    abouts = ("I-2", "I-3", "I-9", "A-1")
    lines = tuple(Line(at_ms=n, word="merged", about=about) for n, about in enumerate(abouts))
    noted = tuple(Line(at_ms=1, word="noted") for _ in range(desk_view.FRAME_LINES_MAX))
    old = (Line(at_ms=0, word="merged", about="I-4"), *noted)
    for made in (
        replace(incident(1, 1), timeline=old + lines),
        replace(incident(2, 1), state="closed", merged_into="I-1"),
        incident(3, 1),
        replace(incident(4, 1), state="closed", merged_into="I-1"),
    ):
        view.take(b"incident/" + made.id.encode(), encode(made))
    whole = decode_frame(view.frame())
    assert [one["id"] for one in whole["incidents"]] == ["I-3", "I-1"]
    assert whole["numbers"] == {"I-2": 2}, "named in a line that is sent, and not sent itself"
    screen = Screen(view)
    view.take(b"incident/I-3", encode(replace(incident(3, 1), state="closed")))
    third = Line(at_ms=5, word="merged", about="I-3")
    view.take(b"incident/I-1", encode(replace(incident(1, 1), timeline=(*lines, third))))
    assert decode_frame(view.changes(screen.at))["numbers"] == {"I-2": 2, "I-3": 3}
    view.take(b"incident/I-5", encode(incident(5, 1)))
    screen.follow(view)
    view.take(b"incident/I-5", encode(replace(incident(5, 1), owner="lan")))
    assert decode_frame(view.changes(screen.at))["numbers"] == {}


def incident(number: int, members: int) -> Incident:
    member = Member(
        alert_id="A", key="r|c|o", rule="r", centre="c", area="731", priority=2, acked=False, hidden=False,
        title_vi="", title_en="", raised_ms=1, joined_ms=1,
    )  # fmt: skip
    return Incident(
        id=f"I-{number}", number=number, group="g", title_vi="", title_en="", priority=2,
        members=(member,) * members, opened_ms=number * 1000, changed_ms=1,
        timeline=tuple(Line(at_ms=i, word="noted") for i in range(100)),
    )  # fmt: skip


def decode_frame(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(data)
    return found

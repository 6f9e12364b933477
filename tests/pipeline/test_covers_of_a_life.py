"""Whatever happens to alerts while covers come and go: what is known to be hidden never begins to ask, and the log says
so without a gap. Planted bugs show that the checker sees a leak.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.alerts import Alert, Command
from ioc.domain.covers import Cover, CoverSaid, covered
from ioc.domain.desk import DeskAlive, Explained, Explanation
from ioc.domain.matcher import Matcher
from ioc.pipeline import covers as module
from ioc.pipeline.covers import FRESH_MS, Covers
from ioc.wire import codec
from tests.pipeline.life_room import HOUR, Room
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, signal

SITES = ("R1", "R2")
SITE = st.sampled_from(SITES)
COVER = st.sampled_from(["S-1", "S-2", "window|w", "inhibit|i"])
STEPS = st.one_of(
    st.tuples(st.just("on"), SITE, st.sampled_from([1, 2, 3]), st.booleans()),
    st.tuples(st.just("off"), SITE),
    st.tuples(st.just("cover"), COVER, SITE, st.booleans()),
    st.tuples(st.just("over"), COVER),
    st.tuples(st.just("order"), SITE, st.booleans()),
    st.tuples(st.just("do"), SITE, st.sampled_from(["ack", "unack", "shelve", "unshelve", "close", "reopen"])),
    st.tuples(st.just("wait"), st.sampled_from([S, 61 * S, 11 * MIN, 3 * HOUR])),
    st.tuples(st.just("restart")),
    st.tuples(st.just("alive")),
)


def cover(name: str, site: str, now_ms: int) -> Cover:
    if name.startswith("inhibit"):
        why = Explanation(kind="alert", id="A-source")
        return Cover(id=name, explanation=why, target=Matcher(rules=("level",)), equal=(("site", site),))
    kind: Any = "silence" if name.startswith("S-") else "window"
    why = Explanation(kind=kind, id=name, until_ms=now_ms + HOUR)
    return Cover(id=name, explanation=why, target=Matcher(rules=("level",), sites=(site,)))


class Life:
    """Alerting with two objects, and the covers as a plain dictionary."""

    def __init__(self) -> None:
        self.room = Room()
        self.known: dict[str, Cover] = {}
        self.since = dict.fromkeys(SITES, T)
        self.number = 0
        self.written: dict[str, list[Alert]] = {}
        self.heard_ms: int | None = None  # when the desk spoke last in this life of alerting

    def newest(self, site: str) -> Alert | None:
        alerts = [one for one in self.room.step.alerts.values() if one.site == site]
        return max(alerts, key=lambda one: one.started_ms, default=None)

    def give(self, *given_: Any, ordered: str = "") -> None:
        before = {name: one.state for name, one in self.room.step.alerts.items()}
        if isinstance(given_[0], CoverSaid | DeskAlive | Explained):
            self.heard_ms = self.room.now_ms
        self.look(self.room.give(*given_).emits, before, ordered)

    def hides(self, one: Cover, alert: Alert) -> bool:
        """Another alert may be over without anybody's word: trusted only from a desk just heard, and not with a P1."""
        fresh = self.heard_ms is not None and self.room.now_ms - self.heard_ms < FRESH_MS
        return one.explanation.kind != "alert" or (fresh and alert.priority > 1)

    def look(self, emits: Any, before: dict[str, str], ordered: str = "") -> None:
        """What was written: nothing begins to ask under what is known, unless the desk orders it."""
        for emit in emits:
            if emit.topic != "alerts" or emit.value is None:
                continue
            alert = codec.decode_alert(emit.value)
            begins = alert.state == "UNACK" != before.get(alert.id)
            why = covered(alert, [one for one in self.known.values() if self.hides(one, alert)], self.room.now_ms)
            assert not begins or alert.id == ordered or why is None, f"it asks under {why}"
            before[alert.id] = alert.state
            self.written.setdefault(alert.id, []).append(alert)

    def do(self, step: tuple[Any, ...]) -> None:
        word, *rest = step
        self.number += 1
        key = KEY if not rest or rest[0] != "R2" else KEY.replace("R1", "R2")
        if word in ("on", "off"):
            site = rest[0]
            if word == "on" and rest[2]:
                self.since[site] += MIN
            more: dict[str, Any] = {"priority": rest[1]} if word == "on" else {}
            more["observed_ms"] = T + self.number * MIN * 30  # far apart: nothing chatters
            self.give(signal(word, key=key, site=site, since_ms=self.since[site], revision=self.number, **more))
        elif word == "cover":
            self.known[rest[0]] = cover(rest[0], rest[1], self.room.now_ms if rest[2] else self.room.now_ms - 2 * HOUR)
            self.give(CoverSaid(id=rest[0], cover=self.known[rest[0]]))
        elif word == "over":
            self.known.pop(rest[0], None)
            self.give(CoverSaid(id=rest[0]))
        elif word == "order":
            alert = self.newest(rest[0])
            if alert is not None:
                why = Explanation(kind="alert", id="A-other") if rest[1] else None
                given_ = Explained(key=key, alert_id=alert.id, explanation=why, at_ms=self.room.now_ms)
                self.give(given_, ordered=alert.id)
        elif word == "do":
            alert = self.newest(rest[0])
            if alert is not None:
                given_ = Command(
                    key=key, command_id=f"k{self.number}", op=rest[1], alert_id=alert.id, role="dispatcher",
                    expected_version=alert.version, actor="lan", actor_display="Lan", reason="r",
                    result="handled" if rest[1] == "close" else None,
                )  # fmt: skip
                self.give(given_)
        elif word == "wait":
            self.room.now_ms += rest[0]
            if rest[0] > 10 * MIN:
                self.give(DeskAlive(at_ms=self.room.now_ms))
            before = {name: one.state for name, one in self.room.step.alerts.items()}
            self.look(self.room.tick(0).emits, before)
        elif word == "restart":
            self.room.restart()
            self.heard_ms = None
        else:
            self.give(DeskAlive(at_ms=self.room.now_ms))

    def check(self) -> None:
        """The lines of each alert: versions grow, each begins where the one before ended, hidden lines name why."""
        for name in {line.alert_id for line in self.room.log}:
            lines = [one for one in self.room.log if one.alert_id == name and one.accepted]
            for one, two in pairwise(lines):
                assert one.version < two.version, f"{one.what} and {two.what} of version {two.version}"
                assert one.to_state == two.from_state, f"{one.what} led to {one.to_state}, then {two.what}"
            versions = [one.version for one in self.written[name]]
            assert versions == sorted(set(versions)), "a version is written once"
            assert lines[-1].to_state == self.written[name][-1].state


def play(steps: list[Any]) -> None:
    life = Life()
    for step in steps:
        life.do(step)
    life.check()


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, min_size=4, max_size=25))
def test_what_is_known_to_be_hidden_never_begins_to_ask(steps: list[Any]) -> None:
    play(steps)


LEAKS: list[list[Any]] = [
    [("cover", "S-1", "R1", True), ("on", "R1", 2, True)],
    [("on", "R1", 2, True), ("off", "R1"), ("cover", "window|w", "R1", True), ("on", "R1", 2, False)],
    [("on", "R1", 2, True), ("do", "R1", "shelve"), ("cover", "inhibit|i", "R1", True), ("do", "R1", "unshelve")],
    [("cover", "S-1", "R1", True), ("restart",), ("on", "R1", 2, True)],
]


@pytest.mark.parametrize("steps", LEAKS)
def test_the_checker_sees_a_leak(steps: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    play(steps)
    if ("restart",) in steps:
        monkeypatch.setattr(Covers, "load", lambda *_: None)
    else:
        monkeypatch.setattr(Covers, "settle", lambda self, change, now_ms, here: (change, None))
    with pytest.raises(AssertionError, match="it asks under"):
        play(steps)


def test_the_checker_sees_two_lines_of_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = module.replace

    def same(alert: Any, **more: Any) -> Any:
        return whole(alert, **{name: value for name, value in more.items() if name != "version"})

    monkeypatch.setattr(module, "replace", same)
    with pytest.raises(AssertionError, match="of version"):
        play(LEAKS[0])

"""Other content of ``suppression.toml``, ``incidents.toml`` and ``duty.toml`` under a running desk.

What follows from it is the same as after a restart with it, and the same whenever the same is done again.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.duty import Chain, ChainStep, Duty
from ioc.domain.grouping import Group, Grouping
from ioc.domain.matcher import Matcher
from ioc.domain.profile import Profile
from ioc.domain.schedule import Hours
from ioc.domain.suppression import Suppression
from ioc.pipeline.desk import DeskPartition, make_desk
from ioc.pipeline.effects import Effects
from ioc.wire import codec
from tests.domain.test_suppression import inhibit, window
from tests.pipeline.escalation_room import Room as AlertingRoom
from tests.pipeline.handover_room import DUTY, PROVINCE
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, ack, signal

LIMITS = Grouping().flood
CHAIN = Chain(id="all", steps=(ChainStep(wait_s=60, person="an"), ChainStep(wait_s=120, person="binh")))
SUPPRESSIONS = (
    Suppression(),
    Suppression(windows=(window("w", target=Matcher(rules=("level",)), hours=(Hours(),)),)),
    Suppression(inhibit=(inhibit("i", source=Matcher(sites=("R1",)), target=Matcher(sites=("R2", "R3"))),)),
)
GROUPINGS = (
    Grouping(),
    Grouping(flood=replace(LIMITS, above=1, below=1)),
    Grouping(groups=(Group(id="g", title_vi="v", title_en="e", rules=("level",), near="all"),)),
)
DUTIES = (DUTY, Duty(), replace(DUTY, chains=(CHAIN,)), replace(DUTY, chains=(replace(CHAIN, steps=CHAIN.steps[1:]),)))


class Room(AlertingRoom):
    """Alerting and a whole desk; the desk goes on with another profile, or starts anew with it."""

    def _new_desk(self) -> DeskPartition:
        desk = make_desk(self.profile)
        for key, value in self.topic.items():
            desk.load(key, value)
        return desk

    def _from_desk(self, effects: Effects) -> None:
        for emit in effects.emits:
            assert emit.value is not None
            if emit.topic == "alert-log":
                self.log.append(codec.decode_log_entry(emit.value))
            elif emit.key != b"@desk":
                self.unwritten.append(emit.value)

    def take(self, profile: Profile, *, restart: bool) -> None:
        self.profile = profile
        self.alerting.use(profile, self.now_ms)
        if restart:
            self.flush()
            self.crash()
        else:
            self._from_desk(self.desk.use(profile, self.now_ms))

    @property
    def outcome(self) -> dict[str, Any]:
        """What people see in the end."""
        self.flush()
        shown = {key: value for key, value in self.topic.items() if not key.startswith(("@", "escalation/"))}
        alerts = {
            name: (v[-1].state, v[-1].explained, v[-1].summons, v[-1].version) for name, v in self.history.items()
        }
        lines = [(one.alert_id, one.what, one.reason, one.at_ms) for one in self.log]
        return {"shown": shown, "alerts": alerts, "log": sorted(lines)}


def play(steps: list[Any], *, restart: bool) -> Room:
    room = Room(PROVINCE)
    room.settle()
    profile = PROVINCE
    for number, step in enumerate(steps):
        if step[0] == "raise":
            key = KEY.replace("R1", step[1])
            at_ms = room.now_ms
            room.give(signal(key=key, site=step[1], since_ms=at_ms, observed_ms=at_ms, revision=number + 1))
        elif step[0] == "ack":
            for versions in list(room.history.values()):
                one = versions[-1]
                if one.site == step[1] and one.state == "UNACK":
                    room.give(ack(one.id, one.version, key=one.key))
        elif step[0] == "wait":
            room.now_ms += step[1]
        else:
            profile = replace(profile, **{step[0]: step[1]})
            room.now_ms += 20 * S  # a start does not take back from the flood what is muted just then
            room.settle()
            room.take(profile, restart=restart)
        room.settle()
    room.settle(6)
    return room


STEPS = st.one_of(
    st.tuples(st.just("raise"), st.sampled_from(["R1", "R2", "R3"])),
    st.tuples(st.just("ack"), st.sampled_from(["R1", "R2", "R3"])),
    st.tuples(st.just("wait"), st.sampled_from([S, 30 * S, 90 * S, 10 * MIN])),
    st.tuples(st.just("suppression"), st.sampled_from(SUPPRESSIONS)),
    st.tuples(st.just("grouping"), st.sampled_from(GROUPINGS)),
    st.tuples(st.just("duty"), st.sampled_from(DUTIES)),
)


@settings(max_examples=25)
@given(st.lists(STEPS, max_size=12))
def test_a_running_desk_comes_to_what_a_restarted_one_comes_to(steps: list[Any]) -> None:
    running, restarted = play(steps, restart=False).outcome, play(steps, restart=True).outcome
    assert running == restarted
    assert running == play(steps, restart=False).outcome, "done again it is the same"


def test_each_file_takes_effect_without_a_restart() -> None:
    room = play(
        [
            ("raise", "R1"),
            ("raise", "R2"),
            ("suppression", SUPPRESSIONS[2]),
            ("grouping", replace(GROUPINGS[2], flood=GROUPINGS[1].flood)),
            ("duty", DUTIES[2]),
            ("wait", 90 * S),
            ("raise", "R4"),
        ],
        restart=False,
    )
    explained = {one.site for versions in room.history.values() if (one := versions[-1]).explained is not None}
    called = {one.site for versions in room.history.values() if (one := versions[-1]).summons is not None}
    assert (explained, called) == ({"R2"}, {"R1"})
    assert codec.decode_flood(room.topic["flood"]).above == 1
    assert any(key.startswith("incident/") for key in room.topic)
    assert room.now_ms > T

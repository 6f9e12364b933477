"""Rules on what intake refuses: a centre that sends under another one's name rings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from msgspec.structs import replace

from ioc.adapters.profiles import load_profile
from ioc.domain import refused
from ioc.domain.alerts import Signal
from ioc.domain.profile import Rule
from ioc.domain.refused import RefusedState
from ioc.domain.rules import problems
from ioc.pipeline.effects import Effects, InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.redriven import RECEIVED
from ioc.wire import codec
from tests.pipeline.made_up import NOW, level, profile, record
from tests.stream_jobs.native_load import Load

FOREIGN = Rule(
    id="foreign", kind="refused", type="*", group="cyber", name_vi="v", name_en="e", priority=1, n=2, within_s=60.0,
    hold_s=600.0, codes=("centre_mismatch",), title_vi="{count} bản tin của {centre}", title_en="{count} of {centre}",
)  # fmt: skip
RULED = replace(profile(), rules=(FOREIGN,))


def bad(number: int, at_ms: int = NOW) -> object:
    return record(level(number, meta__owner="BETA"), offset=number, at_ms=at_ms)


def said(effects: Effects) -> list[Signal]:
    found = [codec.decode_alert_input(e.value) for e in effects.emits if e.topic == "alert-inputs" and e.value]
    assert all(isinstance(one, Signal) for one in found)
    return found  # type: ignore[return-value]


class Checkpointed:
    """A step with its checkpoint."""

    def __init__(self) -> None:
        self.step, self.kept = IntakePartition(RULED, "alpha", 3), dict[str, bytes]()

    def restart(self) -> None:
        for key, value in self.step.take_dirty():
            assert value is not None
            self.kept[key] = value
        self.step = IntakePartition(RULED, "alpha", 3)
        for key, value in self.kept.items():
            self.step.load(key, value)


def restarted(step: IntakePartition) -> IntakePartition:
    made = Checkpointed()
    made.step = step
    made.restart()
    return made.step


def test_so_many_within_the_time_raise_once_and_none_for_the_hold_time_ends_it() -> None:
    step = IntakePartition(RULED, "alpha", 3)
    assert not said(step.step([bad(1)], NOW))  # type: ignore[list-item]
    later = NOW + 61_000
    assert not said(step.step([bad(2, later)], later)), "the first is out of the window"  # type: ignore[list-item]
    step = restarted(step)
    effects = step.step([bad(3, later + 1000)], later + 1000)  # type: ignore[list-item]
    (on,) = said(effects)
    assert effects.urgent
    assert [emit.topic for emit in effects.emits] == ["dead", "alert-inputs"], "the letter goes before the signal"
    assert (on.key, on.state, on.priority, on.count, on.reason) == ("foreign|alpha|raw/3", "on", 1, 2, "REFUSED")
    assert (on.since_ms, on.observed_ms) == (later, later + 1000)
    assert "2" in on.title_vi
    assert on.place_vi
    assert not said(step.step([bad(4, later + 2000)], later + 2000))  # type: ignore[list-item]
    step = restarted(step)
    assert not said(step.tick(later + 100_000))
    end = later + 2000 + 600_000
    assert not said(step.tick(end - 5000))
    assert not said(step.tick(end - 3000))
    ended = [one for ms in range(0, 20_000, 2000) for one in said(step.tick(end + ms))]
    assert [(one.state, one.count, one.reason) for one in ended] == [("off", 3, "NONE_REFUSED")]
    assert (ended[0].since_ms, ended[0].observed_ms) == (on.since_ms, end)
    assert ended[0].revision > on.revision
    second = step.step([bad(5, end + 30_000), bad(6, end + 30_000)], end + 30_000)  # type: ignore[list-item]
    assert said(second)[0].since_ms > on.since_ms


def test_the_same_log_gives_the_same_signals_in_any_batches() -> None:
    records = [bad(n, NOW + n * 20_000) for n in range(1, 6)]
    whole, pieces = IntakePartition(RULED, "alpha", 3), IntakePartition(RULED, "alpha", 3)
    in_one = said(whole.step(records, NOW + 100_000))  # type: ignore[arg-type]
    in_many = [one for r in records for one in said(pieces.step([r], NOW + 100_000))]  # type: ignore[list-item]
    assert in_one == in_many
    assert len(in_one) == 1


def test_what_a_sender_says_of_the_first_arrival_decides_nothing() -> None:
    """A record driven again bears when it first came; anybody can write that."""
    step = IntakePartition(RULED, "alpha", 3)
    forged = ((RECEIVED, str(NOW - 7 * 86_400_000).encode()),)
    records = [
        structs.replace(bad(n, NOW + n * 1000), headers=forged if n % 2 else ())  # type: ignore[type-var]
        for n in range(20)
    ]
    found = [one for r in records for one in (*said(step.step([r], r.timestamp)), *said(step.tick(r.timestamp)))]
    assert [(one.state, one.since_ms) for one in found] == [("on", NOW)]


@given(
    gaps_s=st.lists(st.sampled_from([0, 1, 30, 61, 599, 600, 601, 900]), min_size=1, max_size=12),
    ticks=st.lists(st.integers(0, 30), max_size=12),
    crashes=st.sets(st.integers(0, 12)),
)
def test_ticks_and_restarts_make_no_difference(gaps_s: list[int], ticks: list[int], crashes: set[int]) -> None:
    times = [NOW + 1000 * sum(gaps_s[: n + 1]) for n in range(len(gaps_s))]
    end_ms = times[-1] + 700_000

    def outcome(ticking: bool) -> list[tuple[str, int, int, int]]:
        room, found, now_ms = Checkpointed(), [], NOW
        for n, at_ms in enumerate(times):
            for tick in ticks if ticking else ():
                now_ms = min(at_ms, now_ms + tick * 7_000)
                found += said(room.step.tick(now_ms))
            if ticking and n in crashes:
                room.restart()
            found += said(room.step.step([bad(n, at_ms)], at_ms))  # type: ignore[list-item]
        for ms in (0, 6_000, 12_000):  # the first two call it back to work, then the end of the partition is believed
            found += said(room.step.tick(end_ms + ms))
        return [(one.state, one.since_ms, one.observed_ms, one.count) for one in found]

    assert outcome(True) == outcome(False)


def test_other_reasons_and_drills_do_not_count() -> None:
    other = IntakePartition(replace(RULED, rules=(replace(FOREIGN, codes=("range",)),)), "alpha", 3)
    assert not said(other.step([bad(n) for n in range(1, 5)], NOW))  # type: ignore[misc]
    drill = [record(level(n, meta__owner="BETA", drill="d-1"), offset=n) for n in range(1, 5)]
    effects = IntakePartition(RULED, "alpha", 3).step(drill, NOW)
    assert [emit.topic for emit in effects.emits] == ["dead"] * 4


def test_a_rule_that_is_removed_ends_what_it_raised() -> None:
    step = IntakePartition(RULED, "alpha", 3)
    assert said(step.step([bad(1), bad(2)], NOW))  # type: ignore[list-item]
    step.use(profile(), NOW)
    (over,) = said(step.tick(NOW + 2000))
    assert (over.state, over.reason) == ("off", "RULE_REMOVED")
    assert not said(step.tick(NOW + 4000))
    assert ("refused/foreign", None) in step.take_dirty()


def test_the_memory_is_bounded() -> None:
    state = RefusedState()
    for n in range(5000):
        refused.refuse(state, 1, 3, 0, 10, n)
    assert len(state.recent_ms) == 3
    assert state.count == 5000


def test_what_is_wrong_with_such_a_rule_is_said() -> None:
    bad_rule = replace(FOREIGN, type="hydro.level", codes=("nonsense",), n=0, hold_s=0.0, after_s=3.0)
    text = " ".join(problems([bad_rule]))
    for word in ("no type", "'nonsense'", "n must be", "hold_s", "after_s has no meaning"):
        assert word in text
    assert problems([FOREIGN]) == []


def test_the_default_rules_ring_for_a_foreign_name() -> None:
    real = load_profile("dongnai-2023")
    step = IntakePartition(real, "bien-hoa", 0)
    load = Load(real, 1)
    source = next(one for one in load.sources if one.centre == "bien-hoa")
    sent = load.poison("other centre", source, NOW, NOW)
    found = step.step([InRecord(0, NOW, sent.made.key, sent.made.value)], NOW)
    codes = [codec.decode_dead(e.value).code for e in found.emits if e.topic == "dead" and e.value]
    assert codes == ["centre_mismatch"]
    (on,) = said(found)
    assert (on.rule, on.priority, on.centre) == ("foreign-name", 1, "bien-hoa")

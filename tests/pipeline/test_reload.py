"""Other rules while the job runs: state is kept, what a removed rule raised ends with its reason."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import Signal
from ioc.domain.profile import Profile
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Effects, Emit
from ioc.pipeline.runner import Runner
from ioc.wire import codec
from tests.pipeline.kinds_province import PROFILE_OF_KINDS
from tests.pipeline.small_province import MIN, PROFILE, S, T, crash, heartbeat, records, river, road


def without(*rules: str, profile: Profile = PROFILE) -> Profile:
    return replace(profile, rules=tuple(rule for rule in profile.rules if rule.id not in rules))


def with_rule(rule_id: str, **changes: object) -> Profile:
    rules = tuple(replace(rule, **changes) if rule.id == rule_id else rule for rule in PROFILE.rules)  # type: ignore[arg-type]
    return replace(PROFILE, rules=rules)


def signals(effects: Effects) -> list[Signal]:
    found = [codec.decode_alert_input(e.value) for e in effects.emits if e.topic == "alert-inputs" and e.value]
    return [one for one in found if isinstance(one, Signal)]


def feed(step: DetectPartition, *values: bytes, at_ms: int = T) -> list[Signal]:
    return signals(step.step(records(list(values)), at_ms))


def restarted(step: DetectPartition, profile: Profile) -> DetectPartition:
    """A new owner that starts from the checkpoint."""
    other = DetectPartition(profile, step.partition)
    for key, value in step.take_dirty():
        if value is not None:
            other.load(key, value)
    return other


def test_an_episode_goes_on_under_the_same_rules() -> None:
    step = DetectPartition(PROFILE, 0)
    [raised] = feed(step, river("R1", T, 1.9))
    assert step.use(PROFILE, T + S).emits == []
    [worse] = feed(step, river("R1", T + 30 * S, 2.1), at_ms=T + 30 * S)
    assert (worse.since_ms, worse.level, worse.reason) == (raised.since_ms, "BĐ2", "LEVEL_ROSE")
    assert worse.revision > raised.revision


def test_a_run_that_has_begun_is_kept() -> None:
    step = DetectPartition(PROFILE, 0)
    assert feed(step, *(road(T + n * 10 * S, 9.0) for n in range(5)), at_ms=T + 50 * S) == []
    step.use(with_rule("level", deadband=0.1), T + 50 * S)
    # 60 s of on-delay are over at the second reading after the change, not 60 s after the change.
    told = feed(step, *(road(T + n * 10 * S, 9.0) for n in range(5, 8)), at_ms=T + 70 * S)
    assert [(one.rule, one.state, one.since_ms) for one in told] == [("jam", "on", T)]


def test_the_same_as_a_run_without_a_change() -> None:
    values = [river("R1", T + n * 10 * S, 1.7 + 0.01 * (n if n < 40 else 80 - n)) for n in range(80)]
    values += [crash(T + 13 * MIN, 2), road(T + 14 * MIN, 9.0), road(T + 15 * MIN, 9.0), road(T + 20 * MIN, 50.0)]
    plain, changed = DetectPartition(PROFILE, 0), DetectPartition(PROFILE, 0)
    both: list[list[Emit]] = [[], []]
    for number, value in enumerate(values):
        at_ms = T + number * 10 * S
        for step, emits in zip((plain, changed), both, strict=True):
            emits += step.step(records([value]), at_ms).emits
        both[1] += changed.use(PROFILE, at_ms).emits
    assert both[0] == both[1]
    assert dict(plain.take_dirty()) == dict(changed.take_dirty())


def test_a_changed_limit_holds_from_the_next_reading_on() -> None:
    step = DetectPartition(PROFILE, 0)
    levels = next(rule for rule in PROFILE.rules if rule.id == "level").levels
    [raised] = feed(step, river("R1", T, 1.9))
    higher = with_rule("level", levels=(replace(levels[0], limit_from=None, limit=1.95), *levels[1:]))
    assert step.use(higher, T + S).emits == []
    [over] = feed(step, river("R1", T + 30 * S, 1.89), at_ms=T + 30 * S)
    assert (over.state, over.reason, over.since_ms) == ("off", "BACK_TO_NORMAL", raised.since_ms)


@pytest.mark.parametrize(
    ("rule", "value"),
    [("level", river("R1", T, 1.9)), ("injury", crash(T, 2))],
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_removed_rule_ends_its_episode(rule: str, value: bytes, restart: bool) -> None:
    step = DetectPartition(PROFILE, 0)
    [raised] = feed(step, value)
    if restart:
        step = restarted(step, without(rule))
        told = step.tick(T + 10 * S)
    else:
        told = step.use(without(rule), T + 10 * S)
    [over] = signals(told)
    assert (over.key, over.rule, over.state, over.reason) == (raised.key, rule, "off", "RULE_REMOVED")
    assert (over.since_ms, over.observed_ms) == (raised.since_ms, T + 10 * S)
    assert over.revision > raised.revision
    assert told.urgent
    assert (f"object/{raised.key}", None) in step.take_dirty()
    assert signals(step.tick(T + 20 * S)) == []
    assert feed(step, value, at_ms=T + 21 * S) == []


def test_a_calm_object_of_a_removed_rule_leaves_quietly() -> None:
    step = DetectPartition(PROFILE, 0)
    feed(step, river("R1", T, 1.2))
    step.take_dirty()
    assert step.use(without("level"), T + S).emits == []
    assert ("object/level|north|R1", None) in step.take_dirty()


def test_a_rule_that_no_longer_names_the_site_ends_there() -> None:
    step = DetectPartition(PROFILE, 0)
    feed(step, river("R1", T, 1.9), river("R2", T, 1.9))
    assert [one.key for one in signals(step.use(with_rule("level", sites=("R2",)), T + S))] == ["level|north|R1"]


def test_a_rule_that_has_no_level_left_for_the_site_ends_there() -> None:
    step = DetectPartition(PROFILE, 0)
    feed(step, river("R1", T, 1.9), river("R2", T, 1.9))
    levels = (next(rule for rule in PROFILE.rules if rule.id == "level").levels[2],)  # R1 has no third stage
    assert [one.key for one in signals(step.use(with_rule("level", levels=levels), T + S))] == ["level|north|R1"]


def test_silence_goes_on_and_is_ended_with_its_rule() -> None:
    partition = next(p for p in range(12) if DetectPartition(PROFILE, p)._board.silences)
    step = DetectPartition(PROFILE, partition)
    feed(step, heartbeat(T))
    for second in range(1, 40):
        said = signals(step.tick(T + second * S))
        if second == 20:
            step.use(with_rule("silent", title_vi="x"), T + second * S)
        if said:
            break
    assert (said[0].rule, second) == ("silent", 30)
    [over] = signals(step.use(without("silent"), T + 40 * S))
    assert (over.rule, over.state, over.since_ms) == ("silent", "off", T)
    assert signals(step.tick(T + 80 * S)) == []


def test_windows_and_clocks_are_kept() -> None:
    step = DetectPartition(PROFILE, 0)
    feed(step, river("R1", T, 1.2), river("R1", T + 10 * S, 1.4))
    step.use(without("jam"), T + 11 * S)
    emits = step.step(records([river("R1", T + 90 * S, 1.3)]), T + 90 * S).emits
    rollups = [codec.decode_rollup(e.value) for e in emits if e.topic == "rollups" and e.value]
    assert [(r.window_start_ms, r.n, r.max, r.final) for r in rollups if r.window_start_ms == T] == [(T, 2, 1.4, True)]


def test_the_alert_says_that_its_rule_was_removed() -> None:
    runner = Runner(PROFILE, T, with_intake=False)
    runner.events([("north/731/river", river("R1", T, 1.9))])
    [alert] = runner.alerts().values()
    for cell in runner.cells:
        if cell.topic == "events":
            assert isinstance(cell.step, DetectPartition)
            cell.take(cell.step.use(without("level"), T + S))
    runner.settle()
    [after] = runner.alerts().values()
    assert (after.id, after.state, after.active, after.reason) == (alert.id, "RTNUN", False, "RULE_REMOVED")
    assert (after.title_vi, after.place_vi) == (alert.title_vi, alert.place_vi)
    assert runner.log()[-1].reason == "RULE_REMOVED"


def combination_on() -> tuple[AlertingPartition, str, str]:
    """An alerting step with a combination that is on: (step, rule, alert id)."""
    rule = next(rule for rule in PROFILE_OF_KINDS.rules if rule.kind == "combination")
    step = AlertingPartition(PROFILE_OF_KINDS, 0)
    from ioc.domain.alerts import Condition
    from ioc.domain.combination import key_of

    for member in rule.members:
        for number in range(member.objects):
            condition = Condition(
                key=key_of(rule, "north", "731"),
                rule=rule.id,
                object=f"{member.rule}|north|{number}",
                state="on",
                since_ms=T,
                observed_ms=T,
                priority=1,
                centre="north",
                area="731",
            )
            step.step(records([codec.encode(condition)]), T)
    [alert] = step.alerts.values()
    assert alert.active
    return step, rule.id, alert.id


def test_a_removed_combination_ends_too_and_one_that_stays_does_not() -> None:
    step, rule, alert_id = combination_on()
    assert step.use(PROFILE_OF_KINDS, T + S).emits == []
    effects = step.use(without(rule, profile=PROFILE_OF_KINDS), T + 2 * S)
    assert step.alerts[alert_id].reason == "RULE_REMOVED"
    assert not step.alerts[alert_id].active
    assert effects.urgent
    assert any(key.startswith("@comb/") and value is None for key, value in step.take_dirty())


def test_a_combination_removed_during_a_stop_ends_at_the_next_start() -> None:
    step, rule, alert_id = combination_on()
    other = AlertingPartition(without(rule, profile=PROFILE_OF_KINDS), 0)
    other.load(alert_id, codec.encode(step.alerts[alert_id]))
    for key, value in step.take_dirty():
        assert value is not None
        other.load(key, value)
    other.tick(T + 10 * MIN)
    assert (other.alerts[alert_id].active, other.alerts[alert_id].reason) == (False, "RULE_REMOVED")

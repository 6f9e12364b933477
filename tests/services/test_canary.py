"""The canary: how old at which stage, whom to blame, and that it leaves no trace in the picture or the alerts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.adapters.profiles import centre_problems, load_profile
from ioc.domain import canary
from ioc.domain.profile import Canary
from ioc.pipeline import board
from ioc.pipeline.runner import Runner
from ioc.services.canary import STAGES, Sightings, ages, blamed
from ioc.services.hub import PICTURE_TOPICS, Hub
from ioc.wire import codec
from ioc.wire.positions import Layout

PROFILE = load_profile("dongnai-2023")
NOW = 1_764_000_000_000
PERIOD_MS = 15_000


# Ages and blame -------------------------------------------------------------------------------------------------------


def test_ages_are_of_the_newest_and_never_older_than_the_watch() -> None:
    seen = Sightings()
    for sent_ms in (NOW + 15_000, NOW, NOW + 30_000):
        seen.see("bus", sent_ms)
    seen.see("intake", NOW + 15_000)
    seen.see("detect", NOW - 3_600_000)
    found = ages(seen.newest, NOW - 5_000, NOW + 31_500)
    assert found == {"bus": 1.5, "intake": 16.5, "detect": 36.5, "alerting": 36.5, "recorder": 36.5}


@given(st.lists(st.integers(0, 200), min_size=1, unique=True), st.data())
def test_a_rollup_never_claims_more_than_was_counted(seconds: list[int], data: st.DataObject) -> None:
    """Whatever the order: ``n`` counted canaries of a minute prove the n-th of it, not a later one."""
    seen = Sightings()
    for second in seconds:
        seen.event(NOW + second * 1000)
    minutes = sorted({(NOW + s * 1000) // 60_000 * 60_000 for s in seconds})
    start_ms = data.draw(st.sampled_from(minutes))
    own = sorted(NOW + s * 1000 for s in seconds if (NOW + s * 1000) // 60_000 * 60_000 == start_ms)
    n = data.draw(st.integers(1, len(own)))
    seen.rollup(start_ms, n)
    assert seen.newest["detect"] == own[n - 1]


def of(**late: float) -> dict[str, float]:
    return {stage: late.get(stage, 3.0) for stage in STAGES}


@pytest.mark.parametrize(
    ("found", "away", "expected"),
    [
        (of(), [], []),
        (of(intake=44.9), [], []),
        (of(intake=46, detect=46, alerting=46, recorder=46), [], ["intake"]),
        (of(detect=46, alerting=46), [], ["detect"]),
        (of(alerting=60), [], ["alerting"]),
        (of(recorder=60), [], ["recorder"]),
        (of(alerting=60, recorder=60), [], ["alerting", "recorder"]),
        (of(recorder=60), ["database"], []),
        (of(bus=60, intake=60, detect=60, alerting=60, recorder=60), [], ["bus"]),
        (of(bus=60, intake=60, detect=60, alerting=60, recorder=60), ["bus"], []),
        (of(detect=60, alerting=60), ["bus"], []),
    ],
)
def test_blame(found: dict[str, float], away: list[str], expected: list[str]) -> None:
    assert blamed(found, PERIOD_MS / 1000, away) == expected


# Through the steps ----------------------------------------------------------------------------------------------------


def fly(runner: Runner, seconds: int, sender: str = "x") -> None:
    """Send canaries and nothing else."""
    found = canary.home_of(runner.profile)
    assert found is not None
    centre, how = found
    for seq in range(seconds * 1000 // PERIOD_MS):
        runner.native(centre.id, how.key.encode(), canary.compose(how, sender, seq, runner.now_ms))
        runner.advance(PERIOD_MS)


def hub_of(runner: Runner) -> Hub:
    """A hub that has read everything on the bus, and alerting's own records as they are kept."""
    layout = Layout(tuple((name, runner.topics.partitions(name)) for name in PICTURE_TOPICS))
    hub = Hub(layout, "e", [0] * layout.size)
    for index, (topic, partition) in enumerate(layout.pairs()):
        for record in runner.bus.get((topic, partition), []):
            hub.apply(index, record.offset, record.key, record.value)
    for index, (topic, partition) in enumerate(layout.pairs()):
        for cell in runner.cells:
            if topic == "alerts" and cell.topic == "alert-inputs" and cell.partition == partition:
                for n, (key, value) in enumerate(cell.checkpoint.items()):
                    hub.apply(index, 10_000 + n, key.encode(), value)
    return hub


def lagging() -> Runner:
    """Canaries that say of themselves that they lag, which the rule about lags would raise at once."""
    centres = tuple(
        msgspec.structs.replace(
            centre,
            canary=Canary(key="k", record=centre.canary.record.replace('"thuTu":$seq', '"thuTu":$seq,"treMs":90000')),
        )
        if centre.canary
        else centre
        for centre in PROFILE.centres
    )
    return Runner(msgspec.structs.replace(PROFILE, centres=centres), NOW)


def test_it_comes_through_every_step_and_is_nowhere_in_the_picture() -> None:
    runner = lagging()
    fly(runner, 120)
    events = [codec.decode_event(record.value or b"") for record in runner.records("events")]
    assert len(events) == 8
    assert {event.exercise for event in events} == {"canary"}
    assert not runner.dead()
    assert {rollup.exercise for rollup in runner.rollups().values()} == {"canary"}
    assert not [alert for alert in runner.alerts().values() if alert.exercise or alert.rule != "source-silent"]

    hub = hub_of(runner)
    assert not hub.skipped
    newest = events[-1].time_ms
    assert hub.canaries.newest == {"intake": newest, "detect": newest, "alerting": newest}
    picture = hub.snapshot()
    assert (picture.readings, picture.minutes) == ([], [])


def test_it_is_no_sign_of_life_of_the_centre_that_carries_it() -> None:
    runner = lagging()
    fly(runner, 90)
    silent = {alert.centre for alert in runner.alerts().values() if alert.rule == "source-silent" and alert.active}
    assert "tinh" in silent
    health = {view.feed: view for view in hub_of(runner).snapshot().feeds if view.centre == "tinh"}
    assert health["heartbeat"].state == "unknown"
    assert health["heartbeat"].accepted == 0


def test_without_the_exception_the_rule_about_lags_would_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the first test can fail."""
    monkeypatch.setattr(board.canary, "EXERCISE", "another")
    runner = lagging()
    fly(runner, 120)
    assert [alert for alert in runner.alerts().values() if alert.rule == "source-lag" and alert.exercise == "canary"]


def test_a_stopped_step_shows_in_the_ages() -> None:
    runner = Runner(PROFILE, NOW)
    fly(runner, 60)
    runner.cells = [cell for cell in runner.cells if cell.topic != "events"]  # detect is gone
    fly(runner, 60, "y")
    seen = hub_of(runner).canaries
    seen.see("bus", runner.now_ms - PERIOD_MS)
    found = ages(seen.newest, NOW, runner.now_ms)
    assert (found["intake"], found["detect"], found["alerting"]) == (15.0, 75.0, 75.0)
    assert blamed(found | {"recorder": 15.0}, PERIOD_MS / 1000) == ["detect"]


# The table in the profile ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"exercise":"canary",', "", "must be a source.heartbeat of the drill"),
        ("$id", "the-same", "refused"),
        ("$seq", "$nonsense", "nonsense"),
        ("TINH", "NOWHERE", "has no site 'NOWHERE'"),
        ('"$time"', '"2020-01-01T00:00:00Z"', "at $time"),
        ("nhiptim", "nhiptim2", "unknown_type"),
    ],
)
def test_mistakes_in_the_canary_of_a_centre(old: str, new: str, said: str) -> None:
    centre = next(centre for centre in PROFILE.centres if centre.id == "tinh")
    assert centre.canary is not None
    record = centre.canary.record.replace(old, new)
    if said == "refused":  # an id that never changes
        record, said = record.replace("$seq", "1"), "neither $id nor $seq"
    broken = msgspec.structs.replace(centre, canary=Canary(key="k", record=record))
    (problem,) = centre_problems(broken, PROFILE.areas)
    assert problem.startswith("canary.record: ")
    assert said in problem

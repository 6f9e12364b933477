"""The oracles agree with the steps, and each kind of wrong output makes them speak."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ioc.adapters.profiles import load_profile
from ioc.bench.stream import made_stream
from ioc.bench.stream_oracle import Oracle, Row
from ioc.domain.profile import Profile
from ioc.settings import Settings
from tests.bench.stream_in_memory import outputs_of

EVENTS = 6_000


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


@pytest.fixture(scope="module")
def intake(profile: Profile) -> tuple[Oracle, dict[str, list[Row]]]:
    return outputs_of("intake", profile, EVENTS)


@pytest.fixture(scope="module")
def detect(profile: Profile) -> tuple[Oracle, dict[str, list[Row]]]:
    return outputs_of("detect", profile, EVENTS)


def changed(row: Row, **fields: Any) -> Row:
    partition, key, value = row
    assert value is not None
    return partition, key, json.dumps(json.loads(value) | fields).encode()


@pytest.mark.parametrize("job", ["intake", "detect"])
def test_a_made_stream_follows_from_its_seed(profile: Profile, job: Any) -> None:
    once = list(made_stream(job, profile, 500, 7))
    assert once == list(made_stream(job, profile, 500, 7))
    assert once != list(made_stream(job, profile, 500, 8))


def test_the_made_streams_hold_every_kind_of_trouble(intake: Any, detect: Any) -> None:
    codes = {"malformed", "encoding", "unknown_type", "unknown_source", "ancient", "future", "range", "schema"}
    assert {"events", "duplicates", "id_conflict", "centre_mismatch"} | codes <= intake[0].counts.keys()
    assert all(intake[0].counts.values())
    assert all(detect[0].counts.values())
    assert sum(intake[0].counts.values()) == sum(detect[0].counts.values()) == EVENTS


def test_the_right_output_of_intake_has_no_differences(intake: Any) -> None:
    oracle, outputs = intake
    assert oracle.differences(outputs) == []


def test_the_right_output_of_detect_has_no_differences(detect: Any) -> None:
    oracle, outputs = detect
    assert oracle.differences(outputs) == []


def wrong_intake(intake: Any, **planted: list[Row]) -> list[str]:
    oracle, outputs = intake
    return oracle.differences({**outputs, **planted})


def test_a_lost_event_is_seen(intake: Any) -> None:
    said = wrong_intake(intake, events=intake[1]["events"][1:])
    assert len(said) == 1
    assert "is missing" in said[0]


def test_an_event_that_came_twice_is_seen(intake: Any) -> None:
    events = intake[1]["events"]
    said = wrong_intake(intake, events=[*events, events[5]])
    assert said == [text for text in said if "came 2 times" in text]
    assert len(said) == 1


def test_an_event_with_another_value_or_moment_is_seen(intake: Any) -> None:
    events = list(intake[1]["events"])
    events[0] = changed(events[0], time="2025-11-24T00:00:00.001Z")
    events[1] = changed(events[1], data={})
    assert len(wrong_intake(intake, events=events)) == 2


def test_an_event_that_should_have_been_refused_is_seen(intake: Any) -> None:
    events = intake[1]["events"]
    assert len(wrong_intake(intake, events=[*events, changed(events[0], id="stranger")])) == 1


def test_another_reason_is_seen(intake: Any) -> None:
    dead = list(intake[1]["dead"])
    code = "range" if json.loads(dead[0][2])["code"] != "range" else "schema"
    dead[0] = changed(dead[0], code=code)
    said = wrong_intake(intake, dead=dead)
    assert len(said) == 1
    assert f"has the code {code}" in said[0]


def test_a_lost_and_a_doubled_dead_letter_are_seen(intake: Any) -> None:
    dead = intake[1]["dead"]
    assert len(wrong_intake(intake, dead=dead[1:])) == 1
    assert len(wrong_intake(intake, dead=[*dead, dead[0]])) == 1


def test_an_uncounted_duplicate_is_seen(intake: Any) -> None:
    state = [row for row in intake[1]["checkpoints.intake"] if row[1].endswith(b"|totals")]
    at = next(i for i, row in enumerate(state) if json.loads(row[2])["duplicates"])
    state[at] = changed(state[at], duplicates=json.loads(state[at][2])["duplicates"] - 1)
    assert len(wrong_intake(intake, **{"checkpoints.intake": state})) == 1


def newest(rows: list[Row]) -> int:
    """Index of a rollup that no later one of its key replaces."""
    return next(i for i in range(len(rows) - 1, -1, -1) if json.loads(rows[i][2] or b"")["sum"] is not None)


@pytest.mark.parametrize("field", ["n", "sum", "min", "max", "last"])
def test_a_wrong_figure_of_a_rollup_is_seen(detect: Any, field: str) -> None:
    oracle, outputs = detect
    rows = list(outputs["rollups"])
    at = newest(rows)
    rows[at] = changed(rows[at], **{field: json.loads(rows[at][2])[field] + 1})
    said = oracle.differences({"rollups": rows})
    assert len(said) == 1
    assert f": {field} is" in said[0]


def test_a_lost_rollup_and_a_strange_one_are_seen(detect: Any) -> None:
    oracle, outputs = detect
    rows = outputs["rollups"]
    gone = rows[newest(rows)][1]
    assert any("is missing" in text for text in oracle.differences({"rollups": [r for r in rows if r[1] != gone]}))
    strange = (0, b"tinh/75/hydro/hydro.level/0/60000", rows[0][2])
    assert any("should not be there" in text for text in oracle.differences({"rollups": [*rows, strange]}))


def test_one_reading_counted_twice_is_seen(profile: Profile) -> None:
    """The bug that a wrong recovery makes: the same records applied again."""
    oracle, outputs = outputs_of("detect", profile, 2_000)
    again = next(made for made in made_stream("detect", profile, 2_000, 3) if b'"traffic.flow"' in made.value)
    oracle.see(again, 0)  # now the truth holds it twice, the output once
    assert oracle.differences(outputs)

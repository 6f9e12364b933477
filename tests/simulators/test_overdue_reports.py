"""Reports to 1022 that pass their due time: when, how many, and in the formats of both cities."""

from __future__ import annotations

import itertools

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.wire.codec import decode_dead, decode_event
from simulators import feeds
from simulators.feeds.feedback import Reports
from simulators.formats import encode
from simulators.local_time import DAY_MS, HOUR_MS
from simulators.model.arrivals import FEEDBACK_LATE_SHARE, FEEDBACK_SLA_DAYS
from simulators.plan import Scenario
from simulators.programme import Programme
from simulators.readings import Reading
from tests.simulators.small_field import NOON_MS

PROFILE = load_profile("dongnai-2023", with_rules=False)
TERM_MS = FEEDBACK_SLA_DAYS * DAY_MS


def reports(centre: str, from_ms: int, to_ms: int, factor: float = 1.0) -> list[Reading]:
    plan = Scenario(title_vi="x", title_en="x", feedback_factor=factor)
    played = Programme(PROFILE, plan, start_ms=NOON_MS, seed=7)
    sources = [s for s in feeds.build(PROFILE, seed=7, feedback_factor=factor) if isinstance(s, Reports)]
    (source,) = [s for s in sources if s._places[0].centre == centre]
    return source.between(played.world, from_ms, to_ms)


def overdue(found: list[Reading]) -> list[Reading]:
    return [one for one in found if one.data["state"] == "overdue"]


def test_a_late_report_is_told_again_when_its_due_time_passes() -> None:
    came = reports("bien-hoa", NOON_MS, NOON_MS + 4 * DAY_MS)
    late = overdue(reports("bien-hoa", NOON_MS + TERM_MS, NOON_MS + TERM_MS + 4 * DAY_MS))
    begun = {one.time_ms: one for one in came if one.data["state"] == "received"}
    assert len(late) == pytest.approx(len(begun) * FEEDBACK_LATE_SHARE, rel=0.3)
    for one in late:
        first = begun[one.time_ms - TERM_MS]
        assert one.data == first.data | {"state": "overdue"}
        assert (one.site, one.data["due_at"]) == (first.site, first.data["due_at"])
    assert len({one.id for one in [*came, *late]}) == len(came) + len(late)


def test_the_factor_of_a_scenario_does_not_reach_into_the_days_before_it() -> None:
    day = (NOON_MS, NOON_MS + DAY_MS)
    assert overdue(reports("bien-hoa", *day, factor=20.0)) == overdue(reports("bien-hoa", *day))
    assert reports("bien-hoa", *day, factor=0.0) == []


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 12 * HOUR_MS), max_size=4))
def test_however_time_is_cut_the_same_are_late(cuts: list[int]) -> None:
    edges = [NOON_MS, *(NOON_MS + cut for cut in sorted(cuts)), NOON_MS + 12 * HOUR_MS]
    parts = [one for a, b in itertools.pairwise(edges) for one in overdue(reports("bien-hoa", a, b))]
    assert sorted(one.id for one in parts) == sorted(
        one.id for one in overdue(reports("bien-hoa", edges[0], edges[-1]))
    )


@pytest.mark.parametrize("centre", ["bien-hoa", "long-khanh"])
def test_both_formats_say_it_and_intake_understands(centre: str) -> None:
    late = overdue(reports(centre, NOON_MS, NOON_MS + 4 * DAY_MS))[0]
    _, native = encode(PROFILE, late)
    step = IntakePartition(PROFILE, centre, 0)
    (emit,) = step.step([InRecord(0, late.time_ms, b"k", native)], late.time_ms).emits
    assert emit.topic == "events", decode_dead(emit.value or b"")
    event = decode_event(emit.value or b"")
    assert msgspec.json.decode(event.data)["state"] == "overdue"
    assert event.time_ms // 1000 == late.time_ms // 1000
    assert {"bien-hoa": "QH", "long-khanh": "overdue"}[centre] in str(orjson.loads(native))

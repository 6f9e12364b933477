"""The header of a record that is driven again: believed within 7 days, and only about the age of the event."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.redrive_check import Forecaster
from ioc.pipeline.redriven import RECEIVED, REDRIVE_MAX_MS, first_received, headers
from ioc.wire.codec import decode_dead, decode_event
from tests.pipeline.made_up import NOW, centre, level, profile, record

DAY = 86_400_000
LINES: dict[str, Any] = {
    "record": "csv",
    "csv": {"header": True},
    "id": {"path": "id"},
    "centre": {"from": {"path": "o"}, "accept": ["ALPHA"]},
    "time": {"path": "t", "time": "epoch_ms"},
    "site": {"path": "st"},
    "records": [
        {
            "when": {"what": "level"},
            "type": "hydro.level",
            "feed": "water",
            "fields": {"level_m": {"path": "m", "number": "text"}},
        },
    ],
}


@pytest.mark.parametrize(
    ("value", "believed"),
    [
        (str(NOW - DAY).encode(), True),
        (str(NOW).encode(), True),
        (str(NOW - REDRIVE_MAX_MS).encode(), True),
        (str(NOW - REDRIVE_MAX_MS - 1).encode(), False),
        (str(NOW + 1).encode(), False),
        (b"", False),
        (b"-5", False),
        (b"1e12", False),
        ("١٢٣".encode(), False),
        (b"9" * 400, False),
    ],
)
def test_it_is_believed_within_seven_days_of_the_past(value: bytes, believed: bool) -> None:
    assert first_received([("other", b"1"), (RECEIVED, value)], NOW) == (int(value) if believed else NOW)


def test_an_old_event_goes_through_as_a_late_one() -> None:
    step = IntakePartition(profile(), "alpha", 3)
    value = record(level(1, at=NOW - 3 * DAY)).value
    again = InRecord(5, NOW, b"w-1", value, headers("raw.alpha/3/1", NOW - 3 * DAY + 500))
    plain, driven, twice = (step.step([one], NOW).emits for one in (InRecord(4, NOW, b"w-1", value), again, again))
    assert decode_dead(plain[0].value or b"").code == "ancient"
    event = decode_event(driven[0].value or b"")
    # The new arrival: more than 10 minutes after it happened, so it raises no alert.
    assert (event.time_ms, event.recorded_ms) == (NOW - 3 * DAY, NOW)
    assert twice == []


def test_an_event_from_the_future_stays_one_when_time_has_passed() -> None:
    step = IntakePartition(profile(), "alpha", 3)
    value = record(level(1, at=NOW - DAY + 3_600_000)).value
    (emit,) = step.step([InRecord(5, NOW, b"w-1", value, headers("x", NOW - DAY))], NOW).emits
    letter = decode_dead(emit.value or b"")
    # The letter keeps the first arrival, so that it can be driven again once more.
    assert (letter.code, letter.received_ms) == ("future", NOW - DAY)


def test_the_forecast_names_what_would_become_of_it() -> None:
    step = IntakePartition(profile(), "alpha", 3)

    def ask(native: object, *, asked_ms: int = NOW, gone: bool = False) -> tuple[str, str]:
        bad = record({"what": "?"}, offset=7)
        letter = decode_dead(step.step([bad], NOW).emits[0].value or b"")
        found = forecaster.ask(letter, None if gone else record(native).value, asked_ms)
        return found.outcome, found.code or found.event_id

    forecaster = Forecaster(profile())
    assert ask(level(1)) == ("good", "w-1:1")
    assert ask(level(1)) == ("repeated", "")
    assert ask({"what": "?"}) == ("refused", "schema")
    assert ask(level(2), gone=True) == ("gone", "")
    assert ask(level(3), asked_ms=NOW + REDRIVE_MAX_MS + 1) == ("too_old", "")


def test_another_content_of_an_id_is_never_driven_again() -> None:
    step, first, other = (
        IntakePartition(profile(), "alpha", 3),
        record(level(1)),
        record(level(1, values=[{"ft": 12.0}])),
    )
    (kept, letter) = step.step([first, other], NOW).emits
    conflict = decode_dead(letter.value or b"")
    assert (kept.topic, conflict.code) == ("events", "id_conflict")
    later_ms = NOW + 2 * 3_600_000  # the memory of ids has let go of the first content
    assert Forecaster(profile()).ask(conflict, other.value, later_ms).outcome == "conflict"


def test_a_record_of_lines_is_judged_by_all_its_lines() -> None:
    alpha = centre(LINES)
    made = profile(replace(alpha, feeds=alpha.feeds[:1], sites=alpha.sites[:2]))
    head = b"o,what,id,t,st,m\n"
    bad, good = f"ALPHA,level,a,{NOW},NOPE,1\n".encode(), f"ALPHA,level,b,{NOW},w-1,1\n".encode()
    letter = decode_dead(IntakePartition(made, "alpha", 0).step([record(b"\xff")], NOW).emits[0].value or b"")

    def ask(value: bytes) -> tuple[str, str, str]:
        found = Forecaster(made).ask(letter, value, NOW)
        return found.outcome, found.code, found.event_id

    assert ask(head + bad + good) == ("good", "", "b")
    assert ask(head + bad) == ("refused", "unknown_source", "")
    assert ask(head + good) == ("good", "", "b")

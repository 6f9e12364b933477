"""The native bytes of every type at every centre, as files: whoever changes a format sees it in the diff.

``python -m tests.simulators.test_golden`` writes the files anew; look at the difference before committing it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import orjson
import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.wire.codec import decode_dead, decode_event
from simulators.formats import encode
from simulators.readings import Reading
from tests.simulators.golden_readings import readings

FOLDER = Path(__file__).parent / "golden"


@cache
def province() -> Profile:
    return load_profile("dongnai-2023", with_rules=False)


def file_of(reading: Reading) -> Path:
    return FOLDER / reading.centre / f"{reading.type}.json"


def written(reading: Reading) -> bytes:
    """The native record, indented so that a difference shows its line."""
    return orjson.dumps(orjson.loads(encode(province(), reading)[1]), option=orjson.OPT_INDENT_2) + b"\n"


def difference(reading: Reading) -> str | None:
    """None when the file holds what the format makes, else what is wrong."""
    file = file_of(reading)
    if not file.exists():
        return f"{file.name} of {reading.centre} is missing"
    return None if file.read_bytes() == written(reading) else f"{file.name} of {reading.centre} differs"


ALL = readings(province())


@pytest.mark.parametrize("reading", ALL, ids=lambda reading: f"{reading.centre}/{reading.type}")
def test_the_native_record_is_the_one_of_the_file(reading: Reading) -> None:
    assert difference(reading) is None, "python -m tests.simulators.test_golden writes the files anew"


@pytest.mark.parametrize("reading", ALL, ids=lambda reading: f"{reading.centre}/{reading.type}")
def test_the_file_becomes_the_reading_again(reading: Reading) -> None:
    native = orjson.dumps(orjson.loads(file_of(reading).read_bytes()))
    step = IntakePartition(province(), reading.centre, 0)
    (emit,) = step.step([InRecord(0, reading.time_ms, b"k", native)], reading.time_ms).emits
    assert emit.topic == "events", decode_dead(emit.value or b"")
    event = decode_event(emit.value or b"")
    assert (event.id, event.feed, event.site, event.type) == (reading.id, reading.feed, reading.site, reading.type)
    assert (event.area, event.time_ms) == (reading.area, reading.time_ms)
    assert msgspec.json.decode(event.data) == reading.data


def test_there_is_no_file_that_nobody_sends() -> None:
    assert set(FOLDER.rglob("*.*")) == {file_of(reading) for reading in ALL}


def test_a_planted_change_of_a_format_is_seen() -> None:
    depth = next(reading for reading in ALL if reading.type == "flood.spot")
    assert difference(msgspec.structs.replace(depth, data=depth.data | {"depth_cm": 23.6})) is not None
    stranger = msgspec.structs.replace(depth, centre="long-khanh", type="hydro.tide")
    assert difference(stranger) == "hydro.tide.json of long-khanh is missing"


if __name__ == "__main__":
    for one in ALL:
        file_of(one).parent.mkdir(parents=True, exist_ok=True)
        file_of(one).write_bytes(written(one))

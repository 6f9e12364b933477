"""Real native records become ones of a drill at another time, in the way of each centre's own format table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Centre, Profile
from ioc.errors import BadInput
from ioc.pipeline import restamp
from ioc.pipeline.mapping import mapper_of
from ioc.pipeline.restamp import Restamper
from tests.pipeline.made_up import centre, level, profile, table

GOLDEN = Path(__file__).resolve().parents[1] / "simulators" / "golden"
FILES = sorted(GOLDEN.rglob("*.json"))
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def real() -> Profile:
    return load_profile("dongnai-2023", with_rules=False)


def of(real: Profile, name: str) -> Centre:
    return next(one for one in real.centres if one.id == name)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
@pytest.mark.parametrize("shift_ms", [3 * DAY_MS, -400 * DAY_MS + 7_000])
def test_every_kind_of_record_moves_and_is_marked(real: Profile, file: Path, shift_ms: int) -> None:
    mine, value = of(real, file.parent.name), orjson.dumps(orjson.loads(file.read_bytes()))
    mapper = mapper_of(mine, real.geo_box)
    stamped = Restamper(mine, real.geo_box, "drill-7", shift_ms)(value)
    before, after = mapper.native(value), mapper.native(stamped.value)
    plan = mapper.plan(after)
    assert (mapper.exercise(before), mapper.exercise(after)) == (None, "drill-7")
    assert plan.read_time(after) - mapper.plan(before).read_time(before) == shift_ms
    assert stamped.time_ms == plan.read_time(after)
    assert (stamped.id, stamped.type) == (plan.read_id(before), plan.type)
    said, said_after = orjson.loads(plan.payload(before)), orjson.loads(plan.payload(after))
    moved = {name for name in said if said[name] != said_after[name]}
    assert moved == {name for name in said if name.endswith("_at")}, "only instants move"
    back = Restamper(mine, real.geo_box, "drill-7", -shift_ms)(stamped.value)
    restored = orjson.loads(back.value)
    for key in restored.keys() - before.keys():
        assert key in ("dien_tap", "exercise")
    assert {key: restored[key] for key in before} == before, "nothing else changes"


@given(
    st.sampled_from(["rfc3339", "epoch_ms", "epoch_s", "%d/%m/%Y %H:%M:%S", "%H:%M:%S.%f %Y-%m-%d"]),
    st.integers(min_value=946_684_800, max_value=4_000_000_000),
    st.integers(min_value=0, max_value=999),
    st.integers(min_value=-900_000_000, max_value=900_000_000),
)
@settings(deadline=None, max_examples=200)
def test_every_way_of_writing_a_time(way: str, at_s: int, millis: int, shift_s: int) -> None:
    one = centre(table(time={"path": "at", "time": way, "zone": "Asia/Ho_Chi_Minh"}))
    texts: dict[str, Any] = {"epoch_ms": at_s * 1000 + millis, "epoch_s": at_s}
    if way not in texts:
        from datetime import UTC, datetime
        from zoneinfo import ZoneInfo

        moment = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
        texts["rfc3339"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{millis:03d}+07:00"
        texts["%d/%m/%Y %H:%M:%S"] = f"{moment:%d/%m/%Y %H:%M:%S}"
        texts["%H:%M:%S.%f %Y-%m-%d"] = f"{moment:%H:%M:%S}.{millis:03d} {moment:%Y-%m-%d}"
    mapper = mapper_of(one, None)
    native = level(1, at=texts[way])
    stamped = Restamper(one, None, "x", shift_s * 1000)(orjson.dumps(native))
    after = mapper.native(stamped.value)
    plan = mapper.plan(after)
    assert plan.read_time(after) - plan.read_time(native) == shift_s * 1000
    assert mapper.exercise(after) == "x"


def test_lines_of_text_move_and_are_marked() -> None:
    csv = table(
        record="csv",
        csv={"columns": ["owner", "n", "at", "what", "ft", "drill"], "delimiter": ";"},
        centre={"from": {"path": "owner"}, "accept": ["ALPHA"]},
        version=None,
        id={"path": "n"},
        time={"path": "at", "time": "epoch_s"},
        site={"value": "w-1"},
        sequence=None,
        records=[
            {"when": {"what": "level"}, "type": "hydro.level", "feed": "water", "fields": {"level_m": {"path": "ft"}}},
            {
                "when": {},
                "type": "feedback.1022",
                "feed": "voices",
                "fields": {"channel": {"value": "phone"}, "field": {"path": "ft"}},
            },
        ],
    )
    one = centre(csv)
    stamped = Restamper(one, None, "x", 60_000)(b'ALPHA;1;1764000000;level;1.5;\nALPHA;2;1764000001;say;"a;b";\n')
    assert stamped.value == b'ALPHA;1;1764000060;level;1.5;x\nALPHA;2;1764000061;say;"a;b";x\n'


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exercise": None}, "has no [format.exercise]"),
        ({"exercise": {"value": "always"}}, "from a constant"),
        ({"exercise": {"path": "drill", "lookup": {"1": "a"}, "optional": True}}, "cuts or looks up"),
        ({"time": {"template": "{at}", "time": "rfc3339"}}, "made of several fields"),
    ],
)
def test_a_format_that_cannot_be_marked_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        Restamper(centre(table(**changes)), None, "x", 0)
    assert said in str(refused.value.detail)
    assert "centre alpha" in str(refused.value.detail)
    assert "--centre" in str(refused.value.detail)


@pytest.mark.parametrize("value", [b"", b"{", b"[1]", orjson.dumps({"what": "level"})])
def test_what_cannot_be_read_is_never_given_out(value: bytes) -> None:
    with pytest.raises(BadInput):
        Restamper(centre(), None, "x", 0)(value)


def test_a_mark_that_is_not_written_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted mistake: the mark goes to the wrong place. The record does not leave."""
    monkeypatch.setattr(restamp, "_mark_steps", lambda centre, table: ("somewhere",))
    with pytest.raises(BadInput, match="would not be read as of drill x"):
        Restamper(centre(), None, "x", 0)(orjson.dumps(level()))


def test_times_move_by_whole_seconds() -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        Restamper(structs.replace(profile().centres[0]), None, "x", 500)

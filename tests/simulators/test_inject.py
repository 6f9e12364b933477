from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ioc.adapters.profiles import load_profile
from ioc.errors import BadInput, Unavailable
from ioc.settings import Settings
from simulators import formats, overrides
from simulators.inject import BadKind, bad_record, compose, inject
from simulators.readings import Reading
from tests.simulators.small_field import NOON_MS, profile


def made(centre: str | None, type_: str, site: str, **fields: Any) -> tuple[Reading, dict[str, Any]]:
    return compose(profile(), centre, type_, site, fields, time_ms=NOON_MS, seed=7, suffix="X1")


def test_what_is_given_wins_and_the_rest_is_simulated() -> None:
    reading, given = made(None, "hydro.level", "BIENHOA", level_m="2.05")
    assert given == {"level_m": 2.05}
    assert (reading.centre, reading.feed, reading.area) == ("bien-hoa", "hydro", "731")
    assert reading.data["level_m"] == 2.05
    assert {"trend_m_h", "lon", "lat"} < set(reading.data)
    assert reading.id == "BH-HYD-BIENHOA-20231115T050000000Z-X1"


def test_events_take_their_fields_and_the_place_of_the_site() -> None:
    reading, _ = made("bien-hoa", "traffic.incident", "BH-T1", kind="accident", injured="2")
    assert reading.data == {"kind": "accident", "injured": 2, "lon": 106.93, "lat": 10.92}
    call, _ = made(None, "emergency.call", "T114", number=114, kind="fire")
    assert call.data["number"] == "114", "a number given for a text"


@pytest.mark.parametrize(
    ("type_", "site", "fields", "path"),
    [
        ("hydro", "BIENHOA", {}, "type"),
        ("hydro.level", "BH-T1", {}, "site"),
        ("hydro.level", "BIENHOA", {"level": 2}, "level"),
        ("hydro.level", "BIENHOA", {"level_m": "high"}, "level_m"),
        ("emergency.call", "T114", {"number": "999", "kind": "fire"}, "number"),
        ("emergency.call", "T114", {"kind": "fire"}, "emergency.call"),
    ],
)
def test_wrong_arguments_are_refused(type_: str, site: str, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(BadInput) as caught:
        made(None, type_, site, **fields)
    assert caught.value.path == path


def test_a_wrong_centre_is_refused() -> None:
    with pytest.raises(BadInput, match="no centre 'hue'"):
        made("hue", "hydro.level", "BIENHOA")


@pytest.mark.parametrize("centre", ["bien-hoa", "long-khanh", "tinh"])
def test_bad_records_differ_from_sound_ones_in_one_way(centre: str) -> None:
    real = load_profile("dongnai-2023")
    kinds: tuple[BadKind, ...] = ("malformed", "wrong-centre", "future", "unknown-source")
    sites = {site.id for c in real.centres if c.id == centre for site in c.sites if site.feed == "heartbeat"}
    sound_key, _ = formats.encode(
        real, compose(real, centre, "source.heartbeat", sites.pop(), {}, time_ms=NOON_MS, seed=7, suffix="X")[0]
    )
    values = {}
    for kind in kinds:
        key, values[kind], words = bad_record(real, centre, kind, NOON_MS, 7)
        assert words
        assert (key == sound_key) == (kind != "unknown-source")
    assert b"another-centre" in values["wrong-centre"]
    assert b"NOT-REGISTERED" in values["unknown-source"]
    assert sound_key not in values["unknown-source"]
    assert len({bytes(v) for v in values.values()}) == 4


async def test_a_value_that_was_not_sent_is_not_held(tmp_path: Path) -> None:
    settings = Settings(kafka="127.0.0.1:1", data_dir=tmp_path)
    with pytest.raises(Unavailable):
        await inject(settings, None, "hydro.level", "BIENHOA", {"level_m": 2.05})
    assert overrides.read(overrides.path_in(tmp_path)) == {}


@pytest.mark.parametrize("value", [99_999, float("nan")])
async def test_a_value_that_intake_would_refuse_is_refused_here(tmp_path: Path, value: float) -> None:
    with pytest.raises(BadInput, match="level_m"):
        await inject(Settings(data_dir=tmp_path), None, "hydro.level", "BIENHOA", {"level_m": value})
    assert overrides.read(overrides.path_in(tmp_path)) == {}


@pytest.mark.parametrize(
    ("type_", "fields", "said"),
    [
        ("hydro.levle", {}, "hydro.level"),  # what is near to it, not the whole list, which would be cut
        ("nosuch", {}, "docs/formats.md"),
        ("hydro.level", {"level_m": "abc"}, "level_m=abc"),
    ],
)
def test_a_refusal_names_what_was_wrong_and_is_not_cut(type_: str, fields: dict[str, str], said: str) -> None:
    real = load_profile("dongnai-2023")
    with pytest.raises(BadInput) as caught:
        compose(real, None, type_, "BIENHOA", fields, time_ms=NOON_MS, seed=7, suffix="X")
    assert said in caught.value.detail
    assert len(caught.value.detail) < 300

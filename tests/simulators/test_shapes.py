from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import BadInput
from simulators import fit, scenario
from simulators.incidents import Incident
from simulators.model.curves import delayed, gamma_wave, monotone
from simulators.shapes.base import Shape
from simulators.shapes.city import PowerCut
from simulators.shapes.water import RecordedLevels, ReservoirRelease
from simulators.shapes.weather import HeatSpell
from tests.simulators.small_field import profile

POINTS = st.lists(
    st.tuples(st.floats(0, 500), st.floats(-5, 150)), min_size=2, max_size=8, unique_by=lambda p: round(p[0], 3)
).map(sorted)


@given(POINTS, st.floats(-10, 510))
def test_a_curve_through_points_never_leaves_the_range_of_its_neighbours(
    points: list[tuple[float, float]], x: float
) -> None:
    y = monotone(points, x)
    left = [p for p in points if p[0] <= x] or points[:1]
    right = [p for p in points if p[0] >= x] or points[-1:]
    low, high = sorted((left[-1][1], right[0][1]))
    assert low - 1e-9 <= y <= high + 1e-9
    for px, py in points:
        assert monotone(points, px) == pytest.approx(py, abs=1e-9)


def test_what_comes_in_goes_out_again() -> None:
    lag, drain = 15.0, 70.0
    minutes = [delayed(age + 0.5, lag, drain) for age in range(3000)]
    assert sum(minutes) / drain == pytest.approx(1.0, abs=0.001), "what has drained is what came in"
    assert max(minutes) < 1
    assert delayed(0, lag, drain) == 0
    assert gamma_wave(24, 24) == pytest.approx(1)
    assert gamma_wave(-1, 24) == 0


def test_recorded_points_must_ascend() -> None:
    with pytest.raises(ValueError, match="ascending"):
        RecordedLevels(at_s=0, site="TALAI", points=((0, 112.0), (0, 113.0)))
    raw = {"kind": "recorded_levels", "at_s": 0, "site": "TALAI", "points": [[5, 1.0], [2, 1.0]]}
    with pytest.raises(msgspec.ValidationError, match="ascending"):
        msgspec.convert(raw, Incident)


def test_every_shape_is_told_by_its_kind_and_documents_itself() -> None:
    kinds = [cls.__struct_config__.tag for cls in Incident.__args__]  # type: ignore[attr-defined]
    assert len(set(kinds)) == len(kinds)
    for cls in Incident.__args__:  # type: ignore[attr-defined]
        assert issubclass(cls, Shape)
        assert cls.__doc__
        assert cls.__doc__ != Shape.__doc__
        assert cls.__struct_config__.forbid_unknown_fields


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('kind = "recorded_levels"\nsite = "NOWHERE"\npoints = [[0, 1.0], [1, 2.0]]', "incident[0].site"),
        ('kind = "reservoir_release"\nreservoir = "TRIAN"\nstation = "X"\nspill_m3_s = 500', "incident[0].station"),
        ('kind = "power_cut"\nsite = "BIENHOA"', "incident[0].site"),
        ('kind = "return_traffic"\nsites = ["BH-T1", "BH-R1"]', r"incident\[0\].sites\[1\]"),
        ('kind = "late_cases"\ncentre = "hue"', "incident[0].centre"),
        ('kind = "dengue_outbreak"\narea = "999"', "incident[0].area"),
        ('kind = "platform_outage"\nsite = "DTI_RANK"', "incident[0].site"),
    ],
)
def test_a_name_that_the_profile_lacks_is_refused_with_its_place(text: str, where: str) -> None:
    plan = scenario.parse(f'title_vi = "x"\ntitle_en = "x"\n[[incident]]\nat_s = 0\n{text}\n', "f.toml")
    with pytest.raises(BadInput, match="in small") as refused:
        fit.check(plan, profile(), scenario.Page("", "f.toml"))
    assert where.replace("\\", "") in refused.value.path


@pytest.mark.parametrize(
    "text",
    [
        'kind = "power_cut"\nsite = "X"\nminute = 5',
        'kind = "heat_spell"\ndays = 3\nplus_c = 40',
        'kind = "cyber_attack"\nwhat = "theft"',
        'kind = "recorded_levels"\nsite = "X"\npoints = [[0, 1.0]]',
    ],
)
def test_an_unknown_key_or_a_value_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"f\.toml:\d+: "):
        scenario.parse(f'title_vi = "x"\ntitle_en = "x"\n[[incident]]\nat_s = 0\n{text}\n', "f.toml")


def test_a_ramp_is_smooth_and_never_longer_than_half() -> None:
    cut = PowerCut(at_s=10, site="x", minutes=1)
    assert cut.ramped(9.9, 5) == 0
    assert cut.ramped(40, 3600) == 1, "the middle is the height even when the ramp is too long"
    assert cut.ramped(12.5, 5) == pytest.approx(0.5)
    assert HeatSpell(at_s=0, days=2).weight(86_400) == 1
    assert ReservoirRelease(at_s=0, reservoir="a", station="b", spill_m3_s=900, hours=10).spill(5 * 3600) == 900


def test_the_document_lists_every_kind_of_incident_and_no_other() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "simulated-world.md").read_text(encoding="utf-8")
    table = text[text.index("| kind |") : text.index("## When you change")]
    first = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    listed = [kind for cell in first for kind in re.findall(r"`([a-z_]+)`", cell)]
    assert sorted(listed) == sorted(cls.__struct_config__.tag for cls in Incident.__args__)  # type: ignore[attr-defined]


def test_recorded_levels_that_end_at_once() -> None:
    """With ``fall_h = 0`` the last point is the end, also where the hours do not add up to the last bit."""
    for n in range(500):
        points = ((0.0, 1.0), (n / 7 + 0.1, 2.0))
        shape = RecordedLevels(at_s=0.1, site="X", lead_h=1 / 3, fall_h=0, points=points)
        weight, level_m = shape.blend(0.1 + shape.length_s)
        assert (weight, level_m) in ((0.0, 0.0), (0.0, 2.0), (1.0, pytest.approx(2.0)))

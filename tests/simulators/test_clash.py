"""What is at the same place at the same time, compared with a search over every moment."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from ioc.errors import BadInput
from simulators import clash
from simulators.clash import Times, overlapping
from simulators.fit import check
from simulators.incidents import Incident
from simulators.scenario import Page, parse

times = st.builds(
    lambda at, length, pause: Times(at, length, length + pause if pause is not None else 0),
    st.integers(0, 40), st.integers(0, 12), st.none() | st.integers(0, 15),
)  # fmt: skip


def moments(one: Times, end_ms: int) -> set[int]:
    starts = range(one.at_ms, end_ms, one.every_ms) if one.every_ms else [one.at_ms]
    return {t for start in starts for t in range(start, start + one.length_ms) if t < end_ms}


@settings(max_examples=400)
@given(times, times, st.integers(1, 90))
def test_two_overlap_when_a_moment_is_in_both(one: Times, two: Times, end_ms: int) -> None:
    wanted = bool(moments(one, end_ms) & moments(two, end_ms))
    assert overlapping(one, two, end_ms) == wanted
    assert overlapping(two, one, end_ms) == wanted


@settings(max_examples=200)
@given(times, times)
def test_without_an_end_they_overlap_when_they_ever_do(one: Times, two: Times) -> None:
    wanted = bool(moments(one, 1500) & moments(two, 1500))  # 27 · 26 repetitions and all beginnings lie before
    assert overlapping(one, two, None) == wanted


def test_every_kind_of_incident_says_where_it_is() -> None:
    kinds = {str(one.__struct_config__.tag): one for one in get_args(Incident)}
    assert set(clash._WHERE) == set(kinds)
    assert all(set(fields) <= set(kinds[kind].__struct_fields__) for kind, fields in clash._WHERE.items())


HEAD = 'title_vi = "x"\ntitle_en = "x"\nduration_s = 3600\n'
JAM = '[[incident]]\nkind = "jam"\nat_s = {at}\nsite = "{site}"\nminutes = 10\n'
SKEW = '[[fault]]\nkind = "clock_skew"\nat_s = {at}\nfor_s = 600\nby_s = 5\n{more}\n'


def jams(*places: tuple[int, str]) -> str:
    return HEAD + "".join(JAM.format(at=at, site=site) for at, site in places)


def skews(*places: tuple[int, str]) -> str:
    return HEAD + "".join(SKEW.format(at=at, more=more) for at, more in places)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (jams((0, "CAM-BH-001"), (300, "CAM-BH-001")), "f.toml:9: incident[1]: overlaps incident[0]: the same kind"),
        (jams((300, "A"), (0, "B"), (400, "B")), "f.toml:14: incident[2]: overlaps incident[1]"),
        (skews((0, ""), (300, 'centre = "tinh"')), "fault[1]: overlaps fault[0]: the same kind (clock_skew)"),
        (skews((0, 'feeds = ["rain", "air"]'), (300, 'feeds = ["air"]')), "fault[1]: overlaps fault[0]"),
        (HEAD + 'centres = [\n  "tinh",\n  "tinh",\n]\n', "f.toml:6: centres[1]: the centre 'tinh' is named twice"),
        (
            HEAD + '[[fault]]\nkind = "drop"\nat_s = 3000\nfor_s = 700\n',
            "f.toml:7: fault[0].for_s: ends after the end of the scenario (3600 s)",
        ),
        (
            HEAD + '[[expect]]\nrule = "congestion"\nraised = "10m..2h"\n',
            "f.toml:6: expect[0].raised: ends after the end of the scenario (3600 s); leave its end out",
        ),
        (
            HEAD + '[[expect]]\nrule = "congestion"\nraised = "10m.."\nsteps = [\n  { level = "a", within = "1m.." },\n'
            '  { level = "b", within = "1m..90m" },\n]\n',
            "f.toml:9: expect[0].steps[1].within: ends after the end",
        ),
        (
            HEAD + '[[expect]]\nrule = "congestion"\nraised = "10m.."\nnot_before = "2h"\n',
            "f.toml:7: expect[0].not_before: is after the end of the scenario",
        ),
        (
            HEAD + f'[[expect]]\nrule = "congestion"\nraised = "..{"9" * 400}h"\n',
            "f.toml:6: expect[0].raised: '999999999999999999999999…' is longer than 36525 days",
        ),
    ],
)  # fmt: skip
def test_what_is_there_twice_or_beyond_the_end_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(text, "f.toml")
    assert said in refused.value.detail
    assert "\n" not in refused.value.detail


@pytest.mark.parametrize(
    "text",
    [
        jams((0, "CAM-BH-001"), (300, "CAM-BH-002")),
        jams((0, "CAM-BH-001"), (690, "CAM-BH-001")),
        skews((0, 'centre = "tinh"'), (0, 'centre = "bien-hoa"')),
        skews((0, 'feeds = ["rain"]'), (0, 'feeds = ["air"]'), (600, "")),
        HEAD + '[[expect]]\nrule = "congestion"\nraised = "10m..1h"\ncleared = "20m.."\n',
    ],
)
def test_other_places_and_other_times_are_good(text: str) -> None:
    parse(text, "f.toml")


ONLY = HEAD + 'centres = ["bien-hoa", "tinh"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            ONLY + JAM.format(at=0, site="CAM-LK-001"),
            "f.toml:8: incident[0].site: 'CAM-LK-001' of long-khanh is not played: the scenario's centres are",
        ),
        (
            ONLY + '[[incident]]\nkind = "source_loss"\nat_s = 0\nfor_s = 9\ncentre = "long-khanh"\n',
            "f.toml:9: incident[0].centre: 'long-khanh' is not played",
        ),
        (
            ONLY + '[[incident]]\nkind = "dengue_outbreak"\nat_s = 0\narea = "732"\n',
            "f.toml:8: incident[0].area: '732' of long-khanh",
        ),
        (
            ONLY + '[[incident]]\nkind = "return_traffic"\nat_s = 0\nsites = [\n  "CAM-BH-001",\n  "CAM-LK-001",\n]\n',
            "f.toml:10: incident[0].sites[1]: 'CAM-LK-001' of long-khanh",
        ),
        (
            ONLY + '[[fault]]\nkind = "drop"\ncentre = "long-khanh"\n',
            "f.toml:7: fault[0].centre: 'long-khanh' is not played",
        ),
        (
            ONLY + '[[fault]]\nkind = "drop"\nsites = ["CAM-LK-001"]\n',
            "f.toml:7: fault[0].sites[0]: 'CAM-LK-001' of long-khanh",
        ),
        (
            ONLY + '[[expect]]\nrule = "congestion"\nraised = "1m.."\nsite = "CAM-LK-001"\n',
            "f.toml:8: expect[0].site: 'CAM-LK-001' of long-khanh is not played",
        ),
        (HEAD + 'centres = [\n  "tinh",\n  "nowhere",\n]\n', "f.toml:6: centres[1]: no centre 'nowhere'"),
    ],
)
def test_what_happens_at_a_centre_that_is_left_out_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        check(parse(text, "f.toml"), load_profile("dongnai-2023"), Page(text, "f.toml"))
    assert said in refused.value.detail


def test_what_happens_at_a_centre_that_is_played_is_good() -> None:
    text = ONLY + JAM.format(at=0, site="CAM-BH-001") + SKEW.format(at=0, more='centre = "tinh"')
    check(parse(text, "f.toml"), load_profile("dongnai-2023"), Page(text, "f.toml"))

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.titles import fill, number, problems


@pytest.mark.parametrize(
    ("value", "decimals", "vi", "en"),
    [(2.05, 2, "2,05", "2.05"), (41.0, 0, "41", "41"), (-0.004, 2, "0,00", "0.00"), (-0.5, 1, "-0,5", "-0.5")],
)
def test_numbers(value: float, decimals: int, vi: str, en: str) -> None:
    assert number(value, decimals, "vi") == vi
    assert number(value, decimals, "en") == en


def test_filling() -> None:
    template = "Mực nước {value} m, trên {level}, {count} lần, {gone}"
    fields = {"value": 2.05, "level": "BĐ2", "count": 3}
    assert fill(template, fields, 2, "vi") == "Mực nước 2,05 m, trên BĐ2, 3 lần, ?"


@given(
    st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.floats(), st.text(max_size=5)))
)
def test_a_title_never_fails(template: str, fields: dict[str, str | float | None]) -> None:
    assert isinstance(fill(template, fields, 2, "vi"), str)


def test_a_value_is_not_a_template() -> None:
    assert fill("{kind}", {"kind": "{level}", "level": "x"}, 0, "en") == "{level}"


def test_wrong_names_are_found() -> None:
    assert problems(["{value} {injured}"], ["injured"]) == []
    (said,) = problems(["{valeu}"], ["injured"])
    assert "{valeu}" in said

"""Positions: text and vector are one, and no other text is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import BadInput
from ioc.wire import positions
from ioc.wire.positions import Layout

VECTORS = st.lists(st.integers(0, positions.OFFSET_MAX), max_size=40)
LAYOUT = Layout((("alerts", 2), ("events", 3)))


@given(VECTORS)
def test_text_and_back(vector: list[int]) -> None:
    text = positions.encode(vector)
    assert text.isascii()
    assert positions.decode(text, len(vector)) == tuple(vector)


@given(VECTORS, VECTORS)
def test_different_vectors_have_different_texts(one: list[int], other: list[int]) -> None:
    assert (positions.encode(one) == positions.encode(other)) == (one == other)


@given(st.text(max_size=60))
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        positions.decode(text, 31)
    assert refused.value.code == "bad_position"


@given(st.lists(st.integers(0, 2**40), min_size=31, max_size=31), st.integers(0), st.sampled_from("AQgw_-9"))
def test_a_changed_character_is_noticed(vector: list[int], at: int, char: str) -> None:
    text = positions.encode(vector)
    spot = at % len(text)
    changed = text[:spot] + char + text[spot + 1 :]
    try:
        found = positions.decode(changed, 31)
    except BadInput:
        return
    assert found == tuple(vector)  # the same text, or bits that base64 does not use


def test_another_size_and_too_long_a_text_are_refused() -> None:
    with pytest.raises(BadInput):
        positions.decode(positions.encode([1, 2, 3]), 4)
    with pytest.raises(BadInput):
        positions.decode("1" + "A" * positions.TEXT_MAX, 4)


def test_a_full_vector_stays_short() -> None:
    assert len(positions.encode([10**9] * 31)) < 230


def test_order_is_by_every_entry() -> None:
    assert positions.at_most([1, 2], [1, 3])
    assert positions.at_most([1, 2], [1, 2])
    assert not positions.at_most([2, 0], [1, 3])
    with pytest.raises(ValueError, match="zip"):
        positions.at_most([1], [1, 2])


def test_layout_counts_through_its_topics() -> None:
    assert LAYOUT.size == 5
    assert LAYOUT.pairs() == [("alerts", 0), ("alerts", 1), ("events", 0), ("events", 1), ("events", 2)]
    assert list(LAYOUT.indices("events")) == [2, 3, 4]
    with pytest.raises(KeyError):
        LAYOUT.indices("nothing")


def test_epoch_changes_with_cluster_prefix_and_partitions() -> None:
    other = Layout((("alerts", 2), ("events", 4)))
    found = {
        positions.epoch("c1", "ioc.", LAYOUT),
        positions.epoch("c2", "ioc.", LAYOUT),
        positions.epoch("c1", "drill.", LAYOUT),
        positions.epoch("c1", "ioc.", other),
    }
    assert len(found) == 4
    assert positions.epoch("c1", "ioc.", LAYOUT) in found

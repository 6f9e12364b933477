from __future__ import annotations

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.sketches import BUCKETS_MAX, DISTINCT_ERROR, ERROR, EXACT_MAX, Distinct, Sketch

numbers = st.lists(st.one_of(st.floats(-1e6, -1e-3), st.just(0.0), st.floats(1e-3, 1e6)), min_size=1, max_size=200)
ranks = st.sampled_from([0.0, 0.05, 0.5, 0.95, 0.99, 1.0])


def sketch_of(values: list[float]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


def exact(values: list[float], q: float) -> float:
    """The smallest value whose number of values up to it is more than ``q · (n − 1)``."""
    return sorted(values)[int(q * (len(values) - 1))]


def within(found: float | None, want: float, error: float) -> bool:
    return found is not None and abs(found - want) <= error * abs(want) * 1.0001 + 1e-9


@settings(max_examples=300)
@given(numbers, ranks)
def test_a_quantile_is_right_to_one_per_cent_of_its_value(values: list[float], q: float) -> None:
    assert within(sketch_of(values).quantile(q), exact(values, q), ERROR)


def test_the_check_sees_a_sketch_that_is_too_coarse() -> None:
    values = [100.0 + i for i in range(100)]
    found = sketch_of([round(v / 10) * 10 for v in values]).quantile(0.5)
    assert not within(found, exact(values, 0.53), ERROR)


@settings(max_examples=100)
@given(numbers, numbers, numbers)
def test_merging_is_the_same_as_adding_in_any_order(a: list[float], b: list[float], c: list[float]) -> None:
    whole = sketch_of([*a, *b, *c])
    assert sketch_of(a).merge(sketch_of(b)).merge(sketch_of(c)) == whole
    assert sketch_of(c).merge(sketch_of(a).merge(sketch_of(b))) == whole
    assert sketch_of([*c, *b, *a][::-1]) == whole


def test_memory_is_bounded_and_what_is_kept_does_not_depend_on_the_order() -> None:
    values = [1.05**i * 1e-6 for i in range(-200, 1200)]
    up, down = sketch_of(values), sketch_of(values[::-1])
    mixed = values[:]
    random.Random(1).shuffle(mixed)
    assert up == down == sketch_of(mixed)
    assert len(up.above) == BUCKETS_MAX
    assert within(up.quantile(0.99), exact(values, 0.99), ERROR)
    assert len(msgspec.json.encode(up)) < 8_000


def test_nothing_has_no_quantile() -> None:
    assert Sketch().quantile(0.5) is None
    assert sketch_of([-5.0]).quantile(0.5) is not None
    restored = msgspec.json.decode(msgspec.json.encode(sketch_of([1.0, -2.0, 0.0])), type=Sketch)
    assert restored == sketch_of([1.0, -2.0, 0.0])


def distinct_of(texts: list[str]) -> Distinct:
    held = Distinct()
    for text in texts:
        held.add(text)
    return held


@settings(max_examples=50)
@given(st.lists(st.integers(0, 200), max_size=150), st.lists(st.integers(0, 200), max_size=150))
def test_different_values_are_counted_exactly_while_they_are_few(a: list[int], b: list[int]) -> None:
    one, two = distinct_of([str(i) for i in a]), distinct_of([str(i) for i in b])
    both = distinct_of([str(i) for i in [*b, *a]])
    assert one.merge(two) == both == two.merge(one)
    want = len(set(a) | set(b))
    assert both.exact is (want <= EXACT_MAX)
    if both.exact:
        assert both.count() == want


def test_many_are_estimated_within_the_stated_error_in_bounded_memory() -> None:
    inside = 0
    for seed in range(20):
        for size in (300, 5_000):
            held = distinct_of([f"{seed}/{i}" for i in range(size)])
            assert not held.exact
            assert len(msgspec.json.encode(held)) < 2_200
            inside += abs(held.count() - size) <= 2 * DISTINCT_ERROR * size
    assert inside >= 36  # two standard errors hold for about 95 of 100


def test_the_check_sees_registers_that_miss_values() -> None:
    held = distinct_of([str(i) for i in range(4_000)])
    assert abs(held.count() - 5_000) > 4 * DISTINCT_ERROR * 5_000


def test_the_worst_sketch_is_as_large_as_the_documents_say() -> None:
    worst = sketch_of([sign * 1.0205**i for i in range(-400, 600) for sign in (1, -1) for _ in range(11)])
    assert len(worst.above) == len(worst.below) == BUCKETS_MAX
    assert len(msgspec.json.encode(worst)) < 16_000

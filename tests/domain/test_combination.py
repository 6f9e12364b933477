from __future__ import annotations

from typing import Literal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.alerts import Condition
from ioc.domain.combination import OBJECTS_MAX, CombinationState, key_of, take
from ioc.domain.profile import Member, Rule
from ioc.domain.verdicts import Verdict

Word = Literal["on", "off", "blind"]


def rule(*members: Member, scope: str = "area", home: str = "") -> Rule:
    return Rule(
        id="both", kind="combination", type="rain.gauge", group="river", name_vi="", name_en="", title_vi="",
        title_en="", members=members, scope=scope, home=home, priority=2,  # type: ignore[arg-type]
    )  # fmt: skip


def condition(member: str, obj: str, word: Word, at: int, since: int | None = None, priority: int = 2) -> Condition:
    return Condition(
        key="both|c|731", rule="both", object=f"{member}|c|{obj}", state=word, since_ms=at if since is None else since,
        observed_ms=at, priority=priority, centre="c", area="731",  # type: ignore[arg-type]
    )  # fmt: skip


RAIN_AND_RIVER = rule(Member(rule="rain"), Member(rule="river"))


def words(said: list[Verdict | None]) -> list[tuple[str, str] | None]:
    return [None if v is None else (v.state, v.reason) for v in said]


def test_both_at_once_and_over_with_the_first_that_ends() -> None:
    state = CombinationState()
    given_ = [
        condition("rain", "G1", "on", 10),
        condition("river", "R1", "on", 50, since=30),
        condition("rain", "G1", "off", 90, since=10),
        condition("rain", "G1", "on", 120),
    ]
    said = [take(RAIN_AND_RIVER, state, one) for one in given_]
    assert words(said) == [None, ("on", "ALL_MEMBERS"), ("off", "MEMBER_OVER"), ("on", "ALL_MEMBERS")]
    starts = [v.since_ms for v in said if v is not None]
    assert starts == [30, 30, 120]  # when the later of the two began


def test_the_start_does_not_depend_on_which_was_told_first() -> None:
    rain, river = condition("rain", "G1", "on", 60, since=10), condition("river", "R1", "on", 50, since=30)
    one, two = CombinationState(), CombinationState()
    first = [take(RAIN_AND_RIVER, one, c) for c in (rain, river)][-1]
    second = [take(RAIN_AND_RIVER, two, c) for c in (river, rain)][-1]
    assert first is not None
    assert second is not None
    assert first.since_ms == second.since_ms == 30


def test_a_blind_member_neither_raises_nor_clears() -> None:
    state = CombinationState()
    said = [
        take(RAIN_AND_RIVER, state, one)
        for one in (
            condition("rain", "G1", "blind", 10),
            condition("river", "R1", "on", 20),
            condition("rain", "G1", "on", 30, since=10),
            condition("rain", "G1", "blind", 40, since=10),
            condition("rain", "G1", "on", 50, since=10),
            condition("river", "R1", "blind", 60, since=20),
            condition("rain", "G1", "off", 70, since=10),
        )
    ]
    assert words(said) == [
        None,
        None,
        ("on", "ALL_MEMBERS"),
        ("blind", "MEMBER_BLIND"),
        ("on", "ALL_MEMBERS"),
        ("blind", "MEMBER_BLIND"),
        ("off", "MEMBER_OVER"),
    ]


def test_several_objects_of_one_rule_and_their_count() -> None:
    jams = rule(Member(rule="jam", objects=2))
    state = CombinationState()
    said = [
        take(jams, state, condition("jam", name, "on", at)) for name, at in (("a", 1), ("a", 2), ("b", 3), ("c", 4))
    ]
    assert words(said) == [None, None, ("on", "ALL_MEMBERS"), ("on", "ALL_MEMBERS")]
    assert [v.count for v in said if v is not None] == [2, 3]
    assert said[-1] is not None
    assert said[-1].since_ms == 3


def test_only_objects_of_the_wanted_priority() -> None:
    grave = rule(Member(rule="rain", priority=2), Member(rule="river"))
    state = CombinationState()
    take(grave, state, condition("river", "R1", "on", 1))
    assert take(grave, state, condition("rain", "G1", "on", 2, priority=3)) is None
    assert take(grave, state, condition("rain", "G1", "on", 3, since=2, priority=2)) is not None
    off = take(grave, state, condition("rain", "G1", "on", 4, since=2, priority=3))
    assert off is not None
    assert off.state == "off"


def test_the_scope_is_the_key() -> None:
    assert key_of(rule(), "c", "731") == "both|c|731"
    assert key_of(rule(scope="centre"), "c", "731") == "both|c|c"
    assert key_of(rule(scope="all", home="tinh"), "c", "731") == "both|tinh|all"


moves = st.lists(
    st.tuples(st.sampled_from(["rain", "river"]), st.integers(0, 2), st.sampled_from(["on", "off", "blind"])),
    max_size=30,
)


def known(objects: dict[tuple[str, int], str], rain: int, river: int) -> set[bool]:
    """Every answer that is possible, with each blind object on or off."""
    answers = set()
    for blind_is in (True, False):
        count = {
            name: sum(1 for (n, _), w in objects.items() if n == name and (w == "on" or (w == "blind" and blind_is)))
            for name in ("rain", "river")
        }
        answers.add(count["rain"] >= rain and count["river"] >= river)
    return answers


@settings(max_examples=300)
@given(moves, st.integers(1, 2), st.integers(1, 2))
def test_it_is_on_only_when_it_must_be_and_off_only_when_it_must_be(
    given_moves: list[tuple[str, int, Word]], rain: int, river: int
) -> None:
    both = rule(Member(rule="rain", objects=rain), Member(rule="river", objects=river))
    state, objects = CombinationState(), {}
    on = False
    for at, (name, number, word) in enumerate(given_moves):
        take(both, state, condition(name, str(number), word, at))
        objects[name, number] = word
        answers = known(objects, rain, river)
        on = answers.pop() if len(answers) == 1 else on
        assert state.on is on
        assert state.blind is (on and len(known(objects, rain, river)) == 2)


def test_memory_is_bounded_and_as_large_as_the_documents_say() -> None:
    jams = rule(Member(rule="congestion", objects=2))
    state = CombinationState()
    at = 1_795_489_200_000
    for i in range(OBJECTS_MAX + 100):
        take(jams, state, condition("congestion", f"TF-BH-{i:05d}", "on", at + i))
    assert len(state.objects) == OBJECTS_MAX
    assert len(msgspec.json.encode(state)) < 200 + 80 * OBJECTS_MAX


AT = {"jam|c|A": (107.000, 10.9), "jam|c|B": (107.010, 10.9), "jam|c|C": (107.020, 10.9), "jam|c|Z": (107.5, 10.9)}
NEIGHBOURS = rule(Member(rule="jam", objects=2, near_m=1_200))


def near(said: list[tuple[str, Word]]) -> list[tuple[str, str] | None]:
    state = CombinationState()
    given_ = [condition("jam", obj, word, 10 * n) for n, (obj, word) in enumerate(said)]
    return words([take(NEIGHBOURS, state, one, AT.get) for one in given_])


def test_neighbours_count_and_others_do_not() -> None:
    assert near([("A", "on"), ("Z", "on"), ("C", "on")]) == [None, None, None]
    assert near([("A", "on"), ("B", "on"), ("A", "off")]) == [None, ("on", "ALL_MEMBERS"), ("off", "MEMBER_OVER")]
    assert near([("A", "on"), ("nobody knows where", "on")]) == [None, None]


def test_a_blind_neighbour_leaves_it_open_and_one_between_two_does_not_decide() -> None:
    blind = ("blind", "MEMBER_BLIND")
    assert near([("A", "on"), ("B", "on"), ("B", "blind")]) == [None, ("on", "ALL_MEMBERS"), blind]
    assert near([("A", "on"), ("B", "on"), ("C", "on"), ("Z", "on"), ("C", "blind"), ("A", "off")]) == [
        None, ("on", "ALL_MEMBERS"), ("on", "ALL_MEMBERS"), None, ("on", "ALL_MEMBERS"), blind,
    ]  # fmt: skip


def test_neighbours_are_since_the_second_of_them() -> None:
    state = CombinationState()
    take(NEIGHBOURS, state, condition("jam", "Z", "on", 50, since=5), AT.get)
    take(NEIGHBOURS, state, condition("jam", "B", "on", 60, since=30), AT.get)
    told = take(NEIGHBOURS, state, condition("jam", "A", "on", 70, since=20), AT.get)
    assert told is not None
    assert (told.since_ms, told.count) == (30, 2)

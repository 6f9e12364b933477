"""Who explains whom: against a simple model, change by change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.alerts import Alert
from ioc.domain.desk import Explanation
from ioc.domain.inhibition import Inhibitions
from ioc.domain.matcher import Matcher
from ioc.domain.suppression import Inhibit
from tests.domain.test_suppression import alert, inhibit

WIDE = inhibit(equal=("centre", "area"))


def explains(rules: list[Inhibit], *alerts: Alert) -> dict[str, str]:
    found = Inhibitions(rules)
    for one in alerts:
        found.put(one)
    pairs = {one.id: found.explainer(one.id) for one in alerts}
    return {name: one.alert_id for name, one in pairs.items() if one is not None}


def wide(name: str, **more: Any) -> Alert:
    return alert(name, rule="wide", **more)


def test_a_source_explains_targets_with_equal_labels() -> None:
    assert explains([WIDE], wide("W"), alert("A"), alert("B", area="755")) == {"A": "W"}
    assert explains([inhibit()], wide("W"), alert("A"), alert("B", area="755")) == {"A": "W", "B": "W"}


def test_a_label_that_is_empty_in_both_is_equal() -> None:
    assert explains([inhibit(equal=("site",))], wide("W", site=""), alert("A", site=""), alert("B")) == {"A": "W"}


def test_only_what_stands_explains_and_is_explained() -> None:
    assert explains([WIDE], wide("W", active=False), alert("A")) == {}
    assert explains([WIDE], wide("W"), alert("A", active=False)) == {}
    assert explains([WIDE], wide("W", muted_by="A-centre"), alert("A")) == {}


@pytest.mark.parametrize(
    "how",
    [
        {"blind": True},
        {"suppression": "shelved-until"},
        {"suppression": "shelved-oneshot"},
        {"suppression": "out-of-service"},
        {"suppression": "by-design", "explained": Explanation(kind="silence", id="S-1")},
        {"suppression": "by-design", "explained": Explanation(kind="window", id="w")},
    ],
)
def test_what_asks_nobody_itself_or_is_not_seen_any_more_explains_nothing(how: dict[str, Any]) -> None:
    assert explains([WIDE], wide("W", **how), alert("A")) == {}
    found = Inhibitions([WIDE])
    found.put(wide("W"))
    found.put(alert("A"))
    assert found.put(wide("W", **how)) == {"W", "A"}, "whoever it explained is looked at"
    assert found.explainer("A") is None
    assert found.put(wide("W")) == {"W", "A"}
    assert found.explainer("A") is not None


def test_drills_and_live_alerts_are_apart() -> None:
    assert explains([WIDE], wide("W"), alert("A", exercise="tập")) == {}
    assert explains([WIDE], wide("W", exercise="tập"), alert("A", exercise="tập"), alert("B")) == {"A": "W"}


def test_what_matches_both_sides_is_not_explained_by_its_like() -> None:
    both = inhibit(source=Matcher(areas=("731",)), target=Matcher(rules=("jam",)))
    assert explains([both], alert("A"), alert("B")) == {}
    assert explains([both], alert("A"), alert("B"), wide("W")) == {"A": "W", "B": "W"}


def test_an_explained_source_explains_nothing() -> None:
    chain = [WIDE, inhibit("second", source=Matcher(rules=("jam",)), target=Matcher(rules=("camera",)))]
    camera = alert("C", rule="camera")
    assert explains(chain, alert("A"), camera) == {"C": "A"}
    assert explains(chain, alert("A"), camera, wide("W")) == {"A": "W"}


def test_in_a_circle_the_lowest_id_stays_visible() -> None:
    circle = [WIDE, inhibit("back", source=Matcher(rules=("jam",)), target=Matcher(rules=("wide",)))]
    assert explains(circle, alert("A"), wide("W")) == explains(circle, wide("W"), alert("A")) == {"W": "A"}


def test_the_present_one_stays_while_it_holds() -> None:
    found = Inhibitions([WIDE])
    for one in (wide("W2"), alert("A"), wide("W1")):
        found.put(one)
    assert [e.alert_id for e in (found.explainer("A"), found.explainer("A", "W2")) if e] == ["W1", "W2"]
    assert found.drop("W2") == {"A"}
    still = found.explainer("A", "W2")
    assert still is not None
    assert still.alert_id == "W1"


RULES = st.lists(
    st.builds(
        lambda i, source, target, area, equal: inhibit(
            f"i{i}",
            source=Matcher(rules=source, areas=("1",) if area else ()),
            target=Matcher(rules=target),
            equal=equal,
        ),
        st.integers(0, 9),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=2).map(tuple),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=2).map(tuple),
        st.booleans(),
        st.sampled_from([(), ("area",)]),
    ),
    max_size=3,
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", "D", "E", "F"]),
        st.sampled_from("abc"),
        st.sampled_from(["1", "2"]),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([None, None, "x"]),
    ),
    max_size=12,
)


def model(rules: list[Inhibit], alerts: dict[str, Alert]) -> dict[str, set[str]]:
    """The explainers of each alert, said as plainly as can be."""
    here = {name: one for name, one in alerts.items() if one.active}

    def able(source: Alert, target: Alert, rule: Inhibit) -> bool:
        return (
            source.id != target.id
            and source.exercise == target.exercise
            and rule.source.holds(source)
            and rule.target.holds(target)
            and all(getattr(source, label) == getattr(target, label) for label in rule.equal)
            and not (rule.source.holds(target) and rule.target.holds(source))
        )

    edges = {
        target: {source for source in here for rule in rules if able(here[source], here[target], rule)}
        for target in here
    }
    mute: set[str] = set()
    free: set[str] = set()
    while rest := sorted(set(here) - mute - free):
        muted = {one for one in rest if edges[one] & free}
        freed = {one for one in rest if edges[one] <= mute}
        mute |= muted
        free |= freed
        if not muted and not freed:
            free.add(next(one for one in rest if _is_relay(here[one], rules)))
    return {target: edges[target] & free for target in here}


def _is_relay(one: Alert, rules: list[Inhibit]) -> bool:
    return any(rule.source.holds(one) for rule in rules) and any(rule.target.holds(one) for rule in rules)


@given(RULES, CHANGES)
def test_change_by_change_it_says_what_the_model_says(rules: list[Inhibit], changes: list[Any]) -> None:
    found = Inhibitions(rules)
    alerts: dict[str, Alert] = {}
    answers: dict[str, str | None] = {}
    for name, rule, area, stands, exercise in changes:
        now = alert(name, rule=rule, area=area, active=stands, exercise=exercise)
        alerts[name] = now
        touched = found.put(now)
        said = {one: found.explainer(one, answers.get(one) or "") for one in alerts}
        fresh = {one: e.alert_id if e else None for one, e in said.items()}
        assert {one for one in alerts if fresh[one] != answers.get(one)} <= touched, "a change was not told"
        for one, explainers in model(rules, alerts).items():
            assert (fresh[one] in explainers) if explainers else fresh[one] is None
            if answers.get(one) in explainers:
                assert fresh[one] == answers[one], "it changed without need"
        answers = fresh

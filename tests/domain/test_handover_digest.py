"""What a shift hands over: sections, order, counts, and the hash."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.alerts import Alert
from ioc.domain.desk import UNSIGNED_RULE, Explanation
from ioc.domain.handling import Assignment, Hidden
from ioc.domain.handover import Digest, Item, ShiftNote, Signature
from ioc.domain.handover_digest import (
    LATE_S,
    LIST_MAX,
    SECTIONS,
    Later,
    Tally,
    addendum_of,
    digest_hash,
    digest_of,
)
from tests.domain.test_suppression import alert

SILENT = frozenset({"silent"})
NOTE = ShiftNote(at_ms=1, actor="lan", actor_display="Lan", text="đỉnh triều\n17:40")


def of(*alerts: Alert, tally: Tally | None = None) -> Digest:
    return digest_of({one.id: one for one in alerts}, tally or Tally(), 2, SILENT, 9)


def section(digest: Digest, name: str) -> list[Item]:
    return [one for one in digest.items if one.section == name]


def acked(name: str, who: str, **more: Any) -> Alert:
    said = {"state": "ACKED", "acked": True, "acked_by": who, "acked_by_display": who.title()}
    return alert(name, **(said | more))


def test_unacknowledged_by_priority_then_who_asks_longest() -> None:
    digest = of(
        alert("A-1", priority=3, asked_ms=5),
        alert("A-2", priority=1, asked_ms=9),
        alert("A-3", priority=1, raised_ms=4),
        alert("A-4", state="RTNUN", active=False, asked_ms=2),
    )
    found = section(digest, "unacknowledged")
    assert [(one.alert_id, one.since_ms) for one in found] == [("A-3", 4), ("A-2", 9), ("A-4", 2), ("A-1", 5)]
    assert (digest.counts["unacknowledged"], digest.at_ms, digest.silences) == (4, 9, 2)


def test_acknowledged_by_owner_then_age() -> None:
    given = Assignment(to="an", to_display="An", by="lan", by_display="Lan", at_ms=1, version=2)
    digest = of(
        acked("A-1", "lan", started_ms=5),
        acked("A-2", "lan", started_ms=4),
        acked("A-3", "lan", started_ms=9, assigned=given),
        acked("A-4", "lan", started_ms=9, active=False, latched=True),  # a fire that nobody has reset
    )
    found = section(digest, "acknowledged")
    assert [(one.owner, one.owner_display, one.alert_id) for one in found] == [
        ("an", "An", "A-3"), ("lan", "Lan", "A-2"), ("lan", "Lan", "A-1"), ("lan", "Lan", "A-4"),
    ]  # fmt: skip


def test_hidden_by_when_it_ends_with_who_and_why() -> None:
    shelf = Hidden(since_ms=1, by="minh", by_display="Minh", reason="xả cặn", until_ms=50)
    out = replace(shelf, until_ms=None, review_ms=40, reason="chờ giá đỡ")
    by_plan = Explanation(kind="window", id="w", until_ms=60, why_vi="bảo trì", why_en="maintenance")
    digest = of(
        alert("A-1", state="SHLVD", suppression="shelved-until", hidden=shelf, hidden_changes=3),
        alert("A-2", state="OOSRV", suppression="out-of-service", hidden=out),
        alert("A-3", state="DSUPR", suppression="by-design", explained=by_plan),
        alert("A-4", state="DSUPR", suppression="by-design", muted_by="A-5"),
        alert("A-5", title_vi="Long Khánh im lặng"),
    )
    found = [(one.alert_id, one.until_ms, one.owner, one.why, one.hid) for one in section(digest, "hidden")]
    assert found == [
        ("A-2", 40, "minh", "chờ giá đỡ", 0),
        ("A-1", 50, "minh", "xả cặn", 3),
        ("A-3", 60, None, "bảo trì", 0),
        ("A-4", None, None, "Long Khánh im lặng", 0),
    ]


def test_sources_and_what_was_known_late_are_looked_at_once_more() -> None:
    digest = of(
        alert("A-1", rule="silent", late_s=300.0),
        alert("A-2", blind=True),
        alert("A-3", late_s=LATE_S),
        alert("A-4", late_s=LATE_S - 0.1),
    )
    assert [one.alert_id for one in section(digest, "sources")] == ["A-1", "A-2"]
    assert [one.alert_id for one in section(digest, "corrected")] == ["A-3"]
    assert digest.counts == {"unacknowledged": 4, "acknowledged": 0, "hidden": 0, "sources": 2, "corrected": 1}


def test_drills_and_the_alert_about_the_signature_are_in_no_section() -> None:
    digest = of(alert("A-1", exercise="tập", late_s=100.0), alert("A-2", rule=UNSIGNED_RULE))
    assert (digest.items, set(digest.counts.values())) == ((), {0})


def test_lists_are_cut_and_counts_are_not() -> None:
    digest = of(*(alert(f"A-{n:03}", asked_ms=n, late_s=LATE_S) for n in range(LIST_MAX + 7)))
    assert digest.counts["unacknowledged"] == digest.counts["corrected"] == LIST_MAX + 7
    assert [one.alert_id for one in section(digest, "unacknowledged")] == [f"A-{n:03}" for n in range(LIST_MAX)]


def test_what_is_urgent_is_never_cut_for_a_name_or_an_end() -> None:
    mild = [acked(f"A-{n:03}", "an", priority=4) for n in range(LIST_MAX)]
    digest = of(*mild, acked("A-urgent", "zung", priority=1))
    listed = [one.alert_id for one in section(digest, "acknowledged")]
    assert (len(listed), listed[-1]) == (LIST_MAX, "A-urgent")


def test_figures_of_the_shift() -> None:
    tally = Tally(raised=20, ended=3)
    assert of(tally=tally).acknowledge_p50_s is None
    for seconds in (10.0, 42.0, 600.0):
        tally.acknowledge.add(seconds)
    digest = of(tally=tally)
    assert (digest.raised, digest.ended) == (20, 3)
    assert digest.acknowledge_p50_s is not None
    assert abs(digest.acknowledge_p50_s - 42) < 0.5


def test_anybody_can_work_the_hash_out() -> None:
    digest = of(alert("A-1", title_vi="Ngập ở Tân Phong"))
    plain = {"digest": msgspec.to_builtins(digest), "notes": [msgspec.to_builtins(NOTE)]}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest_hash(digest, (NOTE,)) == sha256(text.encode()).hexdigest()
    others = [digest_hash(digest, ()), digest_hash(replace(digest, raised=1), (NOTE,))]
    others.append(digest_hash(digest, (replace(NOTE, text="x"),)))
    assert len({*others, digest_hash(digest, (NOTE,))}) == 4


ALERTS = st.lists(
    st.tuples(
        st.sampled_from(["UNACK", "ACKED", "RTNUN", "SHLVD", "DSUPR"]),
        st.sampled_from([None, None, "tập"]),
        st.booleans(),
        st.sampled_from([1, 2, 3]),
    ),
    max_size=30,
)


@given(ALERTS, st.randoms())
def test_every_open_alert_is_in_one_section_whatever_the_order(given_: list[Any], order: Any) -> None:
    hiding = {"SHLVD": "shelved-until", "DSUPR": "by-design"}
    made = [
        alert(
            f"A-{n}", state=state, acked=state == "ACKED", suppression=hiding.get(state, "none"), exercise=exercise,
            blind=blind, priority=priority,
        )
        for n, (state, exercise, blind, priority) in enumerate(given_)
    ]  # fmt: skip
    digest = of(*made)
    states = [one.alert_id for name in SECTIONS[:3] for one in section(digest, name)]
    assert sorted(states) == sorted(one.id for one in made if one.exercise is None)
    order.shuffle(made)
    assert of(*made) == digest


def test_the_incoming_hash_is_of_the_addendum_and_the_outgoing_signature_too() -> None:
    digest, later = of(alert("A-1")), Later(since_ms=9)
    later.tally.raised = 1
    later.note(None, alert("A-2", title_vi="Ngập"))
    addendum = addendum_of({"A-2": alert("A-2", title_vi="Ngập")}, later, SILENT, 20)
    given_ = Signature(actor="lan", actor_display="Lan", station="", at_ms=9, digest_hash=digest_hash(digest, (NOTE,)))
    plain = {
        "digest": msgspec.to_builtins(digest),
        "notes": [msgspec.to_builtins(NOTE)],
        "addendum": msgspec.to_builtins(addendum),
        "given": msgspec.to_builtins(given_),
    }
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest_hash(digest, (NOTE,), addendum, given_) == sha256(text.encode()).hexdigest()


def test_an_addendum_lists_what_moved_and_what_closed_and_nothing_else() -> None:
    later = Later(since_ms=9)
    assert addendum_of({}, later, SILENT, 20) is None
    there = {"A-1": alert("A-1"), "A-2": alert("A-2", decisive_version=2), "A-3": acked("A-3", "lan")}
    later.note(alert("A-1"), alert("A-1", version=2))  # figures alone
    later.note(alert("A-2"), there["A-2"])
    later.note(None, there["A-3"])
    later.note(alert("A-4"), alert("A-4", closed=True, state="NORM"))
    found = addendum_of(there, later, SILENT, 20)
    assert found is not None
    assert [(one.section, one.alert_id) for one in found.items] == [
        ("unacknowledged", "A-2"), ("acknowledged", "A-3"), ("ended", "A-4"),
    ]  # fmt: skip
    later.note(None, alert("A-4", decisive_version=3))
    again = addendum_of(there | {"A-4": alert("A-4")}, later, SILENT, 20)
    assert again is not None
    assert [one.alert_id for one in again.items if one.section == "ended"] == [], "it was opened again"


def test_what_closed_is_listed_up_to_a_bound_the_most_urgent_first() -> None:
    later = Later(since_ms=9)
    for n in range(LIST_MAX + 9):
        later.tally.ended += 1
        later.note(alert(f"A-{n:03}"), alert(f"A-{n:03}", closed=True, priority=1 if n == LIST_MAX + 8 else 3))
    found = addendum_of({}, later, SILENT, 20)
    assert found is not None
    assert (len(found.items), found.items[0].alert_id, found.counts["ended"]) == (
        LIST_MAX, f"A-{LIST_MAX + 8:03}", LIST_MAX + 9,
    )  # fmt: skip

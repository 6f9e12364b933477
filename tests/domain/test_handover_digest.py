"""What a shift hands over: sections, order, counts, and the hash."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from ioc.domain.alerts import Alert
from ioc.domain.desk import UNSIGNED_RULE, Explanation
from ioc.domain.handling import Assignment, Hidden
from ioc.domain.handover import Digest, Item, OutOfService, ShiftNote, Signature, Suppressing
from ioc.domain.handover_digest import (
    LATE_S,
    LIST_MAX,
    SECTIONS,
    Beside,
    Later,
    Tally,
    addendum_of,
    digest_hash,
    digest_of,
)
from tests.domain.test_suppression import alert

SILENT = frozenset({"silent"})
NOTE = ShiftNote(at_ms=1, actor="lan", actor_display="Lan", text="đỉnh triều\n17:40")


def suppressing(name: str, until_ms: int | None, **more: Any) -> Suppressing:
    said: dict[str, Any] = {
        "kind": "silence",
        "about": "rules=a",
        "owner": "lan",
        "owner_display": "Lan",
        "why_vi": "v",
    }
    return Suppressing(**(said | {"id": name, "since_ms": 1, "until_ms": until_ms, "hid": 3} | more))


def out(name: str, review_ms: int, **more: Any) -> OutOfService:
    said: dict[str, Any] = {"key": name, "rule": "silent", "centre": "c", "name_vi": "v", "name_en": "e", "since_ms": 1}
    return OutOfService(**(said | {"out_ms": 2, "review_ms": review_ms} | more))


TWO = Beside(suppressing=(suppressing("S-1", 50), suppressing("S-2", 40)))


def of(*alerts: Alert, tally: Tally | None = None, beside: Beside = TWO) -> Digest:
    return digest_of({one.id: one for one in alerts}, tally or Tally(), beside, SILENT, 9)


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
        alert("A-5", title_vi="Long Khánh im lặng", title_en="Long Khanh silent"),
    )
    assert [one.why_en for one in section(digest, "hidden")] == [UNSET, UNSET, "maintenance", "Long Khanh silent"]
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
    of_alerts = {name: digest.counts[name] for name in SECTIONS}
    assert of_alerts == {"unacknowledged": 4, "acknowledged": 0, "hidden": 0, "sources": 2, "corrected": 1}


def test_drills_and_the_alert_about_the_signature_are_in_no_section() -> None:
    digest = of(alert("A-1", exercise="tập", late_s=100.0), alert("A-2", rule=UNSIGNED_RULE), beside=Beside())
    assert (digest.items, set(digest.counts.values())) == ((), {0})


def test_what_was_known_late_and_ended_during_the_shift_is_among_the_corrected() -> None:
    tally = Tally()
    tally.end(alert("A-1", late_s=LATE_S, closed=True, state="NORM", active=False, priority=2, updated_ms=7))
    tally.end(alert("A-2", late_s=LATE_S - 0.1, closed=True))
    tally.end(alert("A-3", late_s=300.0, closed=True, rule="silent"))
    tally.end(alert("A-4", late_s=300.0, closed=True, exercise="tập"))
    digest = of(alert("A-5", late_s=LATE_S, priority=3), alert("A-6", late_s=LATE_S, priority=1), tally=tally)
    found = [(one.alert_id, one.state, one.ended_ms) for one in section(digest, "corrected")]
    assert found == [("A-6", "UNACK", UNSET), ("A-1", "NORM", 7), ("A-5", "UNACK", UNSET)]
    assert digest.counts["corrected"] == 3
    assert "A-1" not in {one.alert_id for name in SECTIONS[:3] for one in section(digest, name)}


def test_what_was_known_late_and_opened_again_stands_there_once() -> None:
    tally = Tally()
    tally.end(alert("A-1", late_s=LATE_S, closed=True))
    digest = of(alert("A-1", late_s=LATE_S), tally=tally)
    assert [(one.alert_id, one.ended_ms) for one in section(digest, "corrected")] == [("A-1", UNSET)]
    assert digest.counts["corrected"] == 1


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 4]), st.integers(0, 9)), max_size=3 * LIST_MAX))
def test_of_what_ended_late_the_most_urgent_stay_and_all_count(ends: list[tuple[Any, int]]) -> None:
    tally, other = Tally(), Tally()
    for n, (priority, since_ms) in enumerate(ends):
        gone = alert(f"A-{n:03}", late_s=LATE_S, closed=True, priority=priority, started_ms=since_ms)
        (tally if n % 2 else other).end(gone)
    tally.take(other)
    assert len(tally.late) <= LIST_MAX
    digest = of(tally=tally)
    urgent = sorted((priority, since_ms, f"A-{n:03}") for n, (priority, since_ms) in enumerate(ends))
    assert [one.alert_id for one in section(digest, "corrected")] == [name for _, _, name in urgent[:LIST_MAX]]
    assert digest.counts["corrected"] == len(ends)


def test_what_suppresses_by_its_end_with_owner_reason_and_what_it_hid() -> None:
    window = suppressing("w", None, kind="window", owner=None, owner_display=None)
    digest = of(beside=Beside(suppressing=(window, *TWO.suppressing)))
    assert digest.suppressing == (*reversed(TWO.suppressing), window)
    assert (digest.silences, digest.counts["suppressing"]) == (2, 3)


def test_sources_out_of_service_by_their_date_of_review() -> None:
    digest = of(beside=Beside(out_of_service=(out("b", 9), out("c", 5), out("a", 9))))
    assert digest.out_of_service is not UNSET
    assert [one.key for one in digest.out_of_service] == ["c", "a", "b"]
    assert digest.counts["out_of_service"] == 3


def test_these_lists_are_cut_too() -> None:
    beside = Beside(
        suppressing=tuple(suppressing(f"S-{n:03}", n) for n in range(LIST_MAX + 1)),
        out_of_service=tuple(out(f"k-{n:03}", n) for n in range(LIST_MAX + 1)),
    )
    digest = of(beside=beside)
    assert digest.suppressing == beside.suppressing[:LIST_MAX]
    assert digest.out_of_service == beside.out_of_service[:LIST_MAX]
    assert (digest.counts["suppressing"], digest.counts["out_of_service"]) == (LIST_MAX + 1, LIST_MAX + 1)


def test_a_digest_of_before_keeps_its_hash() -> None:
    text = '{"at_ms":9,"raised":1,"ended":0,"acknowledge_p50_s":null,"counts":{"hidden":1},"items":[],"silences":2}'
    read = msgspec.json.decode(text, type=Digest)
    said = {"digest": json.loads(text), "notes": []}
    plain = json.dumps(said, sort_keys=True, separators=(",", ":"))
    assert digest_hash(read, ()) == sha256(plain.encode()).hexdigest()


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
    addendum = addendum_of({"A-2": alert("A-2", title_vi="Ngập")}, later, TWO, SILENT, 20)
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
    assert addendum_of({}, later, TWO, SILENT, 20) is None
    there = {"A-1": alert("A-1"), "A-2": alert("A-2", decisive_version=2), "A-3": acked("A-3", "lan")}
    later.note(alert("A-1"), alert("A-1", version=2))  # figures alone
    later.note(alert("A-2"), there["A-2"])
    later.note(None, there["A-3"])
    later.note(alert("A-4"), alert("A-4", closed=True, state="NORM"))
    found = addendum_of(there, later, TWO, SILENT, 20)
    assert found is not None
    assert [(one.section, one.alert_id) for one in found.items] == [
        ("unacknowledged", "A-2"), ("acknowledged", "A-3"), ("ended", "A-4"),
    ]  # fmt: skip
    later.note(None, alert("A-4", decisive_version=3))
    again = addendum_of(there | {"A-4": alert("A-4")}, later, TWO, SILENT, 20)
    assert again is not None
    assert [one.alert_id for one in again.items if one.section == "ended"] == [], "it was opened again"


def test_what_closed_is_listed_up_to_a_bound_the_most_urgent_first() -> None:
    later = Later(since_ms=9)
    for n in range(LIST_MAX + 9):
        later.tally.ended += 1
        later.note(alert(f"A-{n:03}"), alert(f"A-{n:03}", closed=True, priority=1 if n == LIST_MAX + 8 else 3))
    found = addendum_of({}, later, TWO, SILENT, 20)
    assert found is not None
    assert (len(found.items), found.items[0].alert_id, found.counts["ended"]) == (
        LIST_MAX, f"A-{LIST_MAX + 8:03}", LIST_MAX + 9,
    )  # fmt: skip


def test_an_addendum_names_what_began_to_suppress_and_what_went_out_of_service_since() -> None:
    later = Later(since_ms=9)
    beside = Beside(
        suppressing=(*TWO.suppressing, suppressing("S-9", 80, since_ms=9)), out_of_service=(out("a", 5, out_ms=9),)
    )
    found = addendum_of({}, later, beside, SILENT, 20)
    assert found is not None
    assert (found.items, found.suppressing, found.out_of_service) == ((), beside.suppressing[2:], beside.out_of_service)
    assert (found.counts["suppressing"], found.counts["out_of_service"]) == (1, 1)
    later = Later(since_ms=9)
    later.tally.end(alert("A-1", late_s=LATE_S, closed=True))
    later.tally.ended = 1
    found = addendum_of({}, later, TWO, SILENT, 20)
    assert found is not None
    assert [(one.section, one.alert_id) for one in found.items] == [("corrected", "A-1")]

"""The audit chain: whatever is done to a row, the first bad one is named; what was not touched is good."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain import audit
from ioc.domain.audit import (
    ANCHOR_EVERY_MS,
    Anchor,
    Finding,
    Head,
    Link,
    Row,
    Verifier,
    anchor_due,
    anchor_line,
    canonical,
    genesis,
    read_anchors,
    seal,
)

CHAIN = "c0ffee"


def row(n: int, **changes: object) -> Row:
    made = Row(
        *(n, f"L{n}", "A-1", 1_700_000_000_000_000 + n, "transition", "raised", True, n, None, None, None, None),
        *(0, n, '{"what": "raised"}'),
    )
    return made._replace(**changes)  # type: ignore[arg-type]


class Log:
    """A chain as a database holds it, to be spoilt: links by position, rows by id, the head, anchors."""

    def __init__(self, rows: list[Row], anchored: int = 0) -> None:
        links, self.head = seal(genesis(CHAIN), rows)
        self.links = links
        self.rows = {r.id: r for r in rows}
        self.anchors = []
        if anchored:
            known = Head(CHAIN, anchored, links[anchored - 1].hash)
            self.anchors = read_anchors([anchor_line(known, 1, None)], "x")[0]

    def verify(self, first: int = 1, last: int | None = None) -> Finding | None:
        before = next((link.hash for link in self.links if link.position == first - 1), None)
        verifier = Verifier(self.head, self.anchors, first=first, previous=before)
        for link in sorted(self.links):
            inside = first <= link.position <= (last or 2**62)
            if inside and not verifier.see(link, self.rows.get(link.id)):
                break
        verifier.end(whole=last is None)
        sealed = {link.id: link.position for link in self.links}
        for r in sorted(self.rows.values()):
            if r.id not in sealed:
                behind = [sealed[n.id] for n in self.rows.values() if n.seq > r.seq and n.id in sealed]
                verifier.unsealed(r.id, r.seq, min(behind, default=None))
                break
        return verifier.finding


def spoilt_byte(log: Log, at: int, rng: random.Random) -> None:
    """One byte of any column of the row, or of its link."""
    link = log.links[at - 1]
    if rng.random() < 0.3:
        name = rng.choice(["previous", "hash"])
        value = bytearray(getattr(link, name))
        value[rng.randrange(32)] ^= 1 << rng.randrange(8)
        log.links[at - 1] = link._replace(**{name: bytes(value)})
        return
    r = log.rows[link.id]
    name = rng.choice([f for f in Row._fields if f != "id"])
    value = getattr(r, name)
    other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else (value or "") + "x"
    log.rows[link.id] = r._replace(**{name: other})


def deleted_row(log: Log, at: int, rng: random.Random) -> None:
    del log.rows[log.links[at - 1].id]


def deleted_both(log: Log, at: int, rng: random.Random) -> None:
    del log.rows[log.links.pop(at - 1).id]


def deleted_and_closed_up(log: Log, at: int, rng: random.Random) -> None:
    """The rows behind it are numbered anew, but not sealed anew."""
    del log.rows[log.links.pop(at - 1).id]
    log.links[at - 1 :] = [link._replace(position=link.position - 1) for link in log.links[at - 1 :]]
    log.head = Head(CHAIN, log.head.position - 1, log.head.hash)


def swapped(log: Log, at: int, rng: random.Random) -> None:
    """Two neighbours change places, everything but the position with them."""
    a, b = log.links[at - 1 : at + 1]
    log.links[at - 1 : at + 1] = [b._replace(position=a.position), a._replace(position=b.position)]


def swapped_contents(log: Log, at: int, rng: random.Random) -> None:
    a, b = (log.rows[link.id] for link in log.links[at - 1 : at + 1])
    log.rows[a.id], log.rows[b.id] = b._replace(id=a.id, seq=a.seq), a._replace(id=b.id, seq=b.seq)


def inserted_row(log: Log, at: int, rng: random.Random) -> None:
    seq = log.rows[log.links[at - 1].id].seq
    log.rows["forged"] = row(seq, id="forged")._replace(seq=seq - 1)


def inserted_both(log: Log, at: int, rng: random.Random) -> None:
    """With a good link of its own; the rows behind it are numbered anew."""
    forged = row(0, id="forged")
    head = Head(CHAIN, at - 1, log.links[at - 2].hash if at > 1 else genesis(CHAIN).hash)
    links, _ = seal(head, [forged])
    behind = [link._replace(position=link.position + 1) for link in log.links[at - 1 :]]
    log.rows[forged.id] = forged
    log.links[at - 1 :] = [*links, *behind]
    log.head = Head(CHAIN, log.head.position + 1, log.head.hash)


def cut_tail(log: Log, at: int, rng: random.Random) -> None:
    for link in log.links[at - 1 :]:
        del log.rows[link.id]
    del log.links[at - 1 :]


DAMAGE: dict[Callable[[Log, int, random.Random], None], tuple[set[str], int]] = {
    # the words that may be found, and how far behind the place the first bad row is
    spoilt_byte: ({"changed", "moved"}, 0),
    deleted_row: ({"missing"}, 0),
    deleted_both: ({"missing", "cut"}, 0),
    deleted_and_closed_up: ({"moved"}, 0),
    swapped: ({"moved"}, 0),
    swapped_contents: ({"changed"}, 0),
    inserted_row: ({"inserted"}, 0),
    inserted_both: ({"moved", "rewritten"}, 1),  # the forged row itself fits, unless an anchor knows the place
    cut_tail: ({"cut"}, 0),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
@given(st.integers(3, 12), st.data(), st.randoms(use_true_random=False))
def test_every_damage_is_found_at_the_first_bad_row(
    damage: Callable[[Log, int, random.Random], None], length: int, data: st.DataObject, rng: random.Random
) -> None:
    log = Log([row(10 * n) for n in range(1, length + 1)], anchored=data.draw(st.integers(0, length)))
    assert log.verify() is None
    at = data.draw(st.integers(1, length - 1))
    damage(log, at, rng)
    finding = log.verify()
    words, behind = DAMAGE[damage]
    assert finding is not None
    assert finding.fault in words
    if finding.position is None:
        assert finding.id == "forged"
        assert f"before row {at}" in finding.detail
    else:
        assert finding.position == at + (0 if finding.fault == "rewritten" else behind)


@given(st.integers(2, 12), st.data(), st.randoms(use_true_random=False))
def test_a_stretch_is_judged_by_itself(length: int, data: st.DataObject, rng: random.Random) -> None:
    log = Log([row(n) for n in range(1, length + 1)])
    first = data.draw(st.integers(1, length))
    last = data.draw(st.integers(first, length))
    bad = data.draw(st.integers(1, length))
    log.rows[f"L{bad}"] = log.rows[f"L{bad}"]._replace(what="closed")
    finding = log.verify(first, last)
    assert (finding is not None) == (first <= bad <= last)
    assert finding is None or finding.position == bad


def test_a_cut_behind_the_database_s_own_head_is_known_to_the_anchor_alone() -> None:
    log = Log([row(n) for n in range(1, 9)], anchored=6)
    cut_tail(log, 5, random.Random())
    log.head = Head(CHAIN, 4, log.links[-1].hash)
    finding = log.verify()
    assert finding is not None
    assert (finding.fault, finding.position) == ("cut", 5)
    log.anchors = []
    assert log.verify() is None, "without an anchor nobody can know: the anchor is what found it"


def test_a_chain_written_anew_is_known_to_the_anchor_alone() -> None:
    rows = [row(n) for n in range(1, 9)]
    log, forged = Log(rows, anchored=6), Log([*rows[:3], rows[3]._replace(actor="nobody"), *rows[4:]])
    forged.anchors = log.anchors
    finding = forged.verify()
    assert finding is not None
    assert (finding.fault, finding.position) == ("rewritten", 6)
    forged.anchors = []
    assert forged.verify() is None


def test_links_behind_the_head_and_another_head_are_found() -> None:
    log = Log([row(n) for n in range(1, 4)])
    end = log.head
    log.head = Head(CHAIN, 2, log.links[1].hash)
    finding = log.verify()
    assert finding is not None
    assert (finding.fault, finding.position) == ("inserted", 3)
    log.head = Head(CHAIN, 3, b"\0" * 32)
    finding = log.verify()
    assert finding is not None
    assert finding.fault == "rewritten"
    log.head = end
    assert log.verify() is None


def test_rows_of_another_chain_do_not_fit() -> None:
    log = Log([row(n) for n in range(1, 4)], anchored=3)
    log.head = Head("other", 3, log.head.hash)
    finding = log.verify()
    assert finding is not None
    assert finding.fault == "replaced"
    log.anchors = []
    finding = log.verify()
    assert finding is not None
    assert (finding.fault, finding.position) == ("moved", 1)


@given(st.lists(st.integers(0, 20), max_size=6))
def test_sealing_in_any_batches_gives_one_chain(cuts: list[int]) -> None:
    rows = [row(n) for n in range(1, 21)]
    head, links = genesis(CHAIN), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 20], strict=True):
        more, head = seal(head, rows[start:end])
        links += more
    assert (links, head) == seal(genesis(CHAIN), rows)


TEXT = st.one_of(st.none(), st.text(max_size=6))


@given(st.tuples(TEXT, TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT, TEXT))
def test_different_rows_have_different_bytes(a: tuple[str | None, ...], b: tuple[str | None, ...]) -> None:
    def with_texts(texts: tuple[str | None, ...]) -> bytes:
        names = ("actor", "command_id", "outcome", "exercise")
        return canonical(1, row(1)._replace(**dict(zip(names, texts, strict=True))))  # type: ignore[arg-type]

    assert (with_texts(a) == with_texts(b)) == (a == b)


def test_bytes_without_lengths_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: columns that are only joined let a text move from one to the next."""
    monkeypatch.setattr(audit, "canonical", lambda position, r: "".join(map(str, (position, *r))).encode())
    log = Log([row(1, actor="ab", command_id="c")])
    log.rows["L1"] = log.rows["L1"]._replace(actor="a", command_id="bc")
    assert log.verify() is None
    monkeypatch.undo()
    log = Log([row(1, actor="ab", command_id="c")])
    log.rows["L1"] = log.rows["L1"]._replace(actor="a", command_id="bc")
    assert log.verify() is not None


# -- anchors ------------------------------------------------------------------------------------------------------


def lines(count: int) -> list[bytes]:
    made: list[bytes] = []
    for n in range(1, count + 1):
        made.append(anchor_line(Head(CHAIN, n, b"%032d" % n), n, made[-1] if made else None))
    return made


def test_anchors_are_read_back_and_one_may_come_twice() -> None:
    written = lines(3)
    anchors, problem = read_anchors([written[0], written[1], written[1], written[2]], "file")
    assert problem is None
    assert [a.position for a in anchors] == [1, 2, 3]


@given(st.integers(0, 3), st.integers(0, 60), st.integers(0, 7))
def test_a_changed_anchor_is_found(which: int, place: int, bit: int) -> None:
    written = lines(5)
    spoilt = bytearray(written[which])
    spoilt[place] ^= 1 << bit
    written[which] = bytes(spoilt)
    _, problem = read_anchors(written, "file")
    assert problem is not None
    assert problem.fault == "anchors"


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_an_anchor_that_was_taken_out_is_found(which: int) -> None:
    written = lines(5)
    del written[which]
    assert read_anchors(written, "file")[1] is not None


def test_two_anchors_that_disagree_are_found() -> None:
    log = Log([row(n) for n in range(1, 4)], anchored=2)
    other = Anchor(at_ms=2, chain=CHAIN, position=2, hash="00" * 32, before="")
    log.anchors.append(other)
    finding = log.verify()
    assert finding is not None
    assert finding.fault == "anchors"


def test_when_an_anchor_is_due() -> None:
    head = Head(CHAIN, 5, b"x" * 32)
    last = Anchor(at_ms=1_000_000, chain=CHAIN, position=4, hash="", before="")
    assert not anchor_due(genesis(CHAIN), None, 0), "nothing to note"
    assert anchor_due(head, None, 0), "the first one at once"
    assert not anchor_due(head, last, 1_000_000 + ANCHOR_EVERY_MS - 1)
    assert anchor_due(head, last, 1_000_000 + ANCHOR_EVERY_MS)
    assert anchor_due(head, last, 999_999), "the clock was put back"
    same = Anchor(at_ms=1_000_000, chain=CHAIN, position=5, hash="", before="")
    assert not anchor_due(head, same, 2_000_000), "nothing new"
    assert anchor_due(head, Anchor(at_ms=1_000_000, chain="old", position=9, hash="", before=""), 1_000_001)


def test_a_link_is_a_plain_row() -> None:
    [link], head = seal(genesis(CHAIN), [row(1)])
    assert link == Link(1, "L1", genesis(CHAIN).hash, head.hash)

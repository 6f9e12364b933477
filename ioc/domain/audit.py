"""The audit chain: each row of the alert log is tied to the one before it, and the newest tie is noted elsewhere.

Every row has a *link*: its position (1, 2, 3 … without a hole), the hash of the link before it, and its own hash

    SHA-256(hash before ‖ canonical bytes of position and row)

so that no row can be changed, left out, put in between or moved without breaking the ties behind it. The first link
hangs on the *chain id*, a random name of this one chain: rows of another database do not fit in.

A chain alone cannot tell that its end was cut off, nor that somebody wrote all of it anew. So its head is copied out of
the database now and then: an *anchor*. Anchors form a chain of their own, line by line.

What this cannot show: rows that a person with the database's password appends, with good links, at the end. Those are
found against ``ioc.alert-log``, to whose partitions and offsets every row refers (:func:`says_the_same`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

ANCHOR_EVERY_MS = 300_000
NO_LINE = "0" * 64  # what the first anchor names as the line before it

Fault = Literal["changed", "missing", "inserted", "moved", "rewritten", "cut", "replaced", "anchors"]
"""What can be wrong with a row.

``changed``: its bytes, or those of its link, are not the ones that were sealed. ``missing``: it is gone, or its link.
``inserted``: it was never sealed. ``moved``: it does not follow the row before it. ``rewritten``: it fits, but an
anchor knows another hash. ``cut``: the rows from here to the end are gone. ``replaced``: the anchors are of another
chain. ``anchors``: an anchor itself was changed or taken out.
"""


class Row(NamedTuple):
    """One row of the alert log as it is stored; instants in whole microseconds, ``body`` as the database prints it."""

    seq: int
    id: str
    alert_id: str
    at_us: int
    kind: str
    what: str
    accepted: bool
    version: int
    actor: str | None
    command_id: str | None
    outcome: str | None
    exercise: str | None
    topic_partition: int
    topic_offset: int
    body: str


class Link(NamedTuple):
    """The tie of the row ``id``."""

    position: int
    id: str
    previous: bytes
    hash: bytes


class Head(Struct, frozen=True):
    """The end of a chain: how many links it has and the hash of the last one."""

    chain: str
    position: int
    hash: bytes


class Anchor(Struct, frozen=True, kw_only=True):
    """A head as it was noted outside the database. ``before``: SHA-256 of the anchor line before this one, hex."""

    at_ms: int
    chain: str
    position: int
    hash: str
    before: str


class Finding(Struct, frozen=True, kw_only=True):
    """The first bad row. ``position`` is None for a row without a link, ``id`` empty for a row that is not there."""

    fault: Fault
    position: int | None
    id: str
    seq: int | None
    detail: str


def canonical(position: int, row: Row) -> bytes:
    """The bytes that are sealed: position and columns in the order of :class:`Row`, in UTF-8.

    Integers are decimal (0 and 1 for no and yes), each text stands exactly as it is stored behind its length in
    characters, no value is ``-``: no two different rows have the same bytes.
    """
    seq, row_id, alert, at_us, kind, what, accepted, version, actor, command, outcome, exercise, part, offset, body = (
        row
    )
    optional = ",".join(["-" if v is None else f"{len(v)}:{v}" for v in (actor, command, outcome, exercise)])
    return (
        f"{position},{seq},{len(row_id)}:{row_id},{len(alert)}:{alert},{at_us},{len(kind)}:{kind},{len(what)}:{what},"
        f"{accepted:d},{version},{optional},{part},{offset},{len(body)}:{body}"
    ).encode()


def genesis(chain: str) -> Head:
    """The head of a chain that has no link yet."""
    return Head(chain, 0, sha256(f"audit chain {chain}".encode()).digest())


def tie(previous: bytes, position: int, row: Row) -> bytes:
    """The hash of the link of ``row`` after a link with the hash ``previous``."""
    return sha256(previous + canonical(position, row)).digest()


def seal(head: Head, rows: Iterable[Row]) -> tuple[list[Link], Head]:
    """Links for new rows, in their order, and the head afterwards."""
    links = []
    position, last = head.position, head.hash
    for row in rows:
        position += 1
        own = tie(last, position, row)
        links.append(Link(position, row.id, last, own))
        last = own
    return links, Head(head.chain, position, last)


class Verifier:
    """Follows a chain, or a stretch of it, link by link; ``finding`` is the first thing that is wrong.

    Args:
        head: what the database says of its end.
        anchors: what is known outside, oldest first.
        first: position of the first link that will be shown to :meth:`see`.
        previous: hash of the link before it; None when nothing is known about that.
    """

    def __init__(
        self, head: Head, anchors: Sequence[Anchor] = (), *, first: int = 1, previous: bytes | None = None
    ) -> None:
        self.finding: Finding | None = None
        self.rows = 0
        self._head = head
        self._last = genesis(head.chain).hash if first == 1 else previous
        self._next = first
        self._known: dict[int, str] = {}
        for anchor in anchors:
            if anchor.chain != head.chain:
                detail = f"an anchor is of the chain {anchor.chain}, this one is {head.chain}: another database?"
                self._found("replaced", None, "", None, detail)
            elif self._known.setdefault(anchor.position, anchor.hash) != anchor.hash:
                self._found("anchors", anchor.position, "", None, "two anchors of this row know different hashes")
        self.anchored = max(self._known, default=0)

    def see(self, link: Link, row: Row | None) -> bool:
        """Check the next link and the row it belongs to, None if there is none; False once something is wrong."""
        if self.finding is None:
            self._check(link, row)
            self.rows += 1
            self._next = link.position + 1
            self._last = link.hash
        return self.finding is None

    def end(self, *, whole: bool) -> None:
        """No more links. ``whole``: the last one seen has to be the end of the chain."""
        if self.finding is not None or not whole:
            return
        last = self._next - 1
        wanted = max(self._head.position, self.anchored)
        if last < wanted:
            who = "an anchor" if self.anchored > self._head.position else "the head"
            self._found("cut", last + 1, "", None, f"{who} knows {wanted} rows, {last} are there")
        elif last > self._head.position:
            self._found("inserted", self._head.position + 1, "", None, "behind the head of the chain")
        elif self._last is not None and self._last != self._head.hash:
            self._found("rewritten", last, "", None, "the head of the chain has another hash")

    def unsealed(self, row_id: str, seq: int, before: int | None) -> None:
        """A row without a link was found; ``before`` is the position of the next sealed row by ``seq``, if any."""
        known = None if self.finding is None else self.finding.position
        if self.finding is None or (known is not None and before is not None and before <= known):
            place = "at the end" if before is None else f"before row {before}"
            self.finding = None
            self._found("inserted", None, row_id, seq, f"was never sealed; it stands {place}")

    def _check(self, link: Link, row: Row | None) -> None:
        at, known = link.position, self._known.get(link.position)
        if at != self._next:
            gone = str(self._next) if at == self._next + 1 else f"{self._next} to {at - 1}"
            self._found("missing", self._next, "", None, f"no link: {gone} of {self._head.position}")
        elif row is None:
            self._found("missing", at, link.id, None, "the link is there, the row is not")
        elif self._last is not None and link.previous != self._last:
            self._found("moved", at, link.id, row.seq, "does not follow the row before it")
        elif tie(link.previous, at, row) != link.hash:
            self._found("changed", at, link.id, row.seq, "the row or its link is not what was sealed")
        elif known is not None and known != link.hash.hex():
            self._found("rewritten", at, link.id, row.seq, "an anchor knows another hash of it")

    def _found(self, fault: Fault, position: int | None, row_id: str, seq: int | None, detail: str) -> None:
        if self.finding is None:
            self.finding = Finding(fault=fault, position=position, id=row_id, seq=seq, detail=detail)


# -- anchors ------------------------------------------------------------------------------------------------------


def anchor_due(head: Head, last: Anchor | None, now_ms: int) -> bool:
    """Whether the head is to be noted outside now: at once when nothing of this chain is, then every 5 minutes."""
    if head.position == 0 or (last is not None and last.chain == head.chain and last.position == head.position):
        return False
    # A clock that was put back must not delay the next anchor by more than it was put back.
    return last is None or last.chain != head.chain or not 0 <= now_ms - last.at_ms < ANCHOR_EVERY_MS


def anchor_line(head: Head, now_ms: int, before: bytes | None) -> bytes:
    """The line of a new anchor, without its end; ``before`` is the line that it follows, None for the first one."""
    digest = NO_LINE if before is None else sha256(before).hexdigest()
    return msgspec.json.encode(
        Anchor(at_ms=now_ms, chain=head.chain, position=head.position, hash=head.hash.hex(), before=digest)
    )


def read_anchors(lines: Iterable[bytes], where: str) -> tuple[list[Anchor], Finding | None]:
    """The anchors of a file or topic called ``where``, and what is wrong with them.

    A line may come twice in a row: who wrote it did not hear whether it had arrived.
    """
    anchors: list[Anchor] = []
    finding = None
    for number, (line, before) in enumerate(_followed(lines), 1):
        try:
            anchor = msgspec.json.decode(line, type=Anchor)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return anchors, finding or _bad_anchor(None, f"{where}: line {number} is no anchor")
        if line == before:
            continue
        if anchor.before != (NO_LINE if before is None else sha256(before).hexdigest()) and finding is None:
            finding = _bad_anchor(anchor.position, f"{where}: line {number} does not follow the line before it")
        anchors.append(anchor)
    return anchors, finding


def _followed(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
    before: bytes | None = None
    for line in lines:
        yield line, before
        before = line


def _bad_anchor(position: int | None, detail: str) -> Finding:
    return Finding(fault="anchors", position=position, id="", seq=None, detail=detail)


def says_the_same(row_id: str, body: str, value: bytes) -> bool:
    """Whether a stored row is what a record of the log says: the same id and the same JSON value, however written."""
    try:
        given = json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError):
        return False
    return isinstance(given, dict) and given.get("id") == row_id and given == json.loads(body, parse_float=Decimal)


def row_from(values: Sequence[object]) -> Row:
    """A row from its columns in the order of :class:`Row`."""
    return Row(*values)  # type: ignore[arg-type]  # the order is the statement's, see adapters.audit_store


WORDS: Mapping[Fault, str] = {
    "changed": "was changed",
    "missing": "is gone",
    "inserted": "was put in",
    "moved": "was moved",
    "rewritten": "was written anew",
    "cut": "and all after it were cut off",
    "replaced": "the whole log was replaced",
    "anchors": "an anchor was changed",
}

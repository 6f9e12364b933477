"""Handover of a shift: what the next one takes over, written down and signed by both. Values and commands."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from ioc.domain.alerts import Priority
from ioc.domain.desk import UNSIGNED_RULE as UNSIGNED_RULE
from ioc.domain.desk_commands import Command

KEY = "handover|"
"""How the ``key`` of a line of the log about a handover begins."""
SIGNERS = frozenset({"dispatcher", "admin"})  # roles that may sign

HandoverOp = Literal["note", "give", "take"]
Section = Literal["unacknowledged", "acknowledged", "hidden", "sources", "corrected", "ended"]


class Item(Struct, frozen=True, kw_only=True):
    """One alert of the digest, or of its addendum: there ``ended`` are those that closed.

    Attributes:
        since_ms: unacknowledged: asks since; acknowledged: has been there since; others: began.
        owner: who acknowledged it or was assigned; who shelved it.
        until_ms: hidden: when that ends; None: nobody knows.
        why: hidden: the reason a person gave, or what explains it (Vietnamese).
        why_en: what explains it in English; unset: a person gave the reason, or nobody noted it.
        hid: hidden: how often something happened behind it.
        ended_ms: when it closed; unset: it is open, or nobody noted it.
    """

    section: Section
    alert_id: str
    rule: str
    priority: Priority
    state: str
    title_vi: str
    title_en: str
    place_vi: str = ""
    place_en: str = ""
    centre: str = ""
    since_ms: int
    owner: str | None = None
    owner_display: str | None = None
    until_ms: int | None = None
    why: str = ""
    why_en: str | UnsetType = UNSET
    hid: int = 0
    ended_ms: int | UnsetType = UNSET


class Suppressing(Struct, frozen=True, kw_only=True):
    """A silence of a person or a planned window that is in force.

    Attributes:
        about: its conditions in one line, ``rules=congestion areas=731``.
        about_vi, about_en: the same in names; empty: it has none. Unset: the version that made it did not say.
        why_vi, why_en: the reason; of a silence as the person gave it.
        owner: account of the person; of a window who is named for it in ``suppression.toml``; None: nobody.
        since_ms: when it began; of a window when that was noticed.
        until_ms: when it ends; None: not within two weeks.
        hid: alerts it hid so far, each once.
    """

    kind: Literal["silence", "window"]
    id: str
    about: str
    about_vi: str | UnsetType = UNSET
    about_en: str | UnsetType = UNSET
    why_vi: str
    why_en: str = ""
    owner: str | None = None
    owner_display: str | None = None
    since_ms: int
    until_ms: int | None
    hid: int = 0


class OutOfService(Struct, frozen=True, kw_only=True):
    """A centre, feed or site of which nothing was heard for so long that it counts as out of service.

    Nobody took it out, so it has no owner, and the reason is always that one. It comes back by itself.

    Attributes:
        key: alert key of the rule that watches it.
        feed, site: empty: the whole centre; the whole feed.
        name_vi, name_en: of the site, feed or centre.
        since_ms: event time of the last that was heard.
        out_ms: when it was declared out of service.
        review_ms: when somebody should look at it.
    """

    key: str
    rule: str
    centre: str
    feed: str = ""
    site: str = ""
    name_vi: str
    name_en: str
    since_ms: int
    out_ms: int
    review_ms: int


class Digest(Struct, frozen=True, kw_only=True):
    """What a shift hands over, as it stood at ``at_ms``. Counts are of the whole section; lists hold the first 50.

    What is unset was not said by the version that made it; it is not in the record, so the hash is what it was.

    Attributes:
        raised: alerts that began during the shift.
        ended: alerts that closed during the shift.
        acknowledge_p50_s: median of the seconds from asking to acknowledging during the shift; None of none.
        counts: by section, and of the two lists by their names.
        silences: running silences of people (they are not alerts).
        suppressing: silences and planned windows in force, what ends first before the others.
        out_of_service: sources by their date of review. Alerts out of service are in the section ``hidden``.
    """

    at_ms: int
    raised: int
    ended: int
    acknowledge_p50_s: float | None = None
    counts: dict[str, int]
    items: tuple[Item, ...]
    silences: int = 0
    suppressing: tuple[Suppressing, ...] | UnsetType = UNSET
    out_of_service: tuple[OutOfService, ...] | UnsetType = UNSET


class Addendum(Struct, frozen=True, kw_only=True):
    """What happened after the digest was locked, or after the end of its shift, and before the next shift began.

    Attributes:
        since_ms: when the digest was locked, or made for the last time.
        at_ms: as it stood then.
        raised, ended: alerts that began and that closed since.
        counts: by section, of the whole section; ``items`` are the first 50 of each. Of the two lists by their names.
        items: open alerts that began, came back, became worse, went away, were acknowledged or hidden since, as they
            are now; and those that closed (section ``ended``).
        suppressing, out_of_service: as in the digest, what began since.
    """

    since_ms: int
    at_ms: int
    raised: int
    ended: int
    counts: dict[str, int]
    items: tuple[Item, ...]
    suppressing: tuple[Suppressing, ...] | UnsetType = UNSET
    out_of_service: tuple[OutOfService, ...] | UnsetType = UNSET


class ShiftNote(Struct, frozen=True, kw_only=True):
    """What somebody wrote down for the next shift."""

    at_ms: int
    actor: str
    actor_display: str
    text: str


class Signature(Struct, frozen=True, kw_only=True):
    """Who signed, and when.

    Attributes:
        digest_hash: what was signed; the outgoing signature is for digest and notes alone.
        standing_in: why somebody signed who is not on the roster of that shift; empty: they are, or nobody knows.
    """

    actor: str
    actor_display: str
    station: str
    at_ms: int
    digest_hash: str = ""
    standing_in: str = ""


class Handover(Struct, frozen=True, kw_only=True):
    """The handover at the end of one shift; ``handover/<id>`` of the topic ``desk``.

    Attributes:
        id: ``H-<roster>-<end of the shift, epoch s>``: the same whoever computes it.
        state: ``draft`` until somebody signs: until the end of the shift the digest is made anew, every 10 s at most
            and when it changed; after the end it stays. ``given``: locked by the first signature; ``taken``: signed by
            the next shift; ``missed``: nobody did before the next handover fell due.
        outgoing, incoming: names of those on duty by the roster; of the next shift that has somebody.
        outgoing_accounts, incoming_accounts: those of them who have an account in ``duty.toml``; empty: none has, and
            whoever may sign may sign.
        due_ms: beginning of the next shift plus the time to sign; from then on an alert asks for the signature.
        missed_ms: when the next handover falls due.
        unsigned_ms: since when the alert asks; None: it never did.
        ended_ms: when the end of its shift was noticed; from then on the digest stays. Long after ``shift_end_ms`` when
            the desk did not run then.
        addendum: what happened since the digest was locked; None: nothing.
        digest_hash: what the next signature stands for: digest and notes, and the addendum and the outgoing signature
            once they are there (:func:`ioc.domain.handover_digest.digest_hash`). In a draft it is of the digest as it
            stands: who takes over without an outgoing signature names it.
    """

    id: str
    roster: str
    roster_vi: str
    roster_en: str
    shift_start_ms: int
    shift_end_ms: int
    due_ms: int
    missed_ms: int
    unsigned_ms: int | None = None
    ended_ms: int | None = None
    outgoing: tuple[str, ...] = ()
    incoming: tuple[str, ...] = ()
    outgoing_accounts: tuple[str, ...] = ()
    incoming_accounts: tuple[str, ...] = ()
    state: Literal["draft", "given", "taken", "missed"] = "draft"
    digest: Digest
    addendum: Addendum | None = None
    notes: tuple[ShiftNote, ...] = ()
    given: Signature | None = None
    taken: Signature | None = None
    digest_hash: str = ""


class HandoverCommand(Command, frozen=True, kw_only=True, tag="handover", tag_field="kind"):
    """What a person does to a handover. ``command_id`` makes a repeat harmless.

    ``note`` adds ``text``; ``give`` is the outgoing signature and locks the digest; ``take`` is the incoming one, and
    names the ``digest_hash`` that was read: another one is ``STALE``. Nobody signs both. Without an outgoing signature
    ``take`` locks and signs at once, after the end of the shift, with ``digest_hash`` of the draft. ``standing_in``:
    who signs is not on the roster of that shift and says so, with the ``reason``.
    """

    op: HandoverOp
    handover_id: str
    text: str = ""
    digest_hash: str = ""
    standing_in: bool = False
    reason: str = ""

    @property
    def subject_id(self) -> str:
        """Id of the handover."""
        return self.handover_id

    @property
    def asked(self) -> tuple[object, ...]:
        """See the base. What was left out does not count, so that a field that came later changes no digest."""
        standing_in = (self.standing_in, self.reason) if self.standing_in or self.reason else ()
        return (self.op, self.handover_id, self.text, self.digest_hash, *standing_in)

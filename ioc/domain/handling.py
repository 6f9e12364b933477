"""What people do with an alert: the operations, who may use them, and what an alert keeps of it.

Taking notice (``ack``) is not owning: the assignee is a fact of its own. Nothing here moves an alert; the moves are in
:mod:`ioc.domain.lifecycle`.
"""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

Op = Literal[
    "ack", "unack", "assign", "take", "dispatch", "comment", "step",
    "shelve", "unshelve", "out_of_service", "return_to_service", "reset", "close", "reopen",
]  # fmt: skip
OPS: tuple[Op, ...] = get_args(Op)

ResultCode = Literal["handled", "false_alarm", "duplicate", "no_action", "transferred", "test"]
RESULTS: tuple[ResultCode, ...] = get_args(ResultCode)
"""How an alert ended: dealt with; nothing was there; reported elsewhere already; seen, and nothing to be done; given to
another body; a test. This project's list."""

SHIFT_S = 8 * 3600
"""One shift. Also the longest shelf: what is put aside must be seen by the shift that put it there."""
SHELF_DEFAULT_S = 2 * 3600
"""Alerta's ``SHELVE_TIMEOUT``, 7,200 s."""
REVIEW_MAX_S = 366 * 86_400
"""Latest date of review of what is out of service."""

_DISPATCHER: frozenset[Op] = frozenset(
    {"ack", "unack", "assign", "take", "dispatch", "comment", "step", "shelve", "unshelve", "reset", "close", "reopen"}
)
_ENGINEER: frozenset[Op] = frozenset({"out_of_service", "return_to_service", "comment"})
RIGHTS: dict[str, frozenset[Op]] = {
    "dispatcher": _DISPATCHER,
    "engineer": _ENGINEER,
    "admin": _DISPATCHER | _ENGINEER,
    # Commands written before they carried a role: the gateway let dispatchers acknowledge, and nothing else.
    "": frozenset({"ack"}),
}


def may(role: str, op: Op) -> bool:
    """Has the role the right to the operation? A role that is not in the table has none."""
    return op in RIGHTS.get(role, frozenset())


class Hidden(Struct, frozen=True, kw_only=True):
    """Who put an alert on the shelf or its object out of service, why, and until when.

    ``until_ms`` is of a shelf, ``review_ms`` of what is out of service; ``review_told`` once that date has passed.
    """

    since_ms: int
    by: str
    by_display: str
    reason: str
    until_ms: int | None = None
    review_ms: int | None = None
    review_told: bool = False


class Assignment(Struct, frozen=True, kw_only=True):
    """Whose alert it is now. ``version`` of the alert at which it became so.

    ``earlier``: id of the former occurrence of the object in which it was given; empty: in this one. The version is of
    this alert all the same: its first.
    """

    to: str
    to_display: str
    by: str
    by_display: str
    at_ms: int
    version: int
    earlier: str = ""


class Done(Struct, frozen=True, kw_only=True):
    """Something done once: an agency sent (``what`` is its id), or a step of the checklist.

    ``earlier``: id of the former occurrence of the object in which it was done; empty: in this one. It may be done
    anew.
    """

    what: str
    by: str
    by_display: str
    at_ms: int
    earlier: str = ""


class Result(Struct, frozen=True, kw_only=True):
    """How it ended, by whom."""

    code: ResultCode
    by: str
    by_display: str
    at_ms: int

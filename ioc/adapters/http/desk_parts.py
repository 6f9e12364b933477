"""What the routes of ``/api/desk`` have in common: who may command, and the one answer of the desk."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from msgspec import Struct, structs
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.parts import ApiError, answer, check_origin, parts, session_of
from ioc.domain.alerts import Outcome
from ioc.errors import Unavailable
from ioc.wire.codec import DeskCommand
from ioc.wire.frames import User

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STATUS: dict[Outcome, int] = {"DONE": 200, "ALREADY": 200, "NOT_FOUND": 404, "FORBIDDEN": 403, "MISMATCH": 409}


class DeskAnswer(Struct, frozen=True, kw_only=True):
    """What became of a command. ``by``: who had done it already, and when.

    ``detail``: what the log says of it; of ``split`` and ``merge`` of incidents also where the alerts are now.
    """

    outcome: Outcome
    reason: str
    at_ms: int
    detail: str = ""
    by: str | None = None
    by_display: str | None = None
    by_at_ms: int | None = None


def commander(request: Request, roles: Collection[str]) -> User:
    """Who commands.

    Raises:
        ApiError: 403 from a foreign page, or a role that is not one of ``roles``; 401 nobody is signed in.
    """
    check_origin(request, parts(request).settings.allowed_origins)
    found = session_of(request)
    if found is None:
        raise ApiError(401, "not_signed_in", "sign in first")
    if found[1].role not in roles:
        raise ApiError(403, "forbidden", f"only these roles may: {', '.join(sorted(roles))}")
    return found[1]


def who(request: Request, user: User) -> dict[str, Any]:
    """The fields of a command that say who sends it, from where and when."""
    return {
        "actor": user.name,
        "actor_display": user.display,
        "role": user.role,
        "station": request.client.host if request.client else "",
        "sent_ms": parts(request).clock(),
    }


def check_id(text: str) -> None:
    """Refuse what cannot be the id of a command or of its subject.

    Raises:
        ApiError: 400.
    """
    if not _ID.fullmatch(text):
        raise ApiError(400, "bad_id", "an id has 1 to 64 letters, digits, - or _")


async def answered(request: Request, command: DeskCommand, **subject: str) -> Response:
    """Send a command; its answer is ``subject`` and what became of it, ``DONE`` or ``ALREADY``.

    Raises:
        ApiError: any other outcome, with the reason in ``detail``, and for who came too late also who was faster, when,
            and what the line of the log says of it (``about``); 503 too many wait; 504 no answer in time.
    """
    try:
        entry = await parts(request).desk_commands.submit(command)
    except Unavailable as exc:
        raise ApiError(503, "busy", str(exc)) from None
    if entry is None or entry.outcome is None:
        raise ApiError(504, "no_answer", "the desk did not answer in time; repeat with the same command_id")
    status = _STATUS.get(entry.outcome, 409)
    if status != 200:
        late = {"by": entry.by, "by_display": entry.by_display, "by_at_ms": entry.by_at_ms, "about": entry.detail}
        raise ApiError(status, entry.outcome.lower(), entry.reason, more=late if entry.outcome == "STALE" else None)
    said = DeskAnswer(
        outcome=entry.outcome,
        reason=entry.reason,
        at_ms=entry.at_ms,
        detail=entry.detail,
        by=entry.by,
        by_display=entry.by_display,
        by_at_ms=entry.by_at_ms,
    )
    return answer(subject | structs.asdict(said))

"""``/api/desk/silences``: what is silenced, by whom and until when; begin one and end one."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.parts import ApiError, answer, body, check_origin, need_viewer, parts, session_of
from ioc.domain.alerts import LogEntry, Outcome
from ioc.domain.matcher import Matcher
from ioc.domain.silences import SILENCERS, SilenceCommand, silence_id
from ioc.errors import Unavailable
from ioc.wire.frames import User

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STATUS: dict[Outcome, int] = {"DONE": 200, "ALREADY": 200, "NOT_FOUND": 404, "FORBIDDEN": 403, "MISMATCH": 409}


class SilenceRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a new silence. ``command_id``: chosen by the client; the same again is the same silence."""

    command_id: str
    matcher: Matcher
    reason: str
    for_s: int


class SilenceAnswer(Struct, frozen=True, kw_only=True):
    """What became of it. ``by``: who had ended it already."""

    silence_id: str
    outcome: Outcome
    reason: str
    at_ms: int
    by: str | None = None
    by_display: str | None = None


async def silences(request: Request) -> Response:
    """``GET /api/desk/silences``."""
    need_viewer(request)
    return answer({"silences": parts(request).desk.all_silences()})


async def create(request: Request) -> Response:
    """``POST /api/desk/silences``."""
    user = _silencer(request)
    asked = await body(request, SilenceRequest)
    _check_id(asked.command_id)
    command = SilenceCommand(
        command_id=asked.command_id,
        op="create",
        silence_id=silence_id(asked.command_id),
        matcher=asked.matcher,
        reason=asked.reason,
        for_s=asked.for_s,
        **_who(request, user),
    )
    return await _submit(request, command)


async def expire(request: Request) -> Response:
    """``DELETE /api/desk/silences/{silence_id}?command_id=…``."""
    user = _silencer(request)
    command_id, name = request.query_params.get("command_id", ""), request.path_params["silence_id"]
    _check_id(command_id)
    _check_id(name)
    command = SilenceCommand(command_id=command_id, op="expire", silence_id=name, **_who(request, user))
    return await _submit(request, command)


def _silencer(request: Request) -> User:
    p = parts(request)
    check_origin(request, p.settings.allowed_origins)
    found = session_of(request)
    if found is None:
        raise ApiError(401, "not_signed_in", "sign in first")
    if found[1].role not in SILENCERS:
        raise ApiError(403, "forbidden", "only dispatchers silence alerts")
    return found[1]


def _who(request: Request, user: User) -> dict[str, Any]:
    return {
        "actor": user.name,
        "actor_display": user.display,
        "role": user.role,
        "station": request.client.host if request.client else "",
        "sent_ms": parts(request).clock(),
    }


def _check_id(text: str) -> None:
    if not _ID.fullmatch(text):
        raise ApiError(400, "bad_id", "an id has 1 to 64 letters, digits, - or _")


async def _submit(request: Request, command: SilenceCommand) -> Response:
    try:
        entry: LogEntry | None = await parts(request).desk_commands.submit(command)
    except Unavailable as exc:
        raise ApiError(503, "busy", str(exc)) from None
    if entry is None or entry.outcome is None:
        raise ApiError(504, "no_answer", "the desk did not answer in time; repeat with the same command_id")
    status = _STATUS.get(entry.outcome, 409)
    if status != 200:
        raise ApiError(status, entry.outcome.lower(), entry.reason)
    return answer(
        SilenceAnswer(
            silence_id=command.silence_id,
            outcome=entry.outcome,
            reason=entry.reason,
            at_ms=entry.at_ms,
            by=entry.by,
            by_display=entry.by_display,
        )
    )

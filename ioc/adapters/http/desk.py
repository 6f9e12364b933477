"""``/api/desk/silences``: what is silenced, by whom and until when; begin one and end one."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.desk_parts import answered, check_id, commander, who
from ioc.adapters.http.parts import answer, body, need_viewer, parts
from ioc.domain.matcher import Matcher
from ioc.domain.silences import SILENCERS, SilenceCommand, silence_id


class SilenceRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a new silence. ``command_id``: chosen by the client; the same again is the same silence."""

    command_id: str
    matcher: Matcher
    reason: str
    for_s: int


async def silences(request: Request) -> Response:
    """``GET /api/desk/silences``."""
    need_viewer(request)
    return answer({"silences": parts(request).desk.all_silences()})


async def create(request: Request) -> Response:
    """``POST /api/desk/silences``."""
    user = commander(request, SILENCERS)
    asked = await body(request, SilenceRequest)
    check_id(asked.command_id)
    command = SilenceCommand(
        command_id=asked.command_id,
        op="create",
        silence_id=silence_id(asked.command_id),
        matcher=asked.matcher,
        reason=asked.reason,
        for_s=asked.for_s,
        **who(request, user),
    )
    return await answered(request, command, silence_id=command.silence_id)


async def expire(request: Request) -> Response:
    """``DELETE /api/desk/silences/{silence_id}?command_id=…``."""
    user = commander(request, SILENCERS)
    command_id, name = request.query_params.get("command_id", ""), request.path_params["silence_id"]
    check_id(command_id)
    check_id(name)
    command = SilenceCommand(command_id=command_id, op="expire", silence_id=name, **who(request, user))
    return await answered(request, command, silence_id=command.silence_id)

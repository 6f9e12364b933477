"""``/api/desk/handovers``: what shifts hand over, notes for the next one, and the two signatures."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.desk_parts import answered, check_id, commander, who
from ioc.adapters.http.parts import answer, body, need_viewer, parts
from ioc.domain.handover import SIGNERS, HandoverCommand, HandoverOp


class HandoverRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a command. ``text`` of a note; ``digest_hash`` that was read, of ``take``.

    ``standing_in`` and ``reason``: of a signature by somebody who is not on the roster of that shift.
    """

    command_id: str
    op: HandoverOp
    text: str = ""
    digest_hash: str = ""
    standing_in: bool = False
    reason: str = ""


async def handovers(request: Request) -> Response:
    """``GET /api/desk/handovers``."""
    need_viewer(request)
    return answer({"handovers": parts(request).desk.all_handovers()})


async def command(request: Request) -> Response:
    """``POST /api/desk/handovers/{handover_id}``."""
    user = commander(request, SIGNERS)
    asked = await body(request, HandoverRequest)
    name = request.path_params["handover_id"]
    check_id(asked.command_id)
    check_id(name)
    wanted = HandoverCommand(
        command_id=asked.command_id,
        op=asked.op,
        handover_id=name,
        text=asked.text,
        digest_hash=asked.digest_hash,
        standing_in=asked.standing_in,
        reason=asked.reason,
        **who(request, user),
    )
    return await answered(request, wanted, handover_id=name)

"""``/api/desk/handovers``: what shifts hand over, notes for the next one, and the two signatures."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.desk_parts import check_id, commander, submit, who
from ioc.adapters.http.parts import answer, body, need_viewer, parts
from ioc.domain.alerts import Outcome
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


class HandoverAnswer(Struct, frozen=True, kw_only=True):
    """What became of it. ``by``: who had signed already, and when."""

    handover_id: str
    outcome: Outcome
    reason: str
    at_ms: int
    by: str | None = None
    by_display: str | None = None
    by_at_ms: int | None = None


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
    entry = await submit(
        request,
        HandoverCommand(
            command_id=asked.command_id,
            op=asked.op,
            handover_id=name,
            text=asked.text,
            digest_hash=asked.digest_hash,
            standing_in=asked.standing_in,
            reason=asked.reason,
            **who(request, user),
        ),
    )
    return answer(
        HandoverAnswer(
            handover_id=name,
            outcome=entry.outcome or "DONE",
            reason=entry.reason,
            at_ms=entry.at_ms,
            by=entry.by,
            by_display=entry.by_display,
            by_at_ms=entry.by_at_ms,
        )
    )

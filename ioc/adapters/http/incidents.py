"""``/api/desk/incidents``: which alerts belong together, who leads; lead one, name it, note, merge, split."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.desk_parts import answered, check_id, commander, who
from ioc.adapters.http.parts import ApiError, answer, body, need_viewer, parts
from ioc.domain.incident_grouping import MEMBERS_MAX
from ioc.domain.incidents import HANDLERS, IncidentCommand, IncidentOp


class IncidentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a command. ``command_id``: chosen by the client; the same again has the same answer.

    ``text`` is of ``rename`` and ``note``, ``other`` (the incident that is taken over) of ``merge``, ``alert_ids`` of
    ``split``. ``expected_owner`` (of ``take`` and ``release``) and ``expected_title`` (of ``rename``): what the person
    saw; see :class:`ioc.domain.incidents.IncidentCommand`.
    """

    command_id: str
    op: IncidentOp
    other: str = ""
    alert_ids: tuple[str, ...] = ()
    text: str = ""
    expected_owner: str | None = None
    expected_title: str | None = None


async def incidents(request: Request) -> Response:
    """``GET /api/desk/incidents``."""
    need_viewer(request)
    return answer({"incidents": parts(request).desk.all_incidents()})


async def command(request: Request) -> Response:
    """``POST /api/desk/incidents/{incident_id}``."""
    user = commander(request, HANDLERS)
    asked = await body(request, IncidentRequest)
    name = request.path_params["incident_id"]
    for one in (asked.command_id, name, *((asked.other,) if asked.other else ())):
        check_id(one)
    if len(asked.alert_ids) > MEMBERS_MAX:
        raise ApiError(400, "malformed", f"at most {MEMBERS_MAX} alerts")
    for one in asked.alert_ids:
        check_id(one)
    wanted = IncidentCommand(
        command_id=asked.command_id,
        op=asked.op,
        incident_id=name,
        other=asked.other,
        alert_ids=asked.alert_ids,
        text=asked.text,
        expected_owner=asked.expected_owner,
        expected_title=asked.expected_title,
        **who(request, user),
    )
    return await answered(request, wanted, incident_id=name)

"""Alerts for other agencies: CAP 1.2 messages and the Atom feed that lists them.

Every message is ``Restricted``, so who reads it is signed in (or the wall is open to everybody).
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.parts import ApiError, need_viewer, parts, unless_known
from ioc.wire.cap import MEDIA_TYPE, to_atom

_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,100}")
_EXERCISE = re.compile(r"[A-Za-z0-9._:~-]{1,64}")


async def feed(request: Request) -> Response:
    """``GET /cap/alerts.atom?exercise=…``: the live picture, or one drill; with an ETag."""
    need_viewer(request)
    p = parts(request)
    setup = p.profile.dispatch.cap
    if setup is None:
        raise ApiError(404, "not_found", "this installation publishes nothing: its profile has no [cap]")
    exercise = request.query_params.get("exercise")
    if exercise is not None and not _EXERCISE.fullmatch(exercise):
        raise ApiError(400, "bad_exercise", "an exercise has 1 to 64 letters, digits and . _ : ~ -")
    now_ms = p.clock()
    entries = await p.history.cap_entries(exercise, now_ms - int(2 * setup.expires_s * 1000))
    content = to_atom(
        entries,
        feed_id=f"urn:ioc:cap:{p.profile.id}" + (f":{exercise}" if exercise else ""),
        title=p.profile.title_vi + (f" – {exercise}" if exercise else ""),
        author=setup.sender_name_vi,
        timezone=p.profile.timezone,
        updated_ms=0,
        base=p.settings.allowed_origins[0],
    )
    return unless_known(request, content, "application/atom+xml")


async def message(request: Request) -> Response:
    """``GET /cap/{identifier}.xml``: a message never changes."""
    need_viewer(request)
    identifier = request.path_params["identifier"]
    document = await parts(request).history.cap_message(identifier) if _IDENTIFIER.fullmatch(identifier) else None
    if document is None:
        raise ApiError(404, "not_found", "no such message")
    return Response(document.encode(), headers={"cache-control": "private, max-age=86400"}, media_type=MEDIA_TYPE)

"""Sign-in, sign-out, and tickets for the websocket."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.http.parts import COOKIE, ApiError, address_of, answer, body, check_origin, parts, session_of
from ioc.services.accounts import Denied
from ioc.services.tickets import LIFE_MS, Grant
from ioc.wire.frames import User
from ioc.wire.roles import rights

OPEN_WALL_USER = User(name="open-wall", display="Màn hình", role="viewer")
_DENIED_STATUS = {Denied.BAD_CREDENTIALS: 401, Denied.TOO_MANY: 429, Denied.NO_ACCOUNTS: 503}


class SignIn(Struct):
    """Body of ``POST /api/session``."""

    user: str
    password: str


class TicketRequest(Struct):
    """Body of ``POST /api/ticket``; ``wall`` asks for the open wall when nobody is signed in."""

    wall: bool = False


class Signed(Struct):
    """Answer to a sign-in."""

    user: User


class TicketAnswer(Struct):
    """A ticket, and where to use it within ``expires_s``."""

    ticket: str
    live_url: str
    expires_s: int


async def sign_in(request: Request) -> Response:
    """``POST /api/session``."""
    p = parts(request)
    check_origin(request, p.settings.allowed_origins)
    asked = await body(request, SignIn)
    found = await p.accounts.sign_in(asked.user, asked.password, address_of(request))
    if isinstance(found, Denied):
        p.metrics.sign_ins.labels(found.value).inc()
        retry = {"retry-after": "60"} if found is Denied.TOO_MANY else None
        raise ApiError(_DENIED_STATUS[found], found.value, headers=retry)
    p.metrics.sign_ins.labels("ok").inc()
    token, claims = p.tokens.issue(found)
    response = answer(Signed(User(name=found.name, display=found.display, role=found.role)))
    response.set_cookie(
        COOKIE,
        token,
        max_age=(claims.expires_ms - claims.issued_ms) // 1000,
        path="/",
        secure=p.settings.cookie_secure,
        httponly=True,
        samesite="strict",
    )
    return response


async def who(request: Request) -> Response:
    """``GET /api/session``."""
    found = session_of(request)
    if found is None:
        raise ApiError(401, "not_signed_in", "sign in first")
    return answer(Signed(found[1]))


async def sign_out(request: Request) -> Response:
    """``DELETE /api/session``: the session ends in every tab, the browser forgets the cookie."""
    p = parts(request)
    check_origin(request, p.settings.allowed_origins)
    found = session_of(request)
    if found is not None:
        p.accounts.end(found[0].session, found[0].expires_ms)
    response = Response(status_code=204, headers={"cache-control": "no-store"})
    response.delete_cookie(COOKIE, path="/", secure=p.settings.cookie_secure, httponly=True, samesite="strict")
    return response


async def ticket(request: Request) -> Response:
    """``POST /api/ticket``."""
    p = parts(request)
    check_origin(request, p.settings.allowed_origins)
    asked = await body(request, TicketRequest)
    found = session_of(request)
    if found is not None:
        claims, user = found
        grant = Grant(
            user=user,
            expires_ms=claims.expires_ms,
            session_epoch=claims.session_epoch,
            session=claims.session,
        )
    elif asked.wall and p.settings.open_wall:
        life_ms = rights("wall").session_s * 1000
        grant = Grant(user=OPEN_WALL_USER, expires_ms=p.clock() + life_ms, session_epoch=None)
    else:
        raise ApiError(401, "not_signed_in", "sign in first")
    return answer(TicketAnswer(p.tickets.issue(grant), p.live_url(), LIFE_MS // 1000))

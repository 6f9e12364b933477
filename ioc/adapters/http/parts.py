"""What the routes are made of: the parts they use, errors as JSON, reading a body, who asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ioc.adapters.metrics import GatewayMetrics
from ioc.domain.alerts import Alert
from ioc.domain.profile import Profile
from ioc.ports import Clock, HistoryQueries
from ioc.services.accounts import Accounts
from ioc.services.desk_commands import DeskCommands
from ioc.services.desk_view import DeskView
from ioc.services.sign_in import Claims, SessionTokens
from ioc.services.tickets import Tickets
from ioc.settings import Settings
from ioc.wire.frames import User

COOKIE = "ioc_session"
BODY_MAX_BYTES = 16_384  # the longest honest body is a name and a password
_T = TypeVar("_T")


class Readiness(Struct, frozen=True, kw_only=True):
    """Body of ``/readyz``. ``alerts``: alerts in the picture; ``lag_s`` None: unknown; ``canary_age_s``: by stage,
    empty where no canaries are sent (see :mod:`ioc.services.canary`)."""

    ready: bool
    centres_seen: list[str]
    alerts: int
    degraded: list[str]
    lag_s: float | None = None
    canary_age_s: dict[str, float] = {}


class Parts(Struct, frozen=True, kw_only=True):
    """Everything that the routes use; made once by :mod:`ioc.gateway`."""

    settings: Settings
    profile: Profile
    accounts: Accounts
    tokens: SessionTokens
    tickets: Tickets
    history: HistoryQueries
    metrics: GatewayMetrics
    clock: Clock
    readiness: Callable[[], Readiness]
    alerts: Callable[[], Sequence[Alert]]  # of the live picture
    desk: DeskView
    desk_commands: DeskCommands
    static_dir: Path
    live_url: Callable[[], str]


class ApiError(Exception):
    """An answer that is not a success; ``code`` is from a closed list, ``detail`` is safe to show.

    ``more``: further fields of the answer, safe to show as well.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.more = more or {}


def answer(value: Any, status: int = 200, *, cache: str = "no-store") -> Response:
    """JSON of any plain value or Struct."""
    return Response(msgspec.json.encode(value), status, headers={"cache-control": cache}, media_type="application/json")


def unless_known(request: Request, content: bytes, media_type: str) -> Response:
    """The content with an ETag, or 304 when the client has it already."""
    etag = f'"{sha256(content).hexdigest()[:16]}"'
    headers = {"cache-control": "no-cache", "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


def parts(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    found = request.app.state.parts
    assert isinstance(found, Parts)
    return found


async def body(request: Request, kind: type[_T]) -> _T:
    """The JSON body as ``kind``; an empty body is an empty object.

    Raises:
        ApiError: 415 another media type, 413 too long, 400 not such an object.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > BODY_MAX_BYTES:
            raise ApiError(413, "too_large", f"at most {BODY_MAX_BYTES} bytes")
    if received and request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "unsupported_media_type", "send application/json")
    try:
        return msgspec.json.decode(bytes(received) or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError(400, "malformed", "not the JSON object that this address expects") from None


def check_origin(request: Request, allowed: Sequence[str]) -> None:
    """Refuse a request that changes something unless it comes from one of our own pages.

    Raises:
        ApiError: 403; browsers send ``Origin`` with every POST and DELETE, other clients have to set it.
    """
    if request.headers.get("origin") not in allowed:
        raise ApiError(403, "forbidden_origin", "the Origin header names no page of this installation")


def session_of(request: Request) -> tuple[Claims, User] | None:
    """Who is signed in, None if nobody.

    Raises:
        ApiError: 503 when the account list was never read, so that nobody can tell.
    """
    token = request.cookies.get(COOKIE)
    if token is None:
        return None
    p = parts(request)
    claims = p.tokens.read(token)
    if claims is None:
        return None
    if not p.accounts.known:
        raise ApiError(503, "accounts_unavailable", "the database is away; try again soon")
    user = p.accounts.user(claims)
    return None if user is None else (claims, user)


def need_viewer(request: Request) -> None:
    """Let nobody pass who may not see the picture: signed in, or an open wall.

    Raises:
        ApiError: 401.
    """
    if parts(request).settings.open_wall:
        return
    if session_of(request) is None:
        raise ApiError(401, "not_signed_in", "sign in first")


def address_of(request: Request) -> str:
    """Address of the client, for limits and logs."""
    return request.client.host if request.client else ""

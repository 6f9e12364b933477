"""Around every request: security headers, an id, and no error that says more than it should."""

from __future__ import annotations

import logging
import secrets

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ioc.adapters.http.parts import ApiError, answer
from ioc.errors import BadInput, Unavailable

_log = logging.getLogger(__name__)


def security_headers(live_origin: str, *, https: bool) -> dict[str, str]:
    """OWASP ASVS 5.0, 3.4: nothing but our own files, no framing, no guessing of types.

    ``live_origin`` is the ``ws://`` or ``wss://`` origin that pages connect to.
    """
    headers = {
        "content-security-policy": "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self' data:",
                "font-src 'self'",
                f"connect-src 'self' {live_origin}",
                "manifest-src 'self'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            )
        ),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }
    if https:
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


class Guard:
    """ASGI middleware, the outermost: adds the headers, gives the id, logs what nobody expected."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            _log.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if not started:
                raise  # nothing was sent: the server answers with a bare 500


async def on_error(request: Request, exc: Exception) -> Response:
    """Every error of a route as ``{error, detail, id}``; what nobody expected is ``internal`` and says no more."""
    error = _known(exc) or ApiError(500, "internal", "the error was logged under this id")
    content = {**error.more, "error": error.code, "detail": error.detail, "id": request.scope["state"]["request_id"]}
    response = answer(content, error.status)
    response.headers.update(error.headers)
    return response


def _known(exc: Exception) -> ApiError | None:
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, HTTPException):
        codes = {404: "not_found", 405: "method_not_allowed"}
        return ApiError(exc.status_code, codes.get(exc.status_code, "refused"), headers=dict(exc.headers or {}))
    if isinstance(exc, Unavailable):
        return ApiError(503, f"{exc.part}_unavailable", "try again soon")
    if isinstance(exc, BadInput):
        return ApiError(400, exc.code, exc.detail)
    return None

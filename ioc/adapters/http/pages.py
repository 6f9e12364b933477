"""The built pages from ``ioc/static``. Assets carry a hash in their names and are kept for a year, pages never."""

from __future__ import annotations

import os
import re

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ioc.adapters.http.parts import parts

_HASHED = re.compile(r"-[A-Za-z0-9_-]{8}\.[a-z0-9]+$")  # how the build names a file whose content is in its name
PAGES = ("wall", "console")
NOT_BUILT = (
    "Các trang chưa được dựng. Chạy `make frontend`, rồi tải lại.\n"
    "The pages are not built yet. Run `make frontend`, then reload.\n"
)


async def root(request: Request) -> Response:
    """``/`` leads to the wall."""
    return RedirectResponse("/wall", 307)


async def page(request: Request) -> Response:
    """``/wall`` and ``/console``."""
    file = parts(request).static_dir / f"{request.url.path.strip('/')}.html"
    if not file.is_file():
        return PlainTextResponse(NOT_BUILT, 503, headers={"cache-control": "no-store"})
    return FileResponse(file, media_type="text/html; charset=utf-8", headers={"cache-control": "no-cache"})


class Assets(StaticFiles):
    """Files whose names change with their content."""

    async def check_config(self) -> None:
        """Pages that are not built yet are no error of the gateway: every file of them is just not found."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """As the base class, with a cache header."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        hashed = _HASHED.search(os.path.basename(full_path)) is not None
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if hashed else "max-age=3600"
        return response

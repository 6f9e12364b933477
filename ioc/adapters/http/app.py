"""The HTTP application: one table of routes, kept equal to ``/api/openapi.json`` by a test."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from ioc.adapters.http import api, cap, desk, handovers, incidents, pages, quality, session
from ioc.adapters.http.guard import Guard, on_error, security_headers
from ioc.adapters.http.parts import ApiError, Parts
from ioc.errors import IocError


def routes(parts: Parts) -> list[Route | Mount]:
    """Every address that is served."""
    return [
        Route("/", pages.root),
        *(Route(f"/{name}", pages.page) for name in pages.PAGES),
        Route("/api/session", session.sign_in, methods=["POST"]),
        Route("/api/session", session.who, methods=["GET"]),
        Route("/api/session", session.sign_out, methods=["DELETE"]),
        Route("/api/ticket", session.ticket, methods=["POST"]),
        Route("/api/profile", api.profile),
        Route("/api/alerts", api.alerts),
        Route("/api/alerts/{alert_id}/log", api.alert_log),
        Route("/api/series", api.series),
        Route("/api/quality", quality.quality),
        Route("/api/desk/silences", desk.silences, methods=["GET"]),
        Route("/api/desk/silences", desk.create, methods=["POST"]),
        Route("/api/desk/silences/{silence_id}", desk.expire, methods=["DELETE"]),
        Route("/api/desk/incidents", incidents.incidents, methods=["GET"]),
        Route("/api/desk/incidents/{incident_id}", incidents.command, methods=["POST"]),
        Route("/api/desk/handovers", handovers.handovers, methods=["GET"]),
        Route("/api/desk/handovers/{handover_id}", handovers.command, methods=["POST"]),
        Route("/api/map/{layer}.geojson", api.map_layer),
        Route("/api/openapi.json", api.openapi),
        Route("/cap/alerts.atom", cap.feed),
        Route("/cap/{identifier}.xml", cap.message),
        Route("/healthz", api.health),
        Route("/readyz", api.ready),
        Route("/metrics", api.metrics),
        Mount("/assets", pages.Assets(directory=parts.static_dir / "assets", check_dir=False)),
    ]


def build_app(parts: Parts) -> ASGIApp:
    """The application around these parts."""
    # ``Exception`` is for what nobody expected; it is logged by the guard, never shown.
    handlers = {kind: on_error for kind in (ApiError, HTTPException, IocError, Exception)}
    app = Starlette(routes=routes(parts), exception_handlers=handlers)
    app.state.parts = parts
    live = urlsplit(parts.settings.public_live_url)
    return Guard(app, security_headers(f"{live.scheme}://{live.netloc}", https=parts.settings.cookie_secure))

"""The installation as data, the history of alerts and measures, and the state of the gateway itself."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ioc.adapters.http.openapi import document
from ioc.adapters.http.parts import ApiError, answer, need_viewer, parts, unless_known
from ioc.domain.profile import Profile
from ioc.errors import BadInput

MAP_LAYERS = ("districts", "rivers", "places")
MAP_MAX_BYTES = 8 * 1024 * 1024  # a browser has to draw it; simplify the shapes if it is longer
SERIES_MAX_MS = 31 * 86_400_000
ALERTS_MAX_MS = 7 * 86_400_000
ALERTS_MAX = 500  # as the port says; an answer of this length is cut off at its old end
_ALERT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)


def profile_view(profile: Profile) -> dict[str, Any]:
    """The part of a profile that pages need: everything but the mapping of native formats."""
    return {
        "id": profile.id,
        "name_vi": profile.name_vi,
        "name_en": profile.name_en,
        "title_vi": profile.title_vi,
        "title_en": profile.title_en,
        "timezone": profile.timezone,
        "simulated": any(centre.simulated for centre in profile.centres),
        "centres": [_but(structs.asdict(centre), "feeds", "sites", "format", "canary") for centre in profile.centres],
        "areas": [structs.asdict(area) for area in profile.areas],
        "feeds": [
            structs.asdict(feed) | {"centre": centre.id, "type": feed.types[0] if feed.types else ""}
            for centre in profile.centres
            for feed in centre.feeds
        ],
        "sites": [
            _but(structs.asdict(site), "native_id") | {"centre": centre.id}
            for centre in profile.centres
            for site in centre.sites
        ],
        "targets": [structs.asdict(target) for target in profile.targets],
        "rules": [structs.asdict(rule) for rule in profile.rules],
        "agencies": [structs.asdict(agency) for agency in profile.agencies],
    }


def _but(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


async def profile(request: Request) -> Response:
    """``GET /api/profile``; the same until the gateway restarts, hence with an ETag."""
    need_viewer(request)
    content = msgspec.json.encode(profile_view(parts(request).profile))
    return unless_known(request, content, "application/json")


async def alerts(request: Request) -> Response:
    """``GET /api/alerts?from_ms=…&to_ms=…``: what was raised then, and of which times anything is known at all."""
    need_viewer(request)
    query = request.query_params
    from_ms, to_ms = time_range(query.get("from_ms"), query.get("to_ms"), ALERTS_MAX_MS, "7 days")
    history = parts(request).history
    found = await history.alerts_between(from_ms, to_ms)
    spans = await history.recorded_spans(from_ms, to_ms)
    # A full answer was cut off at its old end: before that nobody can tell from it what there was.
    complete_from_ms = min(alert.raised_ms for alert in found) if len(found) >= ALERTS_MAX else from_ms
    known = [{"from_ms": max(a, complete_from_ms), "to_ms": b} for a, b in spans if b > complete_from_ms]
    return answer({"alerts": found, "known_from_ms": known[0]["from_ms"] if known else None, "known": known})


async def alert_log(request: Request) -> Response:
    """``GET /api/alerts/{id}/log``."""
    need_viewer(request)
    alert_id = request.path_params["alert_id"]
    if not _ALERT_ID.fullmatch(alert_id):
        raise ApiError(400, "bad_id", "an alert id has 1 to 64 letters, digits, - or _")
    return answer({"entries": await parts(request).history.alert_log(alert_id)})


async def series(request: Request) -> Response:
    """``GET /api/series?key=…&from_ms=…&to_ms=…``."""
    need_viewer(request)
    query = request.query_params
    from_ms, to_ms = time_range(query.get("from_ms"), query.get("to_ms"), SERIES_MAX_MS, "31 days")
    key = query.get("key", "")[:400]
    return answer({"key": key, "points": await parts(request).history.series(key, from_ms, to_ms)})


def time_range(from_text: str | None, to_text: str | None, longest_ms: int, longest: str) -> tuple[int, int]:
    """The span of a query. Raises ApiError: 400 ``bad_range``."""
    from_ms, to_ms = _instant(from_text), _instant(to_text)
    if not from_ms < to_ms <= from_ms + longest_ms:
        raise ApiError(400, "bad_range", f"from_ms must be before to_ms, at most {longest}")
    return from_ms, to_ms


def _instant(text: str | None) -> int:
    if text is None or not re.fullmatch(r"\d{1,15}", text):
        raise ApiError(400, "bad_range", "from_ms and to_ms are epoch milliseconds")
    return int(text)


async def map_layer(request: Request) -> Response:
    """``GET /api/map/{layer}.geojson`` from ``IOC_MAP_DIR``."""
    need_viewer(request)
    layer, folder = request.path_params["layer"], parts(request).settings.map_dir
    if layer not in MAP_LAYERS or folder is None:
        raise ApiError(404, "not_found", "no such map layer; see IOC_MAP_DIR")
    try:
        content = await asyncio.to_thread(read_map, folder / f"{layer}.geojson")
    except FileNotFoundError:
        raise ApiError(404, "not_found", f"no {layer}.geojson in IOC_MAP_DIR") from None
    except BadInput as exc:
        raise ApiError(503, "map_invalid", exc.detail) from None
    return Response(content, headers={"cache-control": "max-age=3600"}, media_type="application/geo+json")


def read_map(file: Path) -> bytes:
    """A GeoJSON FeatureCollection, checked.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: too long, or not a FeatureCollection.
    """
    with file.open("rb") as handle:
        content = handle.read(MAP_MAX_BYTES + 1)
    if len(content) > MAP_MAX_BYTES:
        raise BadInput("too_large", file.name, f"{file.name} has more than {MAP_MAX_BYTES} bytes")
    try:
        value = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadInput("malformed", file.name, f"{file.name} is not JSON") from None
    features = value.get("features") if isinstance(value, dict) else None
    if not isinstance(features, list) or value.get("type") != "FeatureCollection":
        raise BadInput("schema", file.name, f"{file.name} is not a GeoJSON FeatureCollection")
    for number, feature in enumerate(features):
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") not in _GEOMETRIES:
            raise BadInput("schema", file.name, f"{file.name}: feature {number} has no GeoJSON geometry")
    return content


async def health(request: Request) -> Response:
    """``GET /healthz``: the process answers."""
    return answer({"ok": True})


async def ready(request: Request) -> Response:
    """``GET /readyz``: 200 once the picture is complete, 503 before."""
    state = parts(request).readiness()
    return answer(state, 200 if state.ready else 503)


async def metrics(request: Request) -> Response:
    """``GET /metrics`` for Prometheus; a proxy in front must not pass it on."""
    return PlainTextResponse(
        parts(request).metrics.text(), headers={"cache-control": "no-store"}, media_type="text/plain; version=0.0.4"
    )


async def openapi(request: Request) -> Response:
    """``GET /api/openapi.json``."""
    return answer(document(), cache="no-cache")

"""The HTTP interface as OpenAPI 3.1, written by hand and compact; a test keeps it equal to the routes."""

from __future__ import annotations

import json
from typing import Any

import ioc
from ioc.adapters.http import openapi_incidents
from ioc.adapters.http.openapi_parts import ANY_OBJECT as _ANY_OBJECT
from ioc.adapters.http.openapi_parts import BOOLEAN as _BOOLEAN
from ioc.adapters.http.openapi_parts import DESK_ERRORS as _SILENCE_ERRORS
from ioc.adapters.http.openapi_parts import INTEGER as _INTEGER
from ioc.adapters.http.openapi_parts import MS as _MS
from ioc.adapters.http.openapi_parts import MS_OR_NULL as _MS_OR_NULL
from ioc.adapters.http.openapi_parts import NUMBER_OR_NULL as _NUMBER_OR_NULL
from ioc.adapters.http.openapi_parts import TEXT as _TEXT
from ioc.adapters.http.openapi_parts import TEXT_OR_NULL as _TEXT_OR_NULL
from ioc.adapters.http.openapi_parts import answered as _answer
from ioc.adapters.http.openapi_parts import array as _array
from ioc.adapters.http.openapi_parts import desk_answer as _desk_answer
from ioc.adapters.http.openapi_parts import errors as _errors
from ioc.adapters.http.openapi_parts import object_of as _object
from ioc.adapters.http.openapi_parts import operation as _operation
from ioc.adapters.http.openapi_parts import parameter as _parameter

_SIGNATURE = "actor, actor_display, station, at_ms, digest_hash, standing_in"

_SCHEMAS: dict[str, Any] = {
    "User": _object("name display role", name=_TEXT, display=_TEXT, role=_TEXT),
    "Signed": _object("user", user={"$ref": "#/components/schemas/User"}),
    "SignIn": _object("user password", user=_TEXT, password={"type": "string", "format": "password"}),
    "TicketRequest": _object(wall={"type": "boolean", "default": False}),
    "Ticket": _object("ticket live_url expires_s", ticket=_TEXT, live_url=_TEXT, expires_s=_INTEGER),
    "Error": _object(
        "error detail id",
        error={**_TEXT, "description": "closed list"},
        detail=_TEXT,
        id=_TEXT,
        by={**_TEXT_OR_NULL, "description": "of stale: who was faster"},
        by_display=_TEXT_OR_NULL,
        by_at_ms=_MS_OR_NULL,
        about={**_TEXT, "description": "of stale: what the log says of it; into=, where the alerts are now"},
    ),
    "Profile": _object(
        "id name_vi name_en simulated centres areas feeds sites targets rules agencies",
        id=_TEXT,
        name_vi=_TEXT,
        name_en=_TEXT,
        simulated=_BOOLEAN,
        **{
            name: _array(_ANY_OBJECT) for name in ("centres", "areas", "feeds", "sites", "targets", "rules", "agencies")
        },
    ),
    "Alerts": _object(
        "alerts known_from_ms known",
        alerts=_array(_ANY_OBJECT),
        known_from_ms={**_MS_OR_NULL, "description": "epoch milliseconds; null: nothing was recorded"},
        known=_array(_object("from_ms to_ms", from_ms=_MS, to_ms=_MS)),
    ),
    "AlertLog": _object("entries", entries=_array(_ANY_OBJECT)),
    "Series": _object(
        "key points",
        key=_TEXT,
        points=_array(
            _object(
                "start_ms step_ms n final corrected",
                start_ms=_MS,
                step_ms=_INTEGER,
                n=_INTEGER,
                **{name: _NUMBER_OR_NULL for name in ("mean", "min", "max", "last")},
                final=_BOOLEAN,
                corrected={**_BOOLEAN, "description": "with readings that came too late for the live picture"},
            )
        ),
    ),
    "Quality": _object(
        "span now complete_from_ms",
        span=_ANY_OBJECT,
        now=_ANY_OBJECT,
        complete_from_ms={**_MS, "description": "the log was too long: before this nothing was counted"},
    ),
    "Matcher": _object(
        "",
        **{
            name: {**_array(_TEXT), "description": "empty: no condition", "default": []}
            for name in ("rules", "types", "centres", "areas", "sites", "feeds")
        },
        priority={**_INTEGER, "minimum": 1, "maximum": 4, "default": 1, "description": "this or a less urgent one"},
    ),
    "Silences": _object("silences", silences=_array({"$ref": "#/components/schemas/Silence"})),
    "Silence": _object(
        "id matcher reason owner owner_display start_ms end_ms state ending count ended_ms ended_by ended_by_display",
        id=_TEXT,
        matcher={"$ref": "#/components/schemas/Matcher"},
        reason=_TEXT,
        owner=_TEXT,
        owner_display=_TEXT,
        start_ms=_MS,
        end_ms=_MS,
        state={**_TEXT, "enum": ["active", "expired"]},
        ending={**_BOOLEAN, "description": "it ends within ten minutes"},
        count={**_INTEGER, "description": "alerts it hid, each once"},
        ended_ms=_MS_OR_NULL,
        ended_by=_TEXT_OR_NULL,
        ended_by_display=_TEXT_OR_NULL,
    ),
    "NewSilence": _object(
        "command_id matcher reason for_s",
        command_id={**_TEXT, "description": "chosen by the client; the same again is the same silence"},
        matcher={"$ref": "#/components/schemas/Matcher"},
        reason=_TEXT,
        for_s={**_INTEGER, "minimum": 1, "maximum": 28_800, "description": "seconds, at most one shift"},
    ),
    "SilenceAnswer": _desk_answer("silence_id"),
    **openapi_incidents.SCHEMAS,
    "Handovers": _object("handovers", handovers=_array({"$ref": "#/components/schemas/Handover"})),
    "Handover": _object(
        "id roster roster_vi roster_en shift_start_ms shift_end_ms due_ms missed_ms unsigned_ms outgoing incoming "
        "outgoing_accounts incoming_accounts "
        "state digest addendum notes given taken ended_ms digest_hash",
        **{name: _TEXT for name in ("id", "roster", "roster_vi", "roster_en")},
        **{name: _MS for name in ("shift_start_ms", "shift_end_ms", "due_ms", "missed_ms")},
        unsigned_ms={**_MS_OR_NULL, "description": "since when an alert asks for the signature"},
        ended_ms={**_MS_OR_NULL, "description": "when the end of the shift was noticed"},
        outgoing=_array(_TEXT),
        incoming=_array(_TEXT),
        outgoing_accounts={**_array(_TEXT), "description": "who signs as the outgoing shift; empty: whoever may sign"},
        incoming_accounts={**_array(_TEXT), "description": "who signs as the incoming shift; empty: whoever may sign"},
        state={**_TEXT, "enum": ["draft", "given", "taken", "missed"]},
        digest={
            **_ANY_OBJECT,
            "description": "at_ms, raised, ended, acknowledge_p50_s, counts, items, silences, suppressing, "
            "out_of_service",
        },
        addendum={
            "type": ["object", "null"],
            "description": "what happened after the digest was locked: since_ms, at_ms, raised, ended, counts, items, "
            "suppressing, out_of_service",
        },
        notes=_array(
            _object("at_ms actor actor_display text", at_ms=_MS, actor=_TEXT, actor_display=_TEXT, text=_TEXT)
        ),
        given={"type": ["object", "null"], "description": _SIGNATURE},
        taken={"type": ["object", "null"], "description": _SIGNATURE},
        digest_hash={**_TEXT, "description": "SHA-256 of what the next signature stands for"},
    ),
    "HandoverCommand": _object(
        "command_id op",
        command_id={**_TEXT, "description": "chosen by the client; the same again has the same answer"},
        op={**_TEXT, "enum": ["note", "give", "take"]},
        text={**_TEXT, "default": "", "description": "of a note, at most 500 characters"},
        digest_hash={**_TEXT, "default": "", "description": "that was read, of take"},
        standing_in={
            **_BOOLEAN,
            "default": False,
            "description": "of a signature: who signs is not on the roster of that shift and says why in reason",
        },
        reason={**_TEXT, "default": "", "description": "of standing_in, at most 500 characters"},
    ),
    "HandoverAnswer": _desk_answer("handover_id"),
    "Readiness": _object(
        "ready centres_seen alerts degraded",
        ready=_BOOLEAN,
        centres_seen=_array(_TEXT),
        alerts=_INTEGER,
        degraded=_array(_TEXT),
        lag_s=_NUMBER_OR_NULL,
        canary_age_s={"type": "object", "additionalProperties": {"type": "number"}},
    ),
    "Health": _object("ok", ok=_BOOLEAN),
}


_NO_SESSION: dict[str, Any] = {"security": []}
_HTML = "text/html"


def _paths() -> dict[str, Any]:
    not_built = {"503": {"description": "the pages are not built"}}
    origin = "no Origin header of this installation"
    return {
        "/": {"get": _operation("To the wall", {"307": {"description": "/wall"}}, **_NO_SESSION)},
        "/wall": {"get": _operation("The wall", {"200": _answer("page", media=_HTML)} | not_built, **_NO_SESSION)},
        "/console": {
            "get": _operation("The console", {"200": _answer("page", media=_HTML)} | not_built, **_NO_SESSION)
        },
        "/api/session": {
            "post": _operation(
                "Sign in; sets the session cookie",
                {"200": _answer("signed in", "Signed")}
                | _errors(
                    e400="malformed",
                    e401="bad_credentials",
                    e403=origin,
                    e413="too_large",
                    e415="not JSON",
                    e429="too_many_tries: 5 a minute per account, 20 per address",
                    e503="accounts_unavailable",
                ),
                body="SignIn",
                **_NO_SESSION,
            ),
            "get": _operation(
                "Who is signed in", {"200": _answer("this user", "Signed")} | _errors(e401="nobody", e503="database")
            ),
            "delete": _operation(
                "Sign out", {"204": {"description": "the cookie is gone"}} | _errors(e403=origin), **_NO_SESSION
            ),
        },
        "/api/ticket": {
            "post": _operation(
                "One-time ticket for the websocket; with an open wall also without a session",
                {"200": _answer("a ticket", "Ticket")}
                | _errors(e400="malformed", e401="not_signed_in", e403=origin, e503="accounts_unavailable"),
                body="TicketRequest",
            )
        },
        "/api/profile": {
            "get": _operation(
                "Centres, areas, feeds, sites, targets and rules",
                {"200": _answer("the profile", "Profile"), "304": {"description": "not changed"}}
                | _errors(e401="not_signed_in"),
            )
        },
        "/api/alerts": {
            "get": _operation(
                "Alerts raised in [from_ms, to_ms), newest first, at most 500; and the spans of that time of which "
                "anything was recorded",
                {"200": _answer("alerts and spans", "Alerts")}
                | _errors(e400="bad_range: at most 7 days", e401="not_signed_in", e503="database_unavailable"),
                parameters=[_parameter("from_ms", "query", _MS), _parameter("to_ms", "query", _MS)],
            )
        },
        "/api/alerts/{alert_id}/log": {
            "get": _operation(
                "Everything that happened to one alert, oldest first",
                {"200": _answer("the audit trail", "AlertLog")}
                | _errors(e400="bad_id", e401="not_signed_in", e503="database_unavailable"),
                parameters=[_parameter("alert_id", "path", _TEXT)],
            )
        },
        "/api/series": {
            "get": _operation(
                "Rollups of centre/area/feed/type in [from_ms, to_ms)",
                {"200": _answer("points, oldest first", "Series")}
                | _errors(e400="bad_key or bad_range", e401="not_signed_in", e503="database_unavailable"),
                parameters=[
                    _parameter("key", "query", {**_TEXT, "examples": ["bien-hoa/731/rain/rain.gauge"]}),
                    _parameter("from_ms", "query", _MS),
                    _parameter("to_ms", "query", _MS),
                ],
            )
        },
        "/api/quality": {
            "get": _operation(
                "How many alerts people got in [from_ms, to_ms), how fast they answered, which objects cry wolf; and "
                "what stands now",
                {"200": _answer("figures", "Quality")}
                | _errors(
                    e400="bad_range: at most 7 days, or bad_positions",
                    e401="not_signed_in",
                    e503="database_unavailable",
                ),
                parameters=[
                    _parameter("from_ms", "query", _MS),
                    _parameter("to_ms", "query", _MS),
                    {
                        **_parameter("positions", "query", {**_INTEGER, "minimum": 1, "maximum": 100, "default": 1}),
                        "required": False,
                    },
                ],
            )
        },
        "/api/desk/silences": {
            "get": _operation(
                "Silences: running ones by their end, then those that ended within a day",
                {"200": _answer("silences", "Silences")} | _errors(e401="not_signed_in"),
            ),
            "post": _operation(
                "Begin a silence: nobody is asked about the alerts that it is about",
                {"200": _answer("it runs", "SilenceAnswer")} | _errors(**_SILENCE_ERRORS, e413="too_large"),
                body="NewSilence",
            ),
        },
        "/api/desk/silences/{silence_id}": {
            "delete": _operation(
                "End a silence now",
                {"200": _answer("it is over, or was already", "SilenceAnswer")}
                | _errors(**_SILENCE_ERRORS, e404="not_found"),
                parameters=[_parameter("silence_id", "path", _TEXT), _parameter("command_id", "query", _TEXT)],
            )
        },
        **openapi_incidents.paths(),
        "/api/desk/handovers": {
            "get": _operation(
                "Handovers of shifts, the newest first: the draft of the present shift, and those of three days",
                {"200": _answer("handovers", "Handovers")} | _errors(e401="not_signed_in"),
            )
        },
        "/api/desk/handovers/{handover_id}": {
            "post": _operation(
                "Write a note for the next shift, sign as the outgoing one (give) or as the incoming one (take)",
                {"200": _answer("done, or somebody had signed already", "HandoverAnswer")}
                | _errors(
                    **_SILENCE_ERRORS
                    | {"e409": "refused, stale (another digest_hash than was read), or mismatch of the command_id"},
                    e404="not_found",
                    e413="too_large",
                ),
                body="HandoverCommand",
                parameters=[_parameter("handover_id", "path", _TEXT)],
            )
        },
        "/api/map/{layer}.geojson": {
            "get": _operation(
                "A layer of the official map",
                {"200": _answer("GeoJSON", media="application/geo+json")}
                | _errors(e401="not_signed_in", e404="not_found", e503="map_invalid"),
                parameters=[_parameter("layer", "path", {**_TEXT, "enum": ["districts", "rivers", "places"]})],
            )
        },
        "/api/openapi.json": {"get": _operation("This document", {"200": _answer("OpenAPI 3.1")}, **_NO_SESSION)},
        "/cap/alerts.atom": {
            "get": _operation(
                "The newest CAP message of each alert, of the last two expiry times (RFC 4287)",
                {"200": _answer("Atom", media="application/atom+xml"), "304": {"description": "not changed"}}
                | _errors(
                    e400="bad_exercise",
                    e401="not_signed_in",
                    e404="the profile has no [cap]",
                    e503="database_unavailable",
                ),
                parameters=[
                    {
                        **_parameter("exercise", "query", {**_TEXT, "description": "messages of this drill instead"}),
                        "required": False,
                    }
                ],
            )
        },
        "/cap/{identifier}.xml": {
            "get": _operation(
                "A message of CAP 1.2, as it was published",
                {"200": _answer("CAP", media="application/cap+xml")}
                | _errors(e401="not_signed_in", e404="not_found", e503="database_unavailable"),
                parameters=[_parameter("identifier", "path", _TEXT)],
            )
        },
        "/healthz": {"get": _operation("The process answers", {"200": _answer("yes", "Health")}, **_NO_SESSION)},
        "/readyz": {
            "get": _operation(
                "The picture is complete",
                {"200": _answer("yes", "Readiness"), "503": _answer("not yet", "Readiness")},
                **_NO_SESSION,
            )
        },
        "/metrics": {
            "get": _operation("Figures for Prometheus", {"200": _answer("text", media="text/plain")}, **_NO_SESSION)
        },
    }


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Smart operations centre",
            "version": ioc.__version__,
            "description": "Pages and API of the gateway. The live picture is a websocket: see docs/asyncapi.yaml. "
            "POST and DELETE need an Origin header of this installation.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "ioc_session"}},
        },
        "security": [{"session": []}],
    }


if __name__ == "__main__":  # how docs/openapi.json is made
    print(json.dumps(document(), indent=1, ensure_ascii=False))

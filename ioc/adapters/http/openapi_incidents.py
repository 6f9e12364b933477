"""The part of the OpenAPI document that is about incidents."""

from __future__ import annotations

from typing import Any, get_args

from ioc.adapters.http.openapi_parts import (
    BOOLEAN,
    DESK_ERRORS,
    INTEGER,
    MS,
    MS_OR_NULL,
    NUMBER_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    answered,
    array,
    desk_answer,
    errors,
    object_of,
    operation,
    parameter,
)
from ioc.domain.grouping import TITLE_MAX
from ioc.domain.incident_grouping import MEMBERS_MAX
from ioc.domain.incidents import IncidentOp, LineWord

_PRIORITY: dict[str, Any] = {**INTEGER, "minimum": 1, "maximum": 4}

SCHEMAS: dict[str, Any] = {
    "Incidents": object_of("incidents", incidents=array({"$ref": "#/components/schemas/Incident"})),
    "Incident": object_of(
        "id number group title_vi title_en state priority members opened_ms changed_ms timeline",
        id=TEXT,
        number={**INTEGER, "description": "short name for people, counted up from 1"},
        group={**TEXT, "description": "of incidents.toml; empty: split off by hand"},
        title_vi=TEXT,
        title_en=TEXT,
        state={**TEXT, "enum": ["open", "closed"]},
        priority={**_PRIORITY, "description": "the worst of the members that are open and not hidden, else of all"},
        members=array({"$ref": "#/components/schemas/IncidentMember"}),
        owner={**TEXT_OR_NULL, "description": "who leads it"},
        owner_display=TEXT_OR_NULL,
        owner_since_ms={**MS_OR_NULL, "description": "epoch milliseconds when they took it"},
        opened_ms=MS,
        changed_ms=MS,
        closed_ms=MS_OR_NULL,
        merged_into={**TEXT, "description": "id of the incident that took its members over"},
        timeline=array({"$ref": "#/components/schemas/IncidentLine"}),
        exercise={**TEXT_OR_NULL, "description": "id of the drill"},
    ),
    "IncidentMember": object_of(
        "alert_id key rule centre area priority acked hidden title_vi title_en raised_ms joined_ms",
        **dict.fromkeys(("alert_id", "key", "rule", "centre", "area"), TEXT),
        priority=_PRIORITY,
        acked=BOOLEAN,
        hidden={**BOOLEAN, "description": "shelved, suppressed or out of service"},
        **dict.fromkeys(("title_vi", "title_en", "place_vi", "place_en"), TEXT),
        lon=NUMBER_OR_NULL,
        lat=NUMBER_OR_NULL,
        raised_ms=MS,
        joined_ms=MS,
        left_ms={**MS_OR_NULL, "description": "epoch milliseconds when the alert closed"},
    ),
    "IncidentLine": object_of(
        "at_ms word",
        at_ms=MS,
        word={**TEXT, "enum": list(get_args(LineWord))},
        about={**TEXT, "description": "id of an alert or an incident"},
        text=TEXT,
        actor=TEXT_OR_NULL,
        actor_display=TEXT_OR_NULL,
    ),
    "IncidentCommand": object_of(
        "command_id op",
        command_id={**TEXT, "description": "chosen by the client; the same again has the same answer"},
        op={**TEXT, "enum": list(get_args(IncidentOp))},
        other={**TEXT, "description": "of merge: the incident whose members are taken over"},
        alert_ids={**array(TEXT), "maxItems": MEMBERS_MAX, "description": "of split: members that are open"},
        expected_owner={
            **TEXT_OR_NULL,
            "description": "of take and release: who led it on the sender's screen; empty or left out: nobody",
        },
        expected_title={**TEXT_OR_NULL, "description": "of rename: the title that the sender saw, in either language"},
        text={**TEXT, "description": f"of rename (at most {TITLE_MAX} characters) and note (at most 500)"},
    ),
    "IncidentAnswer": desk_answer("incident_id"),
}


def paths() -> dict[str, Any]:
    """The addresses."""
    return {
        "/api/desk/incidents": {
            "get": operation(
                "Incidents: open ones, the worst and newest first, then those that ended within a day",
                {"200": answered("incidents", "Incidents")} | errors(e401="not_signed_in"),
            )
        },
        "/api/desk/incidents/{incident_id}": {
            "post": operation(
                "Lead an incident, release it, rename it, note something, merge another one into it, split alerts off",
                {"200": answered("done, or it was so already", "IncidentAnswer")}
                | errors(**DESK_ERRORS, e404="not_found", e413="too_large"),
                body="IncidentCommand",
                parameters=[parameter("incident_id", "path", TEXT)],
            )
        },
    }

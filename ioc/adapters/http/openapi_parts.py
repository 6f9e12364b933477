"""The pieces of which the OpenAPI document is written."""

from __future__ import annotations

from typing import Any

_JSON = "application/json"


def object_of(required: str = "", **properties: Any) -> dict[str, Any]:
    """An object; ``required``: names with spaces between."""
    return {"type": "object", "properties": properties, "required": required.split()}


def array(items: Any) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": items}


TEXT: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
BOOLEAN: dict[str, Any] = {"type": "boolean"}
NUMBER_OR_NULL: dict[str, Any] = {"type": ["number", "null"]}
MS: dict[str, Any] = {"type": "integer", "description": "epoch milliseconds"}
ANY_OBJECT: dict[str, Any] = {"type": "object"}

TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
MS_OR_NULL: dict[str, Any] = {"type": ["integer", "null"], "description": "epoch milliseconds"}

DESK_ERRORS = {
    "e400": "malformed or bad_id",
    "e401": "not_signed_in",
    "e403": "no Origin header of this installation, or forbidden: dispatchers and admins only",
    "e409": "refused, with the reason in detail; stale: somebody was faster; mismatch: the command_id was used before",
    "e503": "accounts_unavailable, or busy",
    "e504": "no_answer within 5 s: repeat with the same command_id",
}


def answered(meaning: str, schema: str | None = None, media: str = _JSON) -> dict[str, Any]:
    """An answer with a body of a schema, or of a media type."""
    found: dict[str, Any] = {"description": meaning}
    if schema is not None:
        found["content"] = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    elif media != _JSON:
        found["content"] = {media: {"schema": TEXT}}
    return found


def desk_answer(subject: str) -> dict[str, Any]:
    """What became of a command to the desk; ``subject``: name of the field that says what it was about."""
    return object_of(
        f"{subject} outcome reason at_ms detail",
        **{subject: TEXT},
        outcome={**TEXT, "enum": ["DONE", "ALREADY"]},
        reason=TEXT,
        at_ms=MS,
        detail={**TEXT, "description": "what the log says of it; of split and merge: into=, where the alerts are now"},
        by={**TEXT_OR_NULL, "description": "who had done it already"},
        by_display=TEXT_OR_NULL,
        by_at_ms=MS_OR_NULL,
    )


def errors(**meanings: str) -> dict[str, Any]:
    """Answers that are errors, by ``e`` and status."""
    return {status.removeprefix("e"): answered(meaning, "Error") for status, meaning in meanings.items()}


def operation(summary: str, answers: dict[str, Any], *, body: str | None = None, **more: Any) -> dict[str, Any]:
    """What a method of an address does."""
    found: dict[str, Any] = {"summary": summary, "responses": answers, **more}
    if body is not None:
        found["requestBody"] = {"content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{body}"}}}}
    return found


def parameter(name: str, where: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that has to be there."""
    return {"name": name, "in": where, "required": True, "schema": schema}

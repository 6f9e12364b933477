"""The pieces of an NGSI-LD entity in normalised form."""

from __future__ import annotations

from typing import Any

from ioc.domain.times import rfc3339


def property_of(value: object, unit: str = "") -> dict[str, Any] | None:
    """A property, with the UN/CEFACT code of its unit where one is given; None for an absent value."""
    if value is None:
        return None
    made: dict[str, Any] = {"type": "Property", "value": value}
    return made | {"unitCode": unit} if unit else made


def moment(ms: int) -> dict[str, Any]:
    """A property that holds an instant."""
    return {"type": "Property", "value": {"@type": "DateTime", "@value": rfc3339(ms)}}

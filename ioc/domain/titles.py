"""Short titles of alerts in Vietnamese and English, filled from templates of the rules.

A template is plain text with ``{name}`` places; see :data:`NAMES`. A name that has no value becomes ``?``: a title
never fails, a missing piece shows. ``problems`` finds wrong names when rules are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

Language = Literal["vi", "en"]
Fill = str | int | float | bool | None

NAMES = frozenset(
    {"value", "limit", "level", "unit", "site", "feed", "area", "centre", "count", "since", "relation", "band"}
    | {"measured", "goal"}
)
"""Names that every template may use: the number and its limit; the level's name; unit; names of the place; how many
events; local time of the start, HH:MM:SS; where the value is: ``trên``/``above`` the limit, ``sát``/``near`` it (inside
the deadband), ``đã dưới``/``now below`` it (the off-delay runs); the word of the air quality band; the field as it was
measured, where the value is made of it (rate, ratio, anomaly, n of m); the indicator's target (ratio)."""

_PLACE = re.compile(r"\{(\w+)\}")


def number(value: float, decimals: int, language: Language) -> str:
    """A number with fixed decimals; Vietnamese writes a decimal comma."""
    text = f"{value:.{decimals}f}"
    if text.startswith("-") and not any(c in "123456789" for c in text):
        text = text[1:]
    return text.replace(".", ",") if language == "vi" else text


def fill(template: str, fields: Mapping[str, Fill], decimals: int, language: Language) -> str:
    """The template with its places filled. Whole numbers stay whole, others get ``decimals`` decimals."""

    def word(found: re.Match[str]) -> str:
        value = fields.get(found[1])
        if value is None:
            return "?"
        if isinstance(value, float):
            return number(value, decimals, language)
        return str(value)

    return _PLACE.sub(word, template)


def names_in(*templates: str) -> frozenset[str]:
    """Names that the templates use."""
    return frozenset(name for template in templates for name in _PLACE.findall(template))


def problems(templates: Iterable[str], payload_fields: Iterable[str]) -> list[str]:
    """One sentence per name that neither every template nor the payload has."""
    known = NAMES | frozenset(payload_fields)
    return [
        f"the title {template!r} uses {{{name}}}, which neither the rule nor the payload has"
        for template in templates
        for name in sorted(names_in(template) - known)
    ]

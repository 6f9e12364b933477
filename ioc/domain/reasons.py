"""Why an input was refused: the closed list of reason codes, one sentence each.

A dead letter carries one of these codes, the path inside the input and a detail. ``docs/dead-letters.md`` is
made from this table and a test keeps both equal. Adding a reason means adding a line here.
"""

from __future__ import annotations

REASONS: dict[str, str] = {
    # The bytes
    "malformed": "The bytes are not one complete document of the centre's format, or start with a byte order mark.",
    "encoding": "The text is not valid UTF-8, or holds half of a surrogate pair.",
    "too_big": "The record is larger than the format of its centre allows.",
    "too_deep": "Objects and lists are nested deeper than 16 levels.",
    "not_object": "The document is a list, a text or a number instead of an object.",
    "duplicate_key": "A key occurs twice in one object; readers would disagree about which one counts.",
    "not_finite": "A number is NaN, infinite or too large for a double.",
    # The record against the centre's table
    "unknown_type": "No record kind of the centre's format matches.",
    "unsupported_version": "The sender names a version of its format that is not known here.",
    "centre_mismatch": "The record names another centre than the topic it came through.",
    "unknown_source": "The registry holds no such site for this centre, feed and date.",
    "unknown_place": "No area of that code, name or alias lies in the area of the site, or more than one does.",
    "schema": "A field is missing, empty or of the wrong type; a required text with nothing to see is empty.",
    "enum": "A code is not in the list of allowed codes; letter case counts.",
    "unit": "The record gives a value in a unit that the format does not name.",
    "id": "An identifier is not made of 1 to 128 plain ASCII letters, digits and . _ : ~ + -.",
    # The values
    "range": "A number lies outside what is physically plausible or exactly representable.",
    "geo": "The position is outside the territory, incomplete, or has longitude and latitude swapped.",
    "time": "The time cannot be read, or has no zone where one is needed.",
    "future": "The event would happen more than 120 s after it was received.",
    "ancient": "The event happened more than 24 h before it was received, and is not part of a drill.",
    "too_long": "A text is longer than its field allows; nothing is cut silently.",
    "control_char": "A text holds control characters.",
    "combining": "A letter carries more than 8 combining marks.",
    # The record against what came before
    "id_conflict": "The same id came before with another content; the first one stays.",
    # Our own fault
    "internal": "The software failed on this record; the detail names the kind of failure.",
}

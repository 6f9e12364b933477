"""How grave, how urgent and how sure, in the words of the Common Alerting Protocol (CAP 1.2 of OASIS).

A rule says it once and a level may say some of it otherwise. Every alert carries the four values, so that a bridge
can hand it on to other systems without knowing the rules. The code lists are those of CAP 1.2, chapter 3.2.2; a word
that is not in them is a mistake of the rule file.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Category = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"
]
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]


class GivenCap(Struct, frozen=True, kw_only=True):
    """What a rule or a level says; what it leaves out is the rule's, then ``Other`` and ``Unknown``."""

    category: tuple[Category, ...] = ()
    urgency: Urgency | None = None
    severity: Severity | None = None
    certainty: Certainty | None = None


class Cap(Struct, frozen=True, kw_only=True):
    """The values of one alert; at least one category."""

    category: tuple[Category, ...] = ("Other",)
    urgency: Urgency = "Unknown"
    severity: Severity = "Unknown"
    certainty: Certainty = "Unknown"


def merged(rule: GivenCap, level: GivenCap | None) -> Cap:
    """The values of a rule at one of its levels; None: a rule without levels."""
    own = level or GivenCap()
    return Cap(
        category=own.category or rule.category or ("Other",),
        urgency=own.urgency or rule.urgency or "Unknown",
        severity=own.severity or rule.severity or "Unknown",
        certainty=own.certainty or rule.certainty or "Unknown",
    )

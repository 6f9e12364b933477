"""What the desk tells alerting beforehand, so that an alert under it is hidden from its first moment on.

Told are changes; everything at the start, after a reload or a time in which the desk stood still, and every ten
minutes, so that what one side lost comes back.
"""

from __future__ import annotations

from collections.abc import Iterable

from ioc.domain.covers import COVERS_MAX, Cover, CoverSaid
from ioc.domain.desk import Explanation
from ioc.domain.inhibition import Group
from ioc.domain.planned import Opening
from ioc.domain.suppression import Inhibit

AGAIN_MS = 600_000
PAUSE_MS = 60_000  # between two calls: alerting may have given the desk up
_BY_ALERT = "inhibit|"  # covers of inhibition rules; the others are made by people and plans


class CoverTeller:
    """What was told, and so what has to be told next."""

    def __init__(self) -> None:
        self._told: dict[str, Cover] = {}
        self._told_ms: int | None = None  # None: begin anew
        self._called_ms = 0

    def begin_anew(self) -> None:
        """Other rules: alerting is to forget all, and hears what is there."""
        self._told_ms = None

    def tell(self, people: Iterable[Cover], groups: dict[str, Cover | None], now_ms: int) -> list[CoverSaid]:
        """What alerting has to hear.

        Args:
            people: silences and windows, all that are there now.
            groups: of inhibition rules, those that changed since the last call; after :meth:`begin_anew` all.
            now_ms: present.
        """
        said: list[CoverSaid] = []
        stood = not 0 <= now_ms - self._called_ms < PAUSE_MS
        self._called_ms = now_ms
        if self._told_ms is None:
            self._told, self._told_ms = {}, now_ms
            said.append(CoverSaid())
        elif stood or not 0 <= now_ms - self._told_ms < AGAIN_MS:
            self._told_ms = now_ms
            said += [CoverSaid(id=name, cover=cover) for name, cover in self._told.items()]
        wanted: dict[str, Cover | None] = {name: None for name in self._told if not name.startswith(_BY_ALERT)}
        wanted |= {cover.id: cover for cover in people}
        for name, cover in sorted((wanted | groups).items()):
            before = self._told.get(name)
            if before == cover or (before is None and len(self._told) >= COVERS_MAX):
                continue
            if cover is None:
                del self._told[name]
            else:
                self._told[name] = cover
            said.append(CoverSaid(id=name, cover=cover))
        return said


def of_groups(changed: Iterable[tuple[Inhibit, Group, str, str]]) -> dict[str, Cover | None]:
    """The covers of what :meth:`ioc.domain.inhibition.Inhibitions.take_changed` gives, by id; None: none any more."""
    found: dict[str, Cover | None] = {}
    for rule, (_, exercise, values), by, both_by in changed:
        name = _BY_ALERT + "|".join((rule.id, exercise, *values))
        why = Explanation(kind="alert", id=by, why_vi=rule.why_vi, why_en=rule.why_en)
        found[name] = None if not by else Cover(
            id=name, explanation=why, target=rule.target, exercise=exercise,
            equal=tuple(zip(rule.equal, values, strict=True)), source=rule.source, both_by=both_by,
        )  # fmt: skip
    return found


def of_windows(openings: Iterable[Opening]) -> list[Cover]:
    """The covers of planned windows that are open."""
    return [
        Cover(id=f"window|{one.window.id}", explanation=explained_by(one), target=one.window.target) for one in openings
    ]


def explained_by(opening: Opening) -> Explanation:
    """What an alert says that the window hides."""
    window = opening.window
    return Explanation(
        kind="window", id=window.id, until_ms=opening.until_ms, why_vi=window.why_vi, why_en=window.why_en
    )

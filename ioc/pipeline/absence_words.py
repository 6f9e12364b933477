"""From what an absence rule says of a feed or site to the signal that people will read; live and in drills."""

from __future__ import annotations

from msgspec import Struct

from ioc.domain import absence
from ioc.domain.absence import AbsenceState
from ioc.domain.alerts import Signal, alert_key
from ioc.domain.cap import merged
from ioc.domain.directory import Directory
from ioc.domain.profile import Rule
from ioc.domain.titles import Fill, Language, fill
from ioc.domain.verdicts import Reason, Verdict


class Lost(Struct, frozen=True):
    """What an absence rule speaks of: a feed, or a ``site`` of it; in a drill, with its id."""

    centre: str
    feed: str
    site: str = ""
    exercise: str | None = None


def absence_signal(directory: Directory, rule: Rule, lost: Lost, state: AbsenceState, verdict: Verdict) -> Signal:
    """Put a verdict into words.

    Args:
        directory: of a profile that has the centre and the feed.
        rule: the absence rule.
        lost: what it speaks of.
        state: its memory, with the revision of this signal.
        verdict: what the rule says.

    Raises:
        KeyError: the profile has no such centre or feed.
    """
    centre, feed = directory.centre(lost.centre), directory.feed(lost.centre, lost.feed)
    if centre is None or feed is None:
        raise KeyError(f"{lost.centre}/{lost.feed}")
    site = directory.site(lost.centre, lost.site, verdict.observed_ms) if lost.site else None
    areas = sorted(state.parts)
    area_code = site.area if site is not None else areas[0] if len(areas) == 1 else ""
    area = directory.area(area_code)
    title: dict[Language, str] = {}
    place: dict[Language, str] = {}
    for language in ("vi", "en"):
        vi = language == "vi"
        centre_name, feed_name = (centre.name_vi, feed.name_vi) if vi else (centre.name_en, feed.name_en)
        site_name = (site.name_vi if vi else site.name_en) if site is not None else ""
        area_name = (area.name_vi if vi else area.name_en) if area is not None else ""
        fields: dict[str, Fill] = {
            "limit": verdict.limit,
            "unit": rule.unit,
            "site": site_name or feed_name,
            "feed": feed_name,
            "area": area_name or centre_name,
            "centre": centre_name,
            "since": directory.clock_time(verdict.since_ms),
        }
        title[language] = fill(rule.title_vi if vi else rule.title_en, fields, rule.decimals, language)
        place[language] = directory.place(area_code, site, language) if site is not None else centre_name
    spot = site if site is not None and site.lon is not None else area
    return Signal(
        key=alert_key(rule.id, lost.centre, lost.site or lost.feed),
        rule=rule.id,
        state=verdict.state,
        centre=lost.centre,
        area=area_code,
        site=lost.site,
        feed=lost.feed,
        type=rule.type if rule.type != absence.ANY_TYPE else "",
        priority=verdict.priority,
        since_ms=verdict.since_ms,
        observed_ms=verdict.observed_ms,
        revision=state.revision,
        limit=verdict.limit,
        unit=rule.unit,
        title_vi=title["vi"],
        title_en=title["en"],
        place_vi=place["vi"],
        place_en=place["en"],
        lon=spot.lon if spot is not None else None,
        lat=spot.lat if spot is not None else None,
        reason=verdict.reason,
        exercise=lost.exercise,
        cap=merged(rule.cap, None),
        muted_by=state.muted_by,
    )


def absence_ended(rule: str, lost: Lost, state: AbsenceState, at_ms: int, reason: Reason) -> Signal | None:
    """The ``off`` of an episode that ends with its rule, site or drill; None when none runs. Raises the revision.

    The words of the alert stay as they were: an ``off`` does not change them.
    """
    if not state.on:
        return None
    state.on, state.muted_by = False, ""
    state.revision += 1
    return Signal(
        key=alert_key(rule, lost.centre, lost.site or lost.feed),
        rule=rule,
        state="off",
        centre=lost.centre,
        area="",
        site=lost.site,
        feed=lost.feed,
        type="",
        priority=4,
        since_ms=state.since_ms,
        observed_ms=max(at_ms, state.since_ms),
        revision=state.revision,
        reason=reason,
        exercise=lost.exercise,
    )

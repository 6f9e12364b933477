"""From a verdict about an object to the signal that people will read."""

from __future__ import annotations

from msgspec import Struct, field

from ioc.domain.absence import Part
from ioc.domain.alerts import Signal, alert_key
from ioc.domain.aqi import History, band
from ioc.domain.baseline import Hour
from ioc.domain.cap import merged
from ioc.domain.counting import CountState
from ioc.domain.directory import Directory
from ioc.domain.occurrence import OccurrenceState
from ioc.domain.profile import Rule
from ioc.domain.readings import RATIO_MAX, Readings
from ioc.domain.refused import RefusedState
from ioc.domain.rules import payload_fields
from ioc.domain.silence import SilenceState
from ioc.domain.threshold import ThresholdState
from ioc.domain.titles import NAMES, Fill, Language, fill, names_in
from ioc.domain.verdicts import Verdict


class Watched(Struct, kw_only=True):
    """One object under one rule, as it is kept in the checkpoint: who it is, what was last seen, how it stands."""

    rule: str
    centre: str
    object: str
    exercise: str | None = None
    area: str = ""
    feed: str = ""
    site: str = ""
    lon: float | None = None
    lat: float | None = None
    event_id: str = ""
    words: dict[str, Fill] = field(default_factory=dict)  # payload fields that the titles use
    revision: int = 0
    machine: ThresholdState | OccurrenceState | SilenceState | CountState | Part | RefusedState
    history: History | None = None  # VN_AQI: particle means of the last hours
    memory: Readings | Hour | None = None  # rate, sum, share, n of m: the last readings; anomaly: the hour that runs

    @property
    def key(self) -> str:
        """State key: the alert key, and the drill at the end."""
        return watched_key(self.rule, self.centre, self.object, self.exercise)


def watched_key(rule: str, centre: str, obj: str, exercise: str | None) -> str:
    """``rule|centre|object``, in a drill ``rule|centre|object|drill``."""
    key = alert_key(rule, centre, obj)
    return f"{key}|{exercise}" if exercise else key


def title_fields(rule: Rule) -> tuple[str, ...]:
    """Payload fields that the rule's titles use."""
    templates = [rule.title_vi, rule.title_en, *(t for lv in rule.levels for t in (lv.title_vi, lv.title_en))]
    return tuple(sorted((names_in(*templates) - NAMES) & payload_fields(rule.type)))


def signal(directory: Directory, rule: Rule, watched: Watched, verdict: Verdict) -> Signal:
    """Put a verdict into words; raises the revision of the object."""
    watched.revision += 1
    site = directory.site(watched.centre, watched.site, verdict.observed_ms) if watched.site else None
    lon, lat = watched.lon, watched.lat
    if (lon is None or lat is None) and site is not None:
        lon, lat = site.lon, site.lat
    if (lon is None or lat is None) and (area := directory.area(watched.area)) is not None:
        lon, lat = area.lon, area.lat
    centre = directory.centre(watched.centre)
    centre_vi, centre_en = (centre.name_vi, centre.name_en) if centre else (watched.centre, watched.centre)
    place_vi, place_en = directory.place(watched.area, site, "vi"), directory.place(watched.area, site, "en")
    if rule.kind in ("silence", "refused"):
        place_vi, place_en = centre_vi, centre_en
    return Signal(
        key=alert_key(watched.rule, watched.centre, watched.object),
        rule=rule.id,
        state=verdict.state,
        centre=watched.centre,
        area=watched.area,
        site=watched.site,
        feed=watched.feed,
        type=rule.type,
        priority=verdict.priority,
        level=verdict.level,
        since_ms=verdict.since_ms,
        observed_ms=verdict.observed_ms,
        revision=watched.revision,
        value=verdict.value,
        limit=verdict.limit,
        unit=rule.unit,
        title_vi=_title(directory, rule, watched, verdict, "vi", centre_vi),
        title_en=_title(directory, rule, watched, verdict, "en", centre_en),
        place_vi=place_vi or centre_vi,
        place_en=place_en or centre_en,
        lon=lon,
        lat=lat,
        reason=verdict.reason,
        event_id=watched.event_id,
        count=verdict.count,
        exercise=watched.exercise,
        cap=merged(rule.cap, next((level.cap for level in rule.levels if level.name == verdict.level), None)),
    )


def _title(
    directory: Directory, rule: Rule, watched: Watched, verdict: Verdict, language: Language, centre: str
) -> str:
    vietnamese = language == "vi"
    template = rule.title_vi if vietnamese else rule.title_en
    for level in rule.levels:
        if level.name == verdict.level:
            template = (level.title_vi if vietnamese else level.title_en) or template
    words = rule.words_vi if vietnamese else rule.words_en
    site = directory.site(watched.centre, watched.site, verdict.observed_ms) if watched.site else None
    area = directory.area(watched.area)
    fields: dict[str, Fill] = {
        name: words.get(value, value) if isinstance(value, str) else value for name, value in watched.words.items()
    }
    fields |= {
        "value": verdict.value,
        "limit": verdict.limit,
        "level": verdict.level,
        "unit": rule.unit,
        "site": (site.name_vi if vietnamese else site.name_en) if site else watched.site,
        "area": (area.name_vi if vietnamese else area.name_en) if area else watched.area,
        "centre": centre,
        "count": verdict.count,
        "since": directory.clock_time(verdict.since_ms),
        "relation": _relation(rule, verdict, language),
    }
    if rule.kind == "aqi" and verdict.value is not None:
        found = band(min(500, int(verdict.value)))
        fields["band"] = found.name_vi if vietnamese else found.name_en
    if rule.kind == "ratio" and verdict.value == RATIO_MAX:
        fields["value"] = f"≥ {RATIO_MAX:.0f}"
    return fill(template, fields, rule.decimals, language)


def _relation(rule: Rule, verdict: Verdict, language: Language) -> str:
    """Beyond the limit, inside the deadband, or back inside while the off-delay runs."""
    if verdict.value is None or verdict.limit is None:
        return ""
    above = rule.direction == "above"
    beyond_by = verdict.value - verdict.limit if above else verdict.limit - verdict.value
    own = next((level.deadband for level in rule.levels if level.name == verdict.level), None)
    if beyond_by >= 0:
        vi, en = ("trên", "above") if above else ("dưới", "below")
    elif -beyond_by <= (rule.deadband if own is None else own) + 1e-9:
        vi, en = "sát", "near"
    else:
        vi, en = ("đã dưới", "now below") if above else ("đã trên", "now above")
    return vi if language == "vi" else en

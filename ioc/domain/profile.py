"""A profile as values: centres, areas, feeds, sites, rules and targets, each with validity dates.

Loaded from TOML files by :mod:`ioc.adapters.profiles`; nothing in code names a province, a city or a threshold.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from ioc.domain.cap import GivenCap


class Validity(Struct, frozen=True, kw_only=True):
    """From when (inclusive) to when (exclusive) an entry holds; local dates ``YYYY-MM-DD``, None is open."""

    valid_from: str | None = None
    valid_to: str | None = None


class Area(Validity, frozen=True, kw_only=True):
    """An administrative unit. ``code`` is the state's unit code, ``successors`` the codes that replaced it."""

    code: str
    name_vi: str
    name_en: str
    kind: str
    parent: str | None = None
    aliases: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    lon: float | None = None
    lat: float | None = None


class Feed(Struct, frozen=True, kw_only=True):
    """One stream of a centre. Periods in seconds; lateness allowed before a window is final in ``grace_s``.

    A ``sporadic`` feed reports what happens and not by the clock: it is never slow, silent or out of service, and
    nothing can be missing from it. ``sporadic_types`` are such types inside a feed that does report by the clock.
    ``sequence_types`` are types whose messages each site numbers without holes (see :mod:`ioc.pipeline.sequences`).
    """

    id: str
    name_vi: str
    name_en: str
    types: tuple[str, ...]
    expected_period_s: float  # of one site
    silent_after_s: float
    grace_s: float = 60.0
    dead_after_s: float = 86_400.0  # silent for a day: not a bad link, it is out of service
    sporadic: bool = False
    sporadic_types: tuple[str, ...] = ()
    sequence_types: tuple[str, ...] = ()
    short_vi: str = ""  # at most 16 characters, for places where the name does not fit
    short_en: str = ""


class Site(Validity, frozen=True, kw_only=True):
    """A place that reports: sensor, junction, hotline, portal. ``limits`` holds its own thresholds by name."""

    id: str
    feed: str
    area: str
    name_vi: str
    name_en: str
    lon: float | None = None
    lat: float | None = None
    native_id: str = ""
    limits: dict[str, float] = msgspec.field(default_factory=dict)
    note: str = ""
    short_vi: str = ""  # at most 16 characters, for places where the name does not fit
    short_en: str = ""


class Canary(Struct, frozen=True, kw_only=True):
    """How the canary (see :mod:`ioc.domain.canary`) is written in a centre's own format.

    ``record`` is a heartbeat of the drill ``canary``, with ``$id``, ``$time`` (RFC 3339, UTC), ``$epoch_ms`` and
    ``$seq`` for what differs from one to the next; ``key`` is the Kafka key.
    """

    key: str
    record: str


class Centre(Validity, frozen=True, kw_only=True):
    """A source centre: its feeds, its sites, and the table that maps its native format."""

    id: str
    name_vi: str
    name_en: str
    kind: Literal["city", "province", "department"]
    simulated: bool
    areas: tuple[str, ...]
    feeds: tuple[Feed, ...]
    sites: tuple[Site, ...]
    format: dict[str, Any]  # declarative mapping, interpreted by ioc.pipeline.mapping
    canary: Canary | None = None


class Level(Struct, frozen=True, kw_only=True):
    """One step of a threshold rule: at or beyond ``limit`` (or the site's limit of that name) the priority holds."""

    name: str
    priority: Literal[1, 2, 3, 4]
    limit: float | None = None
    limit_from: str | None = None  # name in Site.limits; a site without it simply has no such level
    field: str | None = None  # payload field of this level when it is not the rule's
    deadband: float | None = None  # of this level when it is not the rule's, in the field's unit
    match: dict[str, Any] = msgspec.field(default_factory=dict)  # occurrence: which events have this priority
    escalate_after_s: float = 0.0  # held this long, by readings: one priority higher; 0 never
    title_vi: str = ""  # of this level when it is not the rule's
    title_en: str = ""
    cap: GivenCap = GivenCap()  # values of CAP 1.2 that are not the rule's


Kind = Literal[
    "threshold", "aqi", "rate", "n_of_m", "ratio", "anomaly", "occurrence", "count", "silence", "combination"
]


class Hours(Struct, frozen=True, kw_only=True):
    """When a rule may raise: days of the week and local times of the profile's zone, the end not included.

    An ``end`` not later than ``start`` is on the next day, and belongs to the day on which it started. ``00:00`` to
    ``24:00`` is the whole day. Holidays are the dates that the profile lists.
    """

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        *("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    )
    start: str = "00:00"
    end: str = "24:00"
    holidays: Literal["ignore", "skip", "only"] = "ignore"


class Member(Struct, frozen=True, kw_only=True):
    """One condition of a combination: so many objects of another rule that are on."""

    rule: str
    objects: int = 1  # different objects of the rule that must be on within the scope
    priority: Literal[1, 2, 3, 4] = 4  # count only objects of this priority or a higher one


class Rule(Struct, frozen=True, kw_only=True):
    """One alert rule as data; ``docs/alerts.md`` has an example of each kind.

    On a number, with levels, deadband and delays: ``threshold`` (the field itself), ``aqi`` (VN_AQI of the payload),
    ``rate`` (change of the field over ``span_s``), ``n_of_m`` (the field beyond the limit in ``n`` of the last ``of``
    readings), ``ratio`` (per cent of the indicator's target), ``anomaly`` (deviations from the usual of this hour of
    the week). On happenings: ``occurrence`` (each matching event raises, the alert clears ``hold_s`` after the last),
    ``count`` (so many matching events within ``within_s``). ``silence``: nothing from the centre for ``after_s``.
    ``combination``: several other rules on at once within a scope.
    """

    id: str
    kind: Kind
    type: str
    group: str  # row of the wall's matrix, one of ioc.domain.rules.GROUPS
    name_vi: str
    name_en: str
    title_vi: str  # may use the names of ioc.domain.titles and payload fields
    title_en: str
    field: str = ""
    direction: Literal["above", "below"] = "above"
    levels: tuple[Level, ...] = ()
    priority: Literal[1, 2, 3, 4] = 3
    unit: str = ""
    deadband: float = 0.0
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    max_gap_s: float = 300.0
    hold_s: float = 0.0
    after_s: float = 0.0
    match: dict[str, Any] = msgspec.field(default_factory=dict)  # payload field → value, list of values, {min, max}
    inclusive: bool = True  # a value exactly at the limit counts as beyond it
    decimals: int = 2  # of {value} and {limit} in titles
    object: tuple[str, ...] = ()  # occurrence, count: payload fields, or "area", that tell objects apart
    sites: tuple[str, ...] = ()  # only these sites; empty: every site that sends the type
    schedule: tuple[Hours, ...] = ()  # when it may raise; empty: always. What is on stays until it is over
    span_s: float = 0.0  # rate: how far back the earlier reading lies
    per_s: float = 3600.0  # rate: the change is given per this long; 3600 is per hour
    n: int = 0  # n_of_m
    of: int = 0  # n_of_m
    within_s: float = 0.0  # count: the sliding window; n_of_m: readings older than this do not count, 0 is no limit
    scope: Literal["site", "area", "centre", "all"] = "site"  # count: site or area; combination: area, centre or all
    weeks_min: int = 3  # anomaly: so often must this hour of the week have been seen
    deviation_min: float = 0.0  # anomaly: the usual deviation counts as at least this, in the field's unit
    members: tuple[Member, ...] = ()  # combination
    home: str = ""  # combination with scope "all": the centre under whose name the alert stands
    words_vi: dict[str, str] = msgspec.field(default_factory=dict)  # coded payload text → words for titles
    words_en: dict[str, str] = msgspec.field(default_factory=dict)
    guidance_vi: str = ""
    guidance_en: str = ""
    cap: GivenCap = GivenCap()  # category, urgency, severity and certainty of CAP 1.2


class WindowSpec(Struct, frozen=True, kw_only=True):
    """A rollup beside the one-minute one: of a type, or of one feed id only, tumbling or sliding by ``hop_s``."""

    type: str
    size_s: int  # 10 s to 24 h
    hop_s: int = 0  # 0: tumbling; else a whole fraction of the size
    feed: str = ""
    quantiles: tuple[float, ...] = ()  # of the type's measure, each between 0 and 1
    distinct: str = ""  # payload field, or "site", whose different values are counted


class Target(Struct, frozen=True, kw_only=True):
    """One line of the board of the three pillars; ``target`` None says that none was set."""

    indicator: str
    pillar: Literal["government", "economy", "society"]
    name_vi: str
    name_en: str
    unit: str
    better: Literal["higher", "lower"]
    target: float | None = None
    base: float | None = None
    scale_max: float = 100.0
    note_vi: str = ""
    note_en: str = ""
    short_vi: str = ""  # at most 16 characters, for places where the name does not fit
    short_en: str = ""


class Profile(Struct, frozen=True, kw_only=True):
    """Everything an installation is about."""

    id: str
    name_vi: str
    name_en: str
    title_vi: str
    title_en: str
    timezone: str
    geo_box: tuple[float, float, float, float] | None = None  # west, south, east, north of plausible positions
    areas: tuple[Area, ...]
    centres: tuple[Centre, ...]
    rules: tuple[Rule, ...]
    targets: tuple[Target, ...]
    holidays: tuple[str, ...] = ()  # local dates YYYY-MM-DD
    windows: tuple[WindowSpec, ...] = ()  # rollups beside the one of a minute

    @property
    def centre_ids(self) -> tuple[str, ...]:
        """Ids in the order of the files."""
        return tuple(c.id for c in self.centres)

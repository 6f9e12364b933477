"""A profile as values: centres, areas, feeds, sites, rules and targets, each with validity dates.

Loaded from TOML files by :mod:`ioc.adapters.profiles`; nothing in code names a province, a city or a threshold.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from ioc.domain.cap import GivenCap
from ioc.domain.dispatch import Dispatch
from ioc.domain.duty import Duty
from ioc.domain.grouping import Grouping
from ioc.domain.schedule import Hours as Hours
from ioc.domain.suppression import Suppression


class Validity(Struct, frozen=True, kw_only=True):
    """From when (inclusive) to when (exclusive) an entry holds; local dates ``YYYY-MM-DD``, None is open."""

    valid_from: str | None = None
    valid_to: str | None = None


class Area(Validity, frozen=True, kw_only=True):
    """An administrative unit. ``code`` is the state's unit code, ``successors`` the codes that replaced it.

    Its shape, for messages to others: ``polygon`` is a ring of (longitude, latitude) whose last position is the first;
    ``radius_km`` makes a circle around ``lon`` and ``lat`` where there is no ring.
    """

    code: str
    name_vi: str
    name_en: str
    kind: str
    parent: str | None = None
    aliases: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    lon: float | None = None
    lat: float | None = None
    radius_km: float | None = None
    polygon: tuple[tuple[float, float], ...] = ()


class Feed(Struct, frozen=True, kw_only=True):
    """One stream of a centre. Periods in seconds; lateness allowed before a window is final in ``grace_s``.

    A reading waits ``order_s`` (at most ``grace_s``) for its neighbours before the rules judge it, so that neighbours
    that swap places within that time make no difference to alerts, which come so much later.

    A ``sporadic`` feed reports what happens and not by the clock: it is never slow, silent or out of service, and
    nothing can be missing from it. ``sporadic_types`` are such types inside a feed that does report by the clock.
    ``sequence_types`` are types whose messages each site numbers without holes (see :mod:`ioc.pipeline.sequences`);
    a used id under a new number is another event then.
    """

    id: str
    name_vi: str
    name_en: str
    types: tuple[str, ...]
    expected_period_s: float  # of one site
    silent_after_s: float
    grace_s: float = 60.0
    order_s: float = 2.0
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
    within_s: float = 0.0  # sum: the window that is added up; 0: the reading itself
    title_vi: str = ""  # of this level when it is not the rule's
    title_en: str = ""
    cap: GivenCap = GivenCap()  # values of CAP 1.2 that are not the rule's


Kind = Literal[
    "threshold", "aqi", "rate", "sum", "n_of_m", "ratio", "share", "anomaly",
    "occurrence", "count", "silence", "absence", "combination", "refused",
]  # fmt: skip


class Member(Struct, frozen=True, kw_only=True):
    """One condition of a combination: so many objects of another rule that are on."""

    rule: str
    objects: int = 1  # different objects of the rule that must be on within the scope
    priority: Literal[1, 2, 3, 4] = 4  # count only objects of this priority or a higher one
    near_m: float = 0.0  # they must be neighbours: sites at most so far apart, or linked by such; 0: wherever they are


class ChecklistStep(Struct, frozen=True, kw_only=True):
    """One thing to be done about an alert of a rule, ticked off by a dispatcher."""

    id: str
    text_vi: str
    text_en: str


class Rule(Struct, frozen=True, kw_only=True):
    """One alert rule as data; ``docs/alerts.md`` has an example of each kind.

    On a number, with levels, deadband and delays: ``threshold`` (the field itself), ``aqi`` (VN_AQI of the payload),
    ``rate`` (change of the field over ``span_s``), ``sum`` (what came within ``within_s`` of each level, made of a
    field that says what came in the last ``covers_s``), ``n_of_m`` (the field beyond the limit in ``n`` of the last
    ``of`` readings), ``ratio`` (per cent of the indicator's target), ``share`` (per cent of the events within
    ``within_s`` that match ``part``, of those that match ``part`` or ``match``), ``anomaly`` (deviations from the usual
    of this hour of the week). On happenings: ``occurrence`` (each matching event raises, the alert clears ``hold_s``
    after the last), ``count`` (so many matching events within ``within_s``). ``silence``: nothing from the centre for
    ``after_s``. ``absence``: nothing from a feed, or from a site, of a centre that is heard itself.
    ``combination``: several other rules on at once within a scope. ``refused``: ``n`` records of a centre within
    ``within_s`` that were refused for one of ``codes``; it clears ``hold_s`` after the last.
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
    n: int = 0  # n_of_m; refused: so many
    of: int = 0  # n_of_m
    covers_s: float = 0.0  # sum: how long before it a reading of the field covers
    # count, share: the sliding window; n_of_m, refused: what is older than this does not count, 0 is no limit
    within_s: float = 0.0
    part: dict[str, Any] = msgspec.field(default_factory=dict)  # share: like match, the events whose share it is
    count_min: int = 1  # share: of fewer events nothing is said
    # count: site or area; absence: site or feed; combination: area, centre or all
    scope: Literal["site", "feed", "area", "centre", "all"] = "site"
    feeds: tuple[str, ...] = ()  # absence: ids of feeds; empty: every feed that reports by the clock
    weeks_min: int = 3  # anomaly: so often must this hour of the week have been seen
    deviation_min: float = 0.0  # anomaly: the usual deviation counts as at least this, in the field's unit
    members: tuple[Member, ...] = ()  # combination
    codes: tuple[str, ...] = ()  # refused: reason codes of dead letters
    home: str = ""  # combination with scope "all": the centre under whose name the alert stands
    words_vi: dict[str, str] = msgspec.field(default_factory=dict)  # coded payload text → words for titles
    words_en: dict[str, str] = msgspec.field(default_factory=dict)
    guidance_vi: str = ""
    guidance_en: str = ""
    cap: GivenCap = GivenCap()  # category, urgency, severity and certainty of CAP 1.2
    latching: bool = False  # what went away and was acknowledged stays until somebody resets it
    realarm_s: float = 0.0  # acknowledged and still there after so long: asks anew; 0 never
    checklist: tuple[ChecklistStep, ...] = ()


class Agency(Struct, frozen=True, kw_only=True):
    """A body that a dispatcher can send: 113, 114, 115, a department. ``phone`` as people dial it; may be empty."""

    id: str
    name_vi: str
    name_en: str
    phone: str = ""


class WindowSpec(Struct, frozen=True, kw_only=True):
    """A rollup beside the one-minute one: of a type, or of one feed id only, tumbling or sliding by ``hop_s``."""

    type: str
    size_s: int  # 10 s to 24 h
    hop_s: int = 0  # 0: tumbling; else a whole fraction of the size
    align: Literal["utc", "local"] = "utc"  # the midnight from which windows begin, and whole hops after it
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
    dispatch: Dispatch = Dispatch()  # who is told about alerts
    suppression: Suppression = Suppression()  # which alerts explain which, and planned windows
    grouping: Grouping = Grouping()  # which alerts belong to one incident, and what is a flood
    duty: Duty = Duty()  # who is on duty, and who is called when nobody acknowledges
    agencies: tuple[Agency, ...] = ()  # whom a dispatcher can send

    @property
    def centre_ids(self) -> tuple[str, ...]:
        """Ids in the order of the files."""
        return tuple(c.id for c in self.centres)

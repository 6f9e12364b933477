"""A profile as values: centres, areas, feeds, sites, rules and targets, each with validity dates.

Loaded from TOML files by :mod:`ioc.adapters.profiles`; nothing in code names a province, a city or a threshold.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct


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
    """One stream of a centre. Periods in seconds; lateness allowed before a window is final in ``grace_s``."""

    id: str
    name_vi: str
    name_en: str
    types: tuple[str, ...]
    expected_period_s: float
    silent_after_s: float
    grace_s: float = 60.0


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


class Level(Struct, frozen=True, kw_only=True):
    """One step of a threshold rule: at or beyond ``limit`` (or the site's limit of that name) the priority holds."""

    name: str
    priority: Literal[1, 2, 3, 4]
    limit: float | None = None
    limit_from: str | None = None  # name in Site.limits; a site without it simply has no such level
    field: str | None = None  # payload field of this level when it is not the rule's
    deadband: float | None = None  # of this level when it is not the rule's, in the field's unit
    match: dict[str, Any] = msgspec.field(default_factory=dict)  # occurrence: which events have this priority
    title_vi: str = ""  # of this level when it is not the rule's
    title_en: str = ""


class Rule(Struct, frozen=True, kw_only=True):
    """One alert rule as data.

    ``threshold``: a field of the payload against levels, with deadband (in the field's unit) and delays.
    ``aqi``: VN_AQI computed from the payload, against levels. ``occurrence``: each matching event raises, and the
    alert clears ``hold_s`` after the last one. ``silence``: nothing from the centre for ``after_s``.
    """

    id: str
    kind: Literal["threshold", "aqi", "occurrence", "silence"]
    type: str
    group: str  # row of the wall's matrix, one of ioc.domain.rules.GROUPS
    name_vi: str
    name_en: str
    title_vi: str  # may use {value}, {limit}, {level}, {site}, {unit}, and payload fields
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
    object: tuple[str, ...] = ()  # occurrence: payload fields, or "area", that tell objects of one site apart
    words_vi: dict[str, str] = msgspec.field(default_factory=dict)  # coded payload text → words for titles
    words_en: dict[str, str] = msgspec.field(default_factory=dict)
    guidance_vi: str = ""
    guidance_en: str = ""


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

    @property
    def centre_ids(self) -> tuple[str, ...]:
        """Ids in the order of the files."""
        return tuple(c.id for c in self.centres)

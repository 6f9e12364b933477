"""Profile folders → :class:`ioc.domain.profile.Profile`; every mistake with its file and place, all together.

A profile is a folder of TOML files: ``profile.toml``, ``areas.toml``, ``targets.toml``, ``rules.toml`` and one file
per centre under ``centres/``, read in the order of their names. ``targets.toml``, ``rules.toml``, ``dispatch.toml``,
``suppression.toml``, ``incidents.toml`` and ``duty.toml`` may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ioc.adapters.profile_parts import PARTS, Known, names_of
from ioc.domain import canary, rule_places
from ioc.domain.absence import speaks_of
from ioc.domain.catalogue import MEASURE, PAYLOADS
from ioc.domain.dispatch import RADIUS_KM_MAX, Dispatch
from ioc.domain.dispatch import problems as dispatch_problems
from ioc.domain.profile import Agency, Area, Canary, Centre, Profile, Rule, Target, Validity, WindowSpec
from ioc.domain.rules import NUMBER_MAX, bounded, payload_fields
from ioc.domain.rules import problems as rule_problems
from ioc.domain.salvage import Salvaged, salvage
from ioc.domain.toml_files import parse
from ioc.domain.toml_lines import line_of
from ioc.domain.windows import problems as window_problems
from ioc.errors import BadInput, BadSettings
from ioc.pipeline.mapping import Mapper
from ioc.pipeline.mapping_table import read_table, zone_problem

PROFILES = Path(__file__).parent.parent / "profiles"
DEFAULT_ORDER_S = 2.0  # of a feed that does not say; may be more than a short grace
_CENTRE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NAME_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SITE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PHONE = re.compile(r"\+?\d(?: ?\d){2,14}")
_CANARY_MS = 1_700_000_000_000  # any moment, to try how a canary is written
T = TypeVar("T", bound=Struct)


class _Head(Struct, frozen=True, kw_only=True):
    """``profile.toml``."""

    id: str
    name_vi: str
    name_en: str
    title_vi: str
    title_en: str
    timezone: str
    geo_box: tuple[float, float, float, float] | None = None
    holidays: tuple[str, ...] = ()
    agencies: tuple[Agency, ...] = ()


class _Areas(Struct, frozen=True, kw_only=True):
    areas: tuple[Area, ...]


class RuleFile(Struct, frozen=True, kw_only=True):
    """``rules.toml``: the rules, and the rollups that are made beside the one of a minute."""

    rules: tuple[Rule, ...]
    windows: tuple[WindowSpec, ...] = ()


class _Targets(Struct, frozen=True, kw_only=True):
    targets: tuple[Target, ...]


def profile_folder(name: str) -> Path:
    """The folder of a profile: a path as given, or a name such as ``dongnai-2023`` inside the package."""
    if "/" in name or name.startswith("."):
        return Path(name)
    return PROFILES / name.replace("-", "_")


def load_profile(name: str, *, with_rules: bool = True, with_parts: bool | None = None) -> Profile:
    """The profile of that name or folder.

    Args:
        name: name or folder.
        with_rules: False leaves its rules out, for who looks at them by themselves or needs none.
        with_parts: False leaves ``suppression.toml``, ``incidents.toml`` and ``duty.toml`` out; None: as the rules.

    Raises:
        BadSettings: one sentence per problem, each beginning with the file and the line.
    """
    folder = profile_folder(name)
    if not folder.is_dir():
        known = ", ".join(sorted(p.name.replace("_", "-") for p in PROFILES.iterdir() if p.is_dir()))
        raise BadSettings([f"profile '{name}': there is no folder {folder}; profiles of the package are {known}"])
    mistakes = _Mistakes()
    head = mistakes.read(folder / "profile.toml", _Head)
    areas_file, rules_file, targets_file = (folder / f"{one}.toml" for one in ("areas", "rules", "targets"))
    areas = mistakes.read(areas_file, _Areas)
    none = RuleFile(rules=())
    rules = mistakes.read(rules_file, RuleFile, optional=none) if with_rules else none
    targets = mistakes.read(targets_file, _Targets, optional=_Targets(targets=()))
    dispatch_file = folder / "dispatch.toml"
    dispatch = mistakes.read(dispatch_file, Dispatch, optional=Dispatch())
    wanted = with_rules if with_parts is None else with_parts
    parts = {
        part: mistakes.read(folder / part.file, part.kind, optional=part.kind()) for part in PARTS.values() if wanted
    }
    files = sorted((folder / "centres").glob("*.toml"))
    centres = [(file, mistakes.read(file, Centre)) for file in files]
    for file, centre in centres:
        if centre is not None:
            mistakes.note(file, centre_problems(centre, areas.areas if areas else ()))
    if areas:
        mistakes.note(areas_file, _area_problems(areas.areas))
    if rules or with_rules:
        # A centre that could not be read would make its sites look unknown.
        readable = tuple(one for _, one in centres if one is not None)
        zone = head.timezone if head and zone_problem(head.timezone) is None else None
        of_all = readable if len(readable) == len(centres) else None
        mistakes.note(rules_file, rule_file_problems(rules or salvage(mistakes.text(rules_file)), of_all, zone))
    if targets:
        mistakes.note(targets_file, _twice("targets", [target.indicator for target in targets.targets]))
    whole = areas is not None and rules is not None and all(one is not None for _, one in centres)
    nameable = Known(
        centres=tuple(one for _, one in centres if one),
        areas=areas.areas if areas else (),
        rules=frozenset(rule.id for rule in rules.rules) if rules and with_rules else None,
    )
    if dispatch:
        mistakes.note(dispatch_file, dispatch_problems(dispatch, names_of(nameable) if whole else None))
    channels = frozenset(channel.id for channel in dispatch.channels) if dispatch else frozenset[str]()
    for part, value in parts.items():
        if value is not None and (dispatch is not None or part is not PARTS["duty"]):
            mistakes.note(folder / part.file, part.problems(value, nameable if whole else None, channels))
    if head:
        mistakes.note(folder / "profile.toml", _head_problems(head))
    problems = mistakes.found
    if not files:
        problems.append(f"{folder / 'centres'}: holds no file; at least one centre is needed")
    problems += _twice(f"{folder / 'centres'}: id", [centre.id for _, centre in centres if centre])
    if problems or not (head and areas and rules and targets and dispatch):
        raise BadSettings(problems)
    read: dict[str, Any] = {part.field: value for part, value in parts.items()}
    return Profile(
        **msgspec.structs.asdict(head),
        areas=areas.areas,
        centres=tuple(centre for _, centre in centres if centre is not None),
        rules=rules.rules,
        targets=targets.targets,
        windows=rules.windows,
        dispatch=dispatch,
        **read,
    )


def rule_file_problems(file: RuleFile | Salvaged, centres: Sequence[Centre] | None, zone: str | None) -> list[str]:
    """What is wrong with rules and windows; with the centres also whether what they name is there.

    Args:
        file: rules and windows, or what could be read of a file with mistakes.
        centres: of the profile; None does not look at names.
        zone: time zone of the profile; None does not look at windows of local time.
    """
    sites = None if centres is None else {site.id for centre in centres for site in centre.sites}
    partial = file.partial if isinstance(file, Salvaged) else frozenset[str]()
    found = rule_problems(file.rules, sites, None if centres is None else [centre.id for centre in centres], partial)
    if centres is not None:
        found += rule_places.problems((rule for rule in file.rules if rule.id not in partial), centres)
        found += [text for rule in file.rules if rule.kind == "absence" for text in _feeds_problems(rule, centres)]
    fields, measures = {t: payload_fields(t) for t in PAYLOADS}, [t for t in MEASURE if MEASURE[t]]
    found += window_problems(file.windows, fields, measures, zone)
    return found


def _feeds_problems(rule: Rule, centres: Sequence[Centre]) -> Iterator[str]:
    for name in rule.feeds:
        of_name = [feed for centre in centres for feed in centre.feeds if feed.id == name]
        if not of_name:
            yield f"rule {rule.id}: feeds: there is no feed {name!r}"
        elif not any(speaks_of(rule, feed) for feed in of_name):
            yield (
                f"rule {rule.id}: feeds: {name!r} is sporadic, carries the heartbeat or sends no {rule.type}: "
                "it is never absent"
            )


def load_centre(file: Path, profile: Profile) -> Profile:
    """The profile with one centre added or replaced by a file: to try a new format before it goes into the folder.

    Raises:
        BadSettings: the file is wrong; one sentence per problem, each beginning with the file and the line.
    """
    mistakes = _Mistakes()
    centre = mistakes.read(file, Centre)
    if centre is not None:
        mistakes.note(file, centre_problems(centre, profile.areas))
    if mistakes.found or centre is None:
        raise BadSettings(mistakes.found)
    others = tuple(one for one in profile.centres if one.id != centre.id)
    return msgspec.structs.replace(profile, centres=(*others, centre))


class _Mistakes:
    """What was found in files, as ``file:line: sentence``."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._texts: dict[Path, str] = {}

    def note(self, file: Path, said: Iterable[str]) -> None:
        """Add sentences about a file that was read; the line is found by the place that each begins with."""
        self.found += [f"{file}:{line_of(self._texts[file], sentence)}: {sentence}" for sentence in said]

    def text(self, file: Path) -> str:
        """What a file that was read holds; empty when it could not be."""
        return self._texts[file]

    def read(self, file: Path, kind: type[T], *, optional: T | None = None) -> T | None:
        """The content of a file; ``optional`` when there is none; None when something is wrong with it."""
        self._texts[file] = ""
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            if optional is None:
                self.found.append(f"{file}: the file is missing")
            return optional
        except OSError as exc:
            self.found.append(f"{file}: cannot be read: {exc.strerror or exc}")
            return None
        value, self._texts[file], mistakes = parse(content, kind)
        self.found += [f"{file}:{line}: {said}" for line, said in mistakes]
        return value


# What no single value shows --------------------------------------------------------------------------------------


def _head_problems(head: _Head) -> Iterator[str]:
    if (said := zone_problem(head.timezone)) is not None:
        yield f"timezone: {said}"
    if not _CENTRE_ID.fullmatch(head.id):
        yield "id: must be lower-case letters, digits and -"
    yield from (f"holidays: '{day}' is not a day such as 2023-01-20" for day in head.holidays if not _is_day(day))
    yield from _twice("agencies", [agency.id for agency in head.agencies])
    for agency in head.agencies:
        if not _NAME_ID.fullmatch(agency.id):
            yield f"agencies: the id {agency.id!r} must be lower-case letters, digits, _ and -"
        if not agency.name_vi.strip() or not agency.name_en.strip():
            yield f"agencies: {agency.id!r} needs a name in both languages"
        if agency.phone and not _PHONE.fullmatch(agency.phone):
            yield f"agencies: {agency.id!r}: the phone {agency.phone!r} is not 3 to 15 digits, spaces allowed"
    if head.geo_box is not None:
        west, south, east, north = head.geo_box
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            yield "geo_box: must be west, south, east, north in degrees"


def _area_problems(areas: tuple[Area, ...]) -> Iterator[str]:
    codes = {area.code for area in areas}
    for i, area in enumerate(areas):
        where = f"areas[{i}] ({area.code})"
        if not _SITE_ID.fullmatch(area.code):
            yield f"{where}.code: must be letters, digits and . _ -"
        if area.parent is not None and area.parent not in codes:
            yield f"{where}.parent: there is no area '{area.parent}'"
        if area.radius_km is not None and (area.lon is None or not 0 < area.radius_km <= RADIUS_KM_MAX):
            yield f"{where}.radius_km: wants lon and lat, and must be more than 0 and at most {RADIUS_KM_MAX:g}"
        if area.polygon and (
            len(area.polygon) < 4
            or area.polygon[0] != area.polygon[-1]
            or not all(-180 <= lon <= 180 and -90 <= lat <= 90 for lon, lat in area.polygon)
        ):
            yield f"{where}.polygon: must be a ring of at least 4 [lon, lat] in degrees whose last is the first"
        yield from _validity_problems(area, where)
    yield from _twice("areas", [f"{area.code} from {area.valid_from}" for area in areas])


def centre_problems(centre: Centre, areas: tuple[Area, ...]) -> Iterator[str]:
    """What is wrong with a centre as a whole: references, ids, dates, its format."""
    codes, feeds = {area.code for area in areas}, {feed.id for feed in centre.feeds}
    yield from (
        f"sites[{i}] ({site.id}).limits.{name}: must be a finite number of at most {NUMBER_MAX:g}"
        for i, site in enumerate(centre.sites)
        for name, limit in site.limits.items()
        if not bounded(limit)
    )
    if not _CENTRE_ID.fullmatch(centre.id):
        yield "id: must be lower-case letters, digits and -"
    yield from _validity_problems(centre, "centre")
    yield from (f"areas: there is no area '{code}' in areas.toml" for code in centre.areas if code not in codes)
    yield from _twice("feeds", [feed.id for feed in centre.feeds])
    for i, feed in enumerate(centre.feeds):
        where = f"feeds[{i}] ({feed.id})"
        if not _NAME_ID.fullmatch(feed.id):
            yield f"{where}.id: must be lower-case letters, digits, - and _"
        yield from (f"{where}.types: no such event type '{kind}'" for kind in feed.types if kind not in PAYLOADS)
        if not 0 < feed.expected_period_s <= feed.silent_after_s:
            yield f"{where}: wants 0 < expected_period_s <= silent_after_s"
        if feed.grace_s < 0:
            yield f"{where}.grace_s: must not be negative"
        elif not 0 <= feed.order_s <= max(feed.grace_s, DEFAULT_ORDER_S):
            yield f"{where}.order_s: must be 0 to {max(feed.grace_s, DEFAULT_ORDER_S):g}, the feed's grace_s"
    for i, site in enumerate(centre.sites):
        where = f"sites[{i}] ({site.id})"
        if not _SITE_ID.fullmatch(site.id):
            yield f"{where}.id: must be 1 to 64 letters, digits and . _ -"
        if site.feed not in feeds:
            yield f"{where}.feed: the centre has no feed '{site.feed}'"
        if site.area not in codes:
            yield f"{where}.area: there is no area '{site.area}' in areas.toml"
        if (site.lon is None) != (site.lat is None):
            yield f"{where}: lon and lat belong together"
        yield from _validity_problems(site, where)
    yield from _twice("sites", [f"{site.feed}/{site.id} from {site.valid_from}" for site in centre.sites])
    yield from _twice("sites: native_id", [f"{s.feed}/{s.native_id or s.id} from {s.valid_from}" for s in centre.sites])
    said: list[str] = []
    read_table(centre, said)
    yield from said
    if centre.canary is not None and not said:
        yield from _canary_problems(centre, centre.canary)


def _canary_problems(centre: Centre, how: Canary) -> Iterator[str]:
    """The canary must be what the rest of the software takes for one: a heartbeat of a known site in its drill."""
    try:
        sample = canary.compose(how, "x", 1, _CANARY_MS)
    except (ValueError, KeyError) as exc:
        yield f"canary.record: {exc}; known are $id, $time, $epoch_ms and $seq"
        return
    if sample == canary.compose(how, "x", 2, _CANARY_MS):
        yield "canary.record: has neither $id nor $seq, all canaries would be one"
    mapper = Mapper(centre, None)
    try:
        native = mapper.lines(sample)[0].native() if mapper.of_lines else mapper.native(sample)
        plan = mapper.plan(native)
        found = (plan.type, mapper.exercise(native), plan.read_time(native))
        site = plan.read_site(native)
        plan.payload(native)
    except BadInput as refusal:
        yield f"canary.record: is refused by the centre's own format: {refusal}"
        return
    if found != ("source.heartbeat", canary.EXERCISE, _CANARY_MS):
        yield f"canary.record: must be a source.heartbeat of the drill '{canary.EXERCISE}' at $time, it is {found}"
    if site not in {one.native_id or one.id for one in centre.sites if one.feed == plan.feed}:
        yield f"canary.record: feed '{plan.feed}' has no site '{site}'"


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _validity_problems(entry: Validity, where: str) -> Iterator[str]:
    days: list[date] = []
    for name in ("valid_from", "valid_to"):
        text: str | None = getattr(entry, name)
        if text is None:
            continue
        try:
            if len(text) != 10:
                raise ValueError(text)
            days.append(date.fromisoformat(text))
        except ValueError:
            yield f"{where}.{name}: must be a day such as 2025-07-01"
    if len(days) == 2 and days[0] >= days[1]:
        yield f"{where}: valid_from must be before valid_to"


def _twice(where: str, ids: list[str]) -> list[str]:
    return [f"{where}: '{one}' occurs twice" for one in sorted({one for one in ids if ids.count(one) > 1})]

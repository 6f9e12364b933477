"""Scenario files: a world, its length, its rate and the incidents added to it, in TOML.

Reading is strict: an unknown key, a wrong unit or a site that the profile lacks is refused with file, path and
reason, before anything is sent.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ioc.domain.profile import Profile
from ioc.domain.times import parse_rfc3339
from ioc.errors import BadInput
from simulators.incidents import Accident, FloodWave, Incident, Jam, RiverSurge, SourceLoss

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
SITE_TYPE = {
    RiverSurge: "hydro.level",
    FloodWave: "hydro.level",
    Jam: "traffic.flow",
    Accident: "traffic.incident",
}


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario file.

    Attributes:
        title_vi, title_en: what it shows.
        seed: seed of the world; None takes the installation's (``IOC_SEED``).
        centres: ids to play; None for all of the profile.
        start: ``now``, or an RFC 3339 instant that the event times begin at.
        duration_s: length in event time, seconds; None is endless.
        rate: messages per second in total; None keeps the feeds' own periods.
        feedback_factor, call_factor: scale the calibrated numbers of 1022 reports and emergency calls.
        dropouts: links of centres also fail by chance.
        incident: shapes added to the world.
    """

    title_vi: str
    title_en: str
    seed: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    centres: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    start: str = "now"
    duration_s: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    rate: Annotated[float, Meta(gt=0, le=100_000)] | None = None
    feedback_factor: Annotated[float, Meta(ge=0, le=10_000)] = 1.0
    call_factor: Annotated[float, Meta(ge=0, le=10_000)] = 1.0
    dropouts: bool = False
    incident: tuple[Incident, ...] = ()

    @property
    def start_ms(self) -> int | None:
        """Fixed start in epoch milliseconds; None for ``now``."""
        return None if self.start == "now" else parse_rfc3339(self.start)


def names() -> list[str]:
    """The scenarios that come with the package, sorted."""
    folder = resources.files("simulators") / "scenarios"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def list_scenarios() -> list[dict[str, str]]:
    """Name, duration and summary of every scenario of the package, for people.

    Raises:
        BadInput: a file of the package is wrong.
    """
    found = []
    for name in names():
        plan = load(name)
        duration = "endless" if plan.duration_s is None else f"{plan.duration_s:g} s"
        found.append({"name": name, "duration": duration, "summary": f"{plan.title_vi} / {plan.title_en}"})
    return found


def load(name: str) -> Scenario:
    """Read a scenario by its name, or by the path of a file that ends in ``.toml``.

    Raises:
        BadInput: not found, unreadable, not TOML, or not of this form; ``path`` names file and place.
    """
    if name.endswith(".toml"):
        file = Path(name)
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as exc:
            raise BadInput("scenario", name, f"{name}: cannot be read: {exc.strerror or exc}") from exc
        except UnicodeDecodeError as exc:
            raise BadInput("scenario", name, f"{name}: cannot be read: it is not UTF-8, byte {exc.start}") from exc
        return parse(text, file.name)
    if not NAME.fullmatch(name) or name not in names():
        raise BadInput("scenario", name, "no such scenario; there are: " + ", ".join(names()))
    resource = resources.files("simulators") / "scenarios" / f"{name}.toml"
    return parse(resource.read_text(encoding="utf-8"), f"{name}.toml")


def parse(text: str, file: str) -> Scenario:
    """Read a scenario from TOML; ``file`` is the name to show in errors.

    Raises:
        BadInput: see :func:`load`.
    """
    try:
        scenario = msgspec.toml.decode(text.encode(), type=Scenario)
    except msgspec.ValidationError as exc:
        reason, _, where = str(exc).partition(" - at `$")
        raise BadInput("scenario", _place(file, where.strip(".`")), reason) from exc
    except msgspec.DecodeError as exc:  # TOML syntax; the text carries line and column
        raise BadInput("scenario", file, str(exc)) from exc
    try:
        start_ms = scenario.start_ms
    except ValueError as exc:
        raise BadInput("scenario", _place(file, "start"), f'must be "now" or an RFC 3339 instant: {exc}') from exc
    if start_ms is not None and start_ms < 0:
        raise BadInput("scenario", _place(file, "start"), "must not be before 1970")
    for index, incident in enumerate(scenario.incident):
        where = f"incident[{index}]"
        if incident.every_s is not None and incident.every_s < incident.length_s:
            detail = f"comes again before it has ended: it lasts {incident.length_s:g} s"
            raise BadInput("scenario", _place(file, f"{where}.every_s"), detail)
        if scenario.duration_s is not None and incident.at_s >= scenario.duration_s:
            detail = f"is not before the end of the scenario ({scenario.duration_s:g} s)"
            raise BadInput("scenario", _place(file, f"{where}.at_s"), detail)
    return scenario


def check(scenario: Scenario, profile: Profile, file: str) -> None:
    """Does the scenario fit the profile?

    Raises:
        BadInput: a centre, feed or site that the profile lacks, or a site of the wrong kind.
    """
    known = {centre.id: centre for centre in profile.centres}
    for index, centre in enumerate(scenario.centres or ()):
        if centre not in known:
            raise BadInput("scenario", _place(file, f"centres[{index}]"), f"no centre {centre!r} in {profile.id}")
    for index, incident in enumerate(scenario.incident):
        where = f"incident[{index}]"
        if isinstance(incident, SourceLoss):
            if incident.centre not in known:
                detail = f"no centre {incident.centre!r} in {profile.id}"
                raise BadInput("scenario", _place(file, f"{where}.centre"), detail)
            feeds = {feed.id for feed in known[incident.centre].feeds}
            for number, feed in enumerate(incident.feeds):
                if feed not in feeds:
                    detail = f"centre {incident.centre!r} has no feed {feed!r}"
                    raise BadInput("scenario", _place(file, f"{where}.feeds[{number}]"), detail)
        elif isinstance(incident, RiverSurge | FloodWave | Jam | Accident):
            wanted = SITE_TYPE[type(incident)]
            if incident.site not in _sites(profile, wanted):
                detail = f"no site {incident.site!r} that reports {wanted} in {profile.id}"
                raise BadInput("scenario", _place(file, f"{where}.site"), detail)


def _sites(profile: Profile, type_: str) -> set[str]:
    found = set()
    for centre in profile.centres:
        feeds = {feed.id for feed in centre.feeds if type_ in feed.types}
        found |= {site.id for site in centre.sites if site.feed in feeds}
    return found


def _place(file: str, where: str) -> str:
    return f"{file}: {where}" if where else file

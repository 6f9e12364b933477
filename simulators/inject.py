"""Put one message into the stream by hand: a reading of a site, or raw bytes."""

from __future__ import annotations

import difflib
import math
import secrets
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ioc.adapters import clock
from ioc.adapters.kafka import Producer
from ioc.adapters.profiles import load_profile
from ioc.domain.catalogue import PAYLOADS, RANGES
from ioc.domain.profile import Profile
from ioc.errors import BadInput, Unavailable
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators import feeds, formats, overrides
from simulators.feeds.base import Place, make_reading
from simulators.readings import Reading

BadKind = Literal["malformed", "wrong-centre", "future", "unknown-source"]


def compose(
    profile: Profile,
    centre: str | None,
    type_: str,
    site: str,
    fields: Mapping[str, Any],
    *,
    time_ms: int,
    seed: int,
    suffix: str,
) -> tuple[Reading, dict[str, Any]]:
    """The reading to send, and the fields that were given, with their types.

    Fields that are not given come from the simulated world at that instant, for types that are measured.

    Args:
        centre: None finds the centre by the site.
        suffix: part of the id that tells it from a simulated reading of the same instant.

    Raises:
        BadInput: no such type, centre or site, or fields that do not fit the type.
    """
    if type_ not in PAYLOADS:
        raise BadInput("argument", "type", _unknown(type_))
    place = _find(profile, centre, type_, site)
    given = _typed(type_, fields)
    data: dict[str, Any] = {"lon": place.at[0], "lat": place.at[1]}
    seq = time_ms
    if type_ in feeds.PERIODIC:
        sample, period_s, _ = feeds.PERIODIC[type_]
        data = sample(feeds.world_of(profile, seed, start_ms=time_ms), place, time_ms)
        seq = time_ms // round(period_s * 1000)
        if type_ == "source.heartbeat":
            data["seq"] = seq
    data.update(given)
    try:
        msgspec.convert(data, PAYLOADS[type_])
    except msgspec.ValidationError as exc:
        raise BadInput("argument", type_, str(exc)) from exc
    return make_reading(place, type_, time_ms, seq, data, suffix), given


async def inject(
    settings: Settings,
    centre: str | None,
    type_: str,
    site: str,
    fields: Mapping[str, Any],
    *,
    time_ms: int | None = None,
    hold_s: float = overrides.DEFAULT_HOLD_S,
) -> str:
    """Send one reading in the centre's own format and return its id after the broker's acknowledgement.

    A measured value also stays on the site's simulated readings for ``hold_s`` seconds (0: not at all), when a
    player with the same data folder runs.

    Args:
        settings: broker, prefix, profile, data folder.
        centre: None finds it by the site.
        type_: event type, for instance ``hydro.level``.
        site: id of the site, for instance ``BIENHOA``.
        fields: payload fields, texts or values.
        time_ms: when it was measured; None is now.

    Raises:
        BadInput: wrong type, site or fields; nothing was sent.
        Unavailable: no acknowledgement; the message may be stored or not.
    """
    now_ms = clock.now_ms()
    profile = load_profile(settings.profile, with_rules=False)
    reading, given = compose(
        profile,
        centre,
        type_,
        site,
        fields,
        time_ms=now_ms if time_ms is None else time_ms,
        seed=settings.seed,
        suffix=f"X{secrets.token_hex(4)}",
    )
    _check_ranges(type_, given)
    place = f"{reading.centre}/{reading.site}"
    if hold_s > 0 and given and type_ in feeds.PERIODIC:  # before sending: the next simulated reading may be near
        until_ms = now_ms + round(hold_s * 1000)
        overrides.hold(overrides.path_in(settings.data_dir), place, given, until_ms, now_ms)
    key, value = formats.encode(profile, reading)
    try:
        await _send(settings, profile, reading.centre, key, value)
    except Unavailable:
        overrides.release(overrides.path_in(settings.data_dir), place)
        raise
    return reading.id


def _check_ranges(type_: str, given: Mapping[str, Any]) -> None:
    """A value that intake would refuse is refused here: held on a site it would spoil every simulated reading."""
    for name, value in given.items():
        low, high = RANGES[type_].get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value <= high:
            raise BadInput("range", name, f"{name}={value} is outside {low:g} … {high:g}")


async def send_raw(settings: Settings, centre: str, key: bytes, value: bytes) -> None:
    """Send bytes as they are to the raw topic of a centre; returns after the acknowledgement.

    Raises:
        BadInput: no such centre.
        Unavailable: no acknowledgement.
    """
    profile = load_profile(settings.profile, with_rules=False)
    _check_centre(profile, centre)
    await _send(settings, profile, centre, key, value)


async def inject_bad(settings: Settings, centre: str, kind: BadKind) -> str:
    """Send one record that must end in quarantine; return its key and what is wrong with it, for a person to read.

    Args:
        centre: whose raw topic gets it.
        kind: ``malformed`` bytes; a message that names another centre; a time two hours ahead; a site that nobody
            has registered.

    Raises:
        BadInput: no such centre.
        Unavailable: no acknowledgement.
    """
    profile = load_profile(settings.profile, with_rules=False)
    _check_centre(profile, centre)
    key, value, words = bad_record(profile, centre, kind, clock.now_ms(), settings.seed)
    await _send(settings, profile, centre, key, value)
    return f"{kind} to raw.{centre}, key {key.decode()}: {words}"


def bad_record(profile: Profile, centre: str, kind: BadKind, now_ms: int, seed: int) -> tuple[bytes, bytes, str]:
    """Key, bytes and description of a record that is bad in one way and sound otherwise; it is a heartbeat.

    Raises:
        BadInput: no heartbeat to start from.
    """
    sites = [place.site for place in _places(profile, centre, "source.heartbeat")]
    if not sites:
        raise BadInput("argument", "centre", f"centre {centre!r} has no heartbeat")
    ahead_ms = 7_200_000 if kind == "future" else 0
    suffix = f"X{secrets.token_hex(4)}"
    reading, _ = compose(
        profile, centre, "source.heartbeat", sites[0], {}, time_ms=now_ms + ahead_ms, seed=seed, suffix=suffix
    )
    key, value = formats.encode(profile, reading)
    match kind:
        case "malformed":
            return key, value[: len(value) // 2], "cut off in the middle"
        case "wrong-centre":
            return key, _renamed(profile, centre, value), "names another centre"
        case "future":
            return key, value, "two hours ahead of the clock"
        case "unknown-source":
            stranger = b"NOT-REGISTERED"
            return stranger, value.replace(key, stranger), "a site that is not in the profile"


async def _send(settings: Settings, profile: Profile, centre: str, key: bytes, value: bytes) -> None:
    async with Producer(settings, Topics(settings.topic_prefix, profile.centre_ids), centre=centre) as producer:
        await producer.send(f"raw.{centre}", key, value)


def _renamed(profile: Profile, centre: str, value: bytes) -> bytes:
    """The bytes with every name that the centre goes by in its own format replaced by a stranger's."""
    table = next(owner.format for owner in profile.centres if owner.id == centre)
    for name in table.get("centre", {}).get("accept", ()):
        value = value.replace(str(name).encode(), b"another-centre")
    return value


def _check_centre(profile: Profile, centre: str) -> None:
    if centre not in profile.centre_ids:
        raise BadInput("argument", "centre", f"no centre {centre!r}; there are: {', '.join(profile.centre_ids)}")


def _places(profile: Profile, centre: str | None, type_: str) -> list[Place]:
    """Every place that reports this type, of one centre or of all."""
    return [
        place
        for owner in profile.centres
        if centre is None or owner.id == centre
        for feed in owner.feeds
        if type_ in feed.types
        for place in feeds.places_of(profile, owner, feed.id)
    ]


def _find(profile: Profile, centre: str | None, type_: str, site: str) -> Place:
    """The place that reports this type under this site id."""
    if centre is not None:
        _check_centre(profile, centre)
    possible = _places(profile, centre, type_)
    found = [place for place in possible if place.site == site]
    if not found:
        detail = f"no site {site!r} reports {type_}; these do: {', '.join(place.site for place in possible) or 'none'}"
        raise BadInput("argument", "site", detail)
    if len(found) > 1:
        raise BadInput("argument", "centre", f"sites {site!r} exist in {', '.join(p.centre for p in found)}; name one")
    return found[0]


def _unknown(type_: str) -> str:
    """Says what there is instead: the nearest names, or else the families, so that the sentence is never cut."""
    near = difflib.get_close_matches(type_, PAYLOADS, n=5, cutoff=0.4)
    if near:
        return f"no type {type_!r}; near to it: {', '.join(near)}"
    families = sorted({name.split(".")[0] for name in PAYLOADS})
    return f"no type {type_!r}; types begin with: {', '.join(families)} (docs/formats.md lists them)"


def _typed(type_: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields with the types of the payload; texts are converted, and numbers where a text is wanted."""
    types = {field.name: field.type for field in msgspec.structs.fields(PAYLOADS[type_])}
    given = {}
    for name, value in fields.items():
        if name not in types:
            raise BadInput("argument", name, f"{type_} has no such field; it has: {', '.join(types)}")
        try:
            given[name] = msgspec.convert(value, types[name], strict=False)
        except msgspec.ValidationError as exc:
            try:
                given[name] = msgspec.convert(str(value), types[name])
            except msgspec.ValidationError:
                raise BadInput("argument", name, f"{name}={value}: {exc}") from exc
    return given

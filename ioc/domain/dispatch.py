"""Whom an installation tells about its alerts, and under which name: ``dispatch.toml`` of a profile, as values.

What belongs to the machine and not to the profile (the mail server, the hosts that may be called, keys) is in the
settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

EXPIRES_S_MIN, EXPIRES_S_MAX = 600.0, 7 * 86_400.0
RADIUS_KM_MAX = 500.0
GROUP_WAIT_S_MAX = 60.0  # longer would keep news from people
_CHANNEL_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_CAP_WORD = re.compile(r"[^\s,<&]{1,200}")  # CAP 1.2, 3.2.1: no spaces, commas or restricted characters


class CapSetup(Struct, frozen=True, kw_only=True):
    """How alerts are said in CAP 1.2.

    ``sender`` names this installation, the same for ever and nobody else's. Messages are ``Restricted`` to what
    ``restriction`` says; nothing here makes them public, that is for a person to do. ``geocode_name`` names the list
    that area codes are from, with its version.
    """

    sender: str
    sender_name_vi: str
    sender_name_en: str
    restriction: str
    geocode_name: str
    expires_s: float = 86_400.0  # a message counts so long; said again at half of it while the alert stands
    radius_km: float = 0.5  # around the place of an alert
    contact: str = ""


Kind = Literal["webhook", "email", "log"]
Occasion = Literal["raised", "worse", "over", "acknowledged"]
Language = Literal["vi", "en"]


class Channel(Struct, frozen=True, kw_only=True):
    """A way to somebody: a ``webhook`` at ``url``, an ``email`` to each address of ``to``, a line in the ``log``."""

    id: str
    kind: Kind
    url: str = ""
    to: tuple[str, ...] = ()
    language: Language = "vi"


class Route(Struct, frozen=True, kw_only=True):
    """Which alerts tell whom. An empty list is no condition; all conditions of a route have to hold.

    ``priority``: this one or a more urgent one (1 is the most urgent). ``on``: raised (it asks, or asks
    anew), worse (a higher priority), over (the condition went away, or a latched alert was reset), acknowledged.
    """

    channels: tuple[str, ...]
    priority: Literal[1, 2, 3, 4] = 2
    on: tuple[Occasion, ...] = ("raised", "worse")
    centres: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class Names(Struct, frozen=True, kw_only=True):
    """What routes may name."""

    centres: frozenset[str]
    areas: frozenset[str]
    rules: frozenset[str] | None  # None: rules are not looked at
    types: frozenset[str]


class Dispatch(Struct, frozen=True, kw_only=True):
    """``dispatch.toml``; an installation without one says nothing to the outside.

    ``group_wait_s``: so long after it was raised an alert of P2 to P4 is told, if nothing hid it and it is not
    over. What explains an alert often comes a moment after it. 0 tells at once.
    """

    group_wait_s: float = 5.0
    cap: CapSetup | None = None
    channels: tuple[Channel, ...] = ()
    routes: tuple[Route, ...] = ()


def problems(dispatch: Dispatch, names: Names | None = None) -> Iterator[str]:
    """What is wrong with it, each sentence beginning with the place; None does not look at names."""
    if dispatch.cap is not None:
        yield from _cap_problems(dispatch.cap)
    if not 0 <= dispatch.group_wait_s <= GROUP_WAIT_S_MAX:
        yield f"group_wait_s: must be 0 to {GROUP_WAIT_S_MAX:g} seconds"
    seen: set[str] = set()
    for i, channel in enumerate(dispatch.channels):
        where = f"channels[{i}] ({channel.id})"
        if not _CHANNEL_ID.fullmatch(channel.id):
            yield f"{where}.id: must be 1 to 40 lower-case letters, digits and -"
        if channel.id in seen:
            yield f"{where}.id: there are two channels of this name"
        seen.add(channel.id)
        yield from _channel_problems(channel, where)
    for i, route in enumerate(dispatch.routes):
        yield from _route_problems(route, f"routes[{i}]", seen, names)


def _channel_problems(channel: Channel, where: str) -> Iterator[str]:
    if (channel.kind == "webhook") != bool(channel.url):
        yield f"{where}.url: a webhook has one, and nothing else has"
    elif channel.url:
        try:
            parts = urlsplit(channel.url)
            bad = parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0 or bool(parts.username)
        except ValueError:
            bad = True
        if bad or any(c.isspace() for c in channel.url):
            yield f"{where}.url: must be https://host/…, without a user"
    if (channel.kind == "email") != bool(channel.to):
        yield f"{where}.to: an email has at least one address, and nothing else has"
    yield from (f"{where}.to: {one!r} is no address" for one in channel.to if not _ADDRESS.fullmatch(one))
    if len(set(channel.to)) < len(channel.to):
        yield f"{where}.to: an address stands there twice"


def _route_problems(route: Route, where: str, channels: set[str], names: Names | None) -> Iterator[str]:
    if not route.channels or not route.on:
        yield f"{where}: must name a channel and an occasion"
    yield from (f"{where}.channels: there is no channel {name!r}" for name in route.channels if name not in channels)
    if names is None:
        return
    for field in ("centres", "areas", "rules", "types"):
        known = getattr(names, field)
        for name in getattr(route, field):
            if known is not None and name not in known:
                yield f"{where}.{field}: there is no {name!r}"


def _cap_problems(cap: CapSetup) -> Iterator[str]:
    for name in ("sender", "geocode_name"):
        if not _CAP_WORD.fullmatch(getattr(cap, name)):
            yield f"cap.{name}: must be 1 to 200 characters without spaces, commas, < and &"
    for name in ("sender_name_vi", "sender_name_en", "restriction"):
        if not getattr(cap, name).strip():
            yield f"cap.{name}: must say something"
    if not EXPIRES_S_MIN <= cap.expires_s <= EXPIRES_S_MAX:
        yield f"cap.expires_s: must be {EXPIRES_S_MIN:g} to {EXPIRES_S_MAX:g} seconds"
    if not 0 < cap.radius_km <= RADIUS_KM_MAX:
        yield f"cap.radius_km: must be more than 0 and at most {RADIUS_KM_MAX:g}"

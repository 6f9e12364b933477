"""Readings → the bytes that a centre's own systems would send: the inverse of the format tables in the profile.

Written by hand and without looking at those tables, so that the two can contradict each other in a test.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import orjson

from ioc.domain.profile import Profile
from ioc.errors import BadInput
from simulators.formats import bien_hoa, long_khanh, tinh
from simulators.readings import Reading

Encode = Callable[[Reading, str], bytes]  # reading, native id of its site → native bytes
Mark = Callable[[bytes, str], bytes]  # native bytes, id of a drill → native bytes

FORMATS: dict[str, Encode] = {
    "bien-hoa": bien_hoa.encode,
    "long-khanh": long_khanh.encode,
    "tinh": tinh.encode,
}


class _ById:
    """A profile as a cache key: by identity, because its tables cannot be hashed."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    def __hash__(self) -> int:
        return id(self.profile)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.profile is self.profile


@lru_cache(maxsize=8)
def _native_ids(profile: _ById) -> dict[tuple[str, str, str], str]:
    return {
        (centre.id, site.feed, site.id): site.native_id or site.id
        for centre in profile.profile.centres
        for site in centre.sites
    }


def encode(profile: Profile, reading: Reading) -> tuple[bytes, bytes]:
    """Record key (the native id of the site, so that one site keeps its order) and native bytes.

    Raises:
        BadInput: nobody knows the native format of the reading's centre, or the profile has no such site.
    """
    native = FORMATS.get(reading.centre)
    if native is None:
        raise BadInput("unknown_type", "centre", f"no native format is known for centre '{reading.centre}'")
    site = _native_ids(_ById(profile)).get((reading.centre, reading.feed, reading.site))
    if site is None:
        raise BadInput("unknown_source", "site", f"no site '{reading.site}' in {reading.centre}/{reading.feed}")
    return site.encode(), native(reading, site)


def mark(centre: str, value: bytes, exercise: str) -> bytes:
    """The same message as one of a drill, in the way of its centre's format.

    Args:
        centre: whose format the message is in.
        value: native bytes, whole.
        exercise: id of the drill, 1 to 128 plain ASCII characters.

    Raises:
        BadInput: the centre's format has no place for it.
    """
    marking = MARKS.get(centre)
    if marking is None:
        raise BadInput("unknown_type", "centre", f"the format of centre '{centre}' has no mark for a drill")
    return marking(value, exercise)


def _with_key(key: str, entity: bool = False) -> Mark:
    def marking(value: bytes, exercise: str) -> bytes:
        body = orjson.loads(value)
        body[key] = {"type": "Property", "value": exercise} if entity else exercise
        return orjson.dumps(body)

    return marking


MARKS: dict[str, Mark] = {
    "bien-hoa": _with_key("dien_tap"),
    "long-khanh": _with_key("exercise", entity=True),
    "tinh": _with_key("exercise"),
}

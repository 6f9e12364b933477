"""Days of the week and local times, as profiles write them; :mod:`ioc.domain.hours` judges instants by them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Hours(Struct, frozen=True, kw_only=True):
    """Days of the week and local times of the profile's zone, the end not included.

    An ``end`` not later than ``start`` is on the next day, and belongs to the day on which it started. ``00:00`` to
    ``24:00`` is the whole day. Holidays are the dates that the profile lists.
    """

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        *("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    )
    start: str = "00:00"
    end: str = "24:00"
    holidays: Literal["ignore", "skip", "only"] = "ignore"

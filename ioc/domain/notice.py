"""What a notice says: the JSON of a webhook, and what an e-mail is written from; see ``docs/dispatch.md``."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from ioc.domain.dispatch import Occasion

Word = Occasion | Literal["called"]
"""What routes may ask for, and what goes by its own way."""


class NoticeAlert(Struct, frozen=True, kw_only=True):
    """The alert of a notice. ``version`` and ``priority`` are those of the occasion, the rest is as it was judged.

    ``started`` is when it began out there, ``raised`` when the province knew; RFC 3339 in UTC.
    """

    id: str
    version: int
    priority: int
    rule: str
    type: str
    centre: str
    area: str
    site: str
    level: str
    title_vi: str
    title_en: str
    place_vi: str
    place_en: str
    lon: float | None
    lat: float | None
    started: str
    raised: str


class NoticeBody(Struct, frozen=True, kw_only=True):
    """A notice to one receiver. ``id`` is the same in every attempt.

    ``gone`` is there, and true, in a call-out of a chain that calls also about what went away unseen.
    """

    id: str
    occasion: Word
    at: str
    centre: str
    language: str
    title: str
    by: str | None
    called: tuple[str, ...]
    simulated: bool
    alert: NoticeAlert
    gone: bool | UnsetType = UNSET

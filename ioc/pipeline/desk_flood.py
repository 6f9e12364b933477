"""The flood on the desk: how many alerts began to ask lately, and whether that is more than people can take in.

``flood`` is the figure as everybody sees it; it is written at once when a flood begins or ends and otherwise at most
once a second. Private: ``@flood/state`` is whether there is one, and ``@flood/asked/<alert>`` when an alert was
counted, so that what is told again after a start does not count twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ioc.domain import flood
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.desk import Order
from ioc.domain.flood import Asking, Flood
from ioc.domain.profile import Profile
from ioc.pipeline.desk_parts import Seen
from ioc.wire.codec import decode_flood, encode

SHOWN_EVERY_MS = 1_000  # a screen needs no more, and every writing goes to all of them
_PUBLIC, _STATE, _ASKED = "flood", "@flood/state", "@flood/asked/"


class _State(Struct, frozen=True, kw_only=True):
    since_ms: int | None = None
    unannounced: int = 0


_decode_state = msgspec.json.Decoder(_State).decode
_decode_asking = msgspec.json.Decoder(Asking).decode


class FloodPart:
    """The part of the desk; see :class:`ioc.pipeline.desk_parts.SpeakingPart`."""

    prefix = "flood"
    ahead = True

    def __init__(self, profile: Profile) -> None:
        self._state = _State()
        self._shown: Flood | None = None  # as it was written last
        self._asked: dict[str, Asking] = {}
        self._times: list[tuple[int, str]] = []  # heap of all that counts: when, alert
        self._newest_ms = 0
        self._lines: list[LogEntry] = []
        self._dirty: dict[str, bytes | None] = {}
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Other limits hold from the next tick."""
        self._limits = profile.grouping.flood

    def load(self, key: str, value: bytes) -> None:
        """Take one record back.

        Raises:
            msgspec.MsgspecError: the record is not of this version.
        """
        if key == _STATE:
            self._state = _decode_state(value)
        elif key == _PUBLIC:
            self._shown = decode_flood(value)
        elif key.startswith(_ASKED):
            name = key.removeprefix(_ASKED)
            self._asked[name] = _decode_asking(value)
            for at_ms in self._asked[name].at_ms:
                self._count(at_ms, name)

    def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """Count an alert that begins to ask, and take back what was muted at once."""
        alert = seen.now
        self._expire(now_ms)
        known = self._asked.get(alert.id)
        left = flood.take_back(known, seen.before, alert)
        if known is not None and left is not None:
            self._take_back(known, left, alert.id, now_ms)
            return []
        counted = flood.count(known, seen.before, alert, self._window_ms, now_ms)
        if counted is None:
            return []
        silent = self._state.since_ms is not None and not flood.sounds(alert, self._limits)
        counted = replace(counted, unannounced=counted.unannounced + silent)
        self._asked[alert.id] = counted
        self._dirty[_ASKED + alert.id] = encode(counted)
        if known is None or len(counted.at_ms) > len(known.at_ms):
            self._count(counted.at_ms[-1], alert.id)
        if silent:
            self._keep(replace(self._state, unannounced=self._state.unannounced + 1))
        self._judge(now_ms)
        return []

    def _take_back(self, known: Asking, left: Asking, name: str, now_ms: int) -> None:
        for at_ms in known.at_ms[len(left.at_ms) :]:
            self._times.remove((at_ms, name))
        heapq.heapify(self._times)
        if left.at_ms:
            self._asked[name] = left
        else:
            del self._asked[name]
        self._dirty[_ASKED + name] = encode(left) if left.at_ms else None
        since_ms = self._state.since_ms
        if since_ms is None:
            return
        if known.unannounced:
            self._keep(replace(self._state, unannounced=max(0, self._state.unannounced - known.unannounced)))
        # One that began a moment ago has to be one without it.
        self._judge(now_ms, was=now_ms - since_ms >= flood.TAKEN_BACK_MS)

    def tick(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """What is older than the window counts no more."""
        self._judge(now_ms)
        now = self._figure(now_ms)
        before = self._shown
        lately = before is not None and 0 <= now_ms - before.changed_ms < SHOWN_EVERY_MS
        if not lately and (before is None or now != replace(before, changed_ms=now_ms)):
            self._show(now)
        return []

    def take_lines(self) -> list[LogEntry]:
        """Lines for the log since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        rows, self._dirty = self._dirty, {}
        return sorted(rows.items())

    @property
    def _window_ms(self) -> int:
        return int(self._limits.window_s * 1000)

    def _judge(self, now_ms: int, *, was: bool = True) -> None:
        """``was``: a flood that there is counts as one, so that it stays until there is less than ``below``."""
        self._expire(now_ms)
        state = self._state
        is_one = flood.in_flood(was and state.since_ms is not None, len(self._times), self._limits)
        if is_one == (state.since_ms is not None):
            return
        self._keep(_State(since_ms=now_ms if is_one else None))
        now = self._figure(now_ms)
        began_ms = now_ms if state.since_ms is None else state.since_ms
        self._lines.append(flood.news(now, now_ms, began_ms=began_ms, unannounced=state.unannounced))
        self._show(now)

    def _expire(self, now_ms: int) -> None:
        """Drop what is older than the window; what a clock that was set back left in a far future counts no more."""
        old_ms, far_ms = now_ms - self._window_ms, now_ms + self._window_ms
        names: set[str] = set()
        if self._newest_ms > far_ms:
            names = {name for at_ms, name in self._times if at_ms > far_ms}
            self._times = [(at_ms, name) for at_ms, name in self._times if at_ms <= far_ms]
            heapq.heapify(self._times)
            self._newest_ms = max((at_ms for at_ms, _ in self._times), default=0)
        while self._times and self._times[0][0] <= old_ms:
            names.add(heapq.heappop(self._times)[1])
        for name in names:
            known = self._asked.pop(name)
            left = tuple(one for one in known.at_ms if old_ms < one <= far_ms)
            if left:
                self._asked[name] = replace(known, at_ms=left)
            self._dirty[_ASKED + name] = encode(self._asked[name]) if left else None

    def _count(self, at_ms: int, name: str) -> None:
        heapq.heappush(self._times, (at_ms, name))
        self._newest_ms = max(self._newest_ms, at_ms)

    def _figure(self, now_ms: int) -> Flood:
        limits = self._limits
        return Flood(
            new=len(self._times),
            since_ms=self._state.since_ms,
            unannounced=self._state.unannounced,
            above=limits.above,
            below=limits.below,
            window_s=limits.window_s,
            positions=limits.positions,
            always=limits.always,
            changed_ms=now_ms,
        )

    def _keep(self, state: _State) -> None:
        self._state = state
        self._dirty[_STATE] = encode(state)

    def _show(self, now: Flood) -> None:
        self._shown = now
        self._dirty[_PUBLIC] = encode(now)

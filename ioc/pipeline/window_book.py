"""How many alerts each planned window hid since it opened, and the records of that in ``desk``.

``@silence/window/<id>`` is an opening; ``@silence/window-hid/<id>/<alert>`` says that it hid an alert which is open
still, so that each is counted once. Both go when the window closes.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from ioc.domain.planned import Opening
from ioc.wire.codec import encode

WINDOW, HID = "@silence/window/", "@silence/window-hid/"


class Opened(Struct, kw_only=True):
    """A window that is open.

    Attributes:
        since_ms: when that was noticed.
        until_ms: when it closes, as it was known last; None: not soon.
        count: alerts it hid, each once.
    """

    since_ms: int
    until_ms: int | None = None
    count: int = 0


_decode = msgspec.json.Decoder(Opened).decode


class WindowBook:
    """See the module. Bounded by the windows of the profile and the alerts that are open."""

    def __init__(self) -> None:
        self.opened: dict[str, Opened] = {}
        self._hid: dict[str, set[str]] = {}  # open alerts by window
        self._dirty: dict[str, bytes | None] = {}

    def load(self, key: str, value: bytes) -> bool:
        """Take one record back, in any order; False: it is none of this book."""
        if key.startswith(WINDOW):
            self.opened[key.removeprefix(WINDOW)] = _decode(value)
        elif key.startswith(HID):
            window, _, alert = key.removeprefix(HID).partition("/")
            self._hid.setdefault(window, set()).add(alert)
        else:
            return False
        return True

    def elapse(self, openings: Iterable[Opening], now_ms: int) -> None:
        """Windows open and close. ``openings``: those that are open now."""
        present = {one.window.id: one.until_ms for one in openings}
        for name, known in list(self.opened.items()):
            if name not in present or (known.until_ms is not None and known.until_ms <= now_ms):
                self._close(name)
        for name, until_ms in present.items():
            opened = self.opened.get(name)
            if opened is None:
                self._put(name, Opened(since_ms=now_ms, until_ms=until_ms))
            elif opened.until_ms != until_ms:
                opened.until_ms = until_ms
                self._put(name, opened)

    def hid(self, window: str, alert: str) -> None:
        """A window hides an alert: count it, once."""
        opened = self.opened.get(window)
        if opened is None or alert in self._hid.setdefault(window, set()):
            return
        self._hid[window].add(alert)
        self._dirty[f"{HID}{window}/{alert}"] = b"1"
        opened.count += 1
        self._put(window, opened)

    def closed(self, alert: str) -> None:
        """An alert closed: its name need not be remembered any more."""
        for window, alerts in self._hid.items():
            if alert in alerts:
                alerts.remove(alert)
                self._dirty[f"{HID}{window}/{alert}"] = None

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        rows, self._dirty = self._dirty, {}
        return sorted(rows.items())

    def _put(self, name: str, opened: Opened) -> None:
        self.opened[name] = opened
        self._dirty[WINDOW + name] = encode(opened)

    def _close(self, name: str) -> None:
        del self.opened[name]
        self._dirty[WINDOW + name] = None
        for alert in self._hid.pop(name, ()):
            self._dirty[f"{HID}{name}/{alert}"] = None

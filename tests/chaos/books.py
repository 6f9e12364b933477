"""Checkers over what was acknowledged and what was stored. Pure, so that each can be shown to fail."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct


class Balance(Struct, frozen=True):
    """What the books say: acknowledged ids that are missing, ids stored more than once, ids nobody sent."""

    acknowledged: int
    missing: tuple[str, ...]
    doubled: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Every acknowledged event is stored exactly once."""
        return not self.missing and not self.doubled


def read_ledger(path: Path) -> list[str]:
    """Keys ``centre/id`` of the acknowledged events, a half-written last line is not an acknowledgement."""
    keys = []
    for line in path.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        keys.append(f"{entry['centre']}/{entry['id']}")
    return keys


def balance(acknowledged: Iterable[str], stored: Iterable[str]) -> Balance:
    """Compare acknowledged keys with stored rows (one entry per row)."""
    wanted, found = set(acknowledged), Counter(stored)
    return Balance(
        acknowledged=len(wanted),
        missing=tuple(sorted(k for k in wanted if k not in found)),
        doubled=tuple(sorted(k for k, n in found.items() if n > 1)),
    )


def raised_twice(log: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Alert ids with more than one ``raised`` entry in (alert id, what)."""
    counts = Counter(alert for alert, what in log if what == "raised")
    return tuple(sorted(alert for alert, n in counts.items() if n > 1))

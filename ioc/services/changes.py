"""What changed last, by entity: the memory that lets any position be continued.

Every live or gone entity has a *sequence number* of its last change (of this process, for the live path) and, for
each partition that ever changed it, the offset of the last change there (for a resume from a position that another
process gave out). Partitions are read in any interleaving, therefore one offset per partition and not one in all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

Key = tuple[str, str]  # kind of entity, its key
TOMBSTONES_MAX = 10_000  # gone entities remembered; older ones turn a resume from before them into a snapshot


class Entry:
    """Last change of one entity. ``stamps``: index of the partition → offset of its last change there."""

    __slots__ = ("gone", "seq", "stamps")

    def __init__(self) -> None:
        self.seq = 0
        self.gone = False
        self.stamps: dict[int, int] = {}


class ChangeLog:
    """Entities in the order of their last change, newest last; memory grows with entities, not with changes."""

    def __init__(self, partitions: int, tombstones_max: int = TOMBSTONES_MAX) -> None:
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._tombstones: OrderedDict[Key, None] = OrderedDict()
        self._tombstones_max = tombstones_max
        self._forgotten_seq = 0
        self._forgotten = [-1] * partitions

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def tombstones(self) -> int:
        """Gone entities that are still remembered."""
        return len(self._tombstones)

    def note(self, key: Key, seq: int, index: int, offset: int, *, gone: bool = False) -> None:
        """The record at ``offset`` of partition ``index`` changed or removed the entity."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry()
        else:
            self._entries.move_to_end(key)
        entry.seq = seq
        entry.stamps[index] = offset
        entry.gone = gone
        self._tombstones.pop(key, None)
        if gone:
            self._tombstones[key] = None
            if len(self._tombstones) > self._tombstones_max:
                self._forget(next(iter(self._tombstones)))

    def remembers(self, seq: int) -> bool:
        """True if nothing that changed after ``seq`` was forgotten."""
        return seq >= self._forgotten_seq

    def since_seq(self, seq: int) -> list[tuple[Key, bool]] | None:
        """``(entity, gone)`` of everything that changed after ``seq``, oldest first; None: too long ago."""
        if not self.remembers(seq):
            return None
        found: list[tuple[Key, bool]] = []
        for key, entry in reversed(self._entries.items()):
            if entry.seq <= seq:
                break
            found.append((key, entry.gone))
        found.reverse()
        return found

    def since_vector(self, vector: Sequence[int]) -> list[tuple[Key, bool]] | None:
        """``(entity, gone)`` of everything that a reader at ``vector`` lacks, oldest first; None: too long ago."""
        if any(offset >= have for offset, have in zip(self._forgotten, vector, strict=True)):
            return None
        return [(key, entry.gone) for key, entry in self._entries.items() if _newer(entry, vector)]

    def keys(self) -> Iterator[Key]:
        """All entities that are remembered, gone ones too."""
        return iter(self._entries)

    def _forget(self, key: Key) -> None:
        del self._tombstones[key]
        entry = self._entries.pop(key)
        self._forgotten_seq = max(self._forgotten_seq, entry.seq)
        for index, offset in entry.stamps.items():
            self._forgotten[index] = max(self._forgotten[index], offset)


def _newer(entry: Entry, vector: Sequence[int]) -> bool:
    return any(offset >= vector[index] for index, offset in entry.stamps.items())

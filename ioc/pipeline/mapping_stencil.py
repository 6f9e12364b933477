"""The quickest way: records of a form that came before are read from their text, without decoding them.

A sender writes its records with one piece of code, so they differ in a few values only. A *stencil* is made from a
record that the quick way took: everything that it shares with its likes stands in a regular expression as it is
written (keys, order, brackets, blanks), and the values are holes. A hole takes a JSON text without escapes, or a
number of plain digits. So whatever fits a stencil is JSON with the very keys, depth and kinds of values of a record
that was checked, and the text in a hole is its value: no key twice, nothing nested deeper, no other UTF-8. The values
then go through the same generated lines as in :mod:`ioc.pipeline.mapping_fast`, written by the same functions.

The contract is the same too: exactly what the careful way gives, or None, or any exception. What does not fit is read
as before, and taught: values that no line of the table reads begin as part of the form and become holes when they are
seen to differ.

What comes from outside is bounded: stencils per kind of record, keys with known stencils and their length, the forms
that may be learnt, and how big a record they are made of. No hole can be read in two ways (they end where their class
of letters ends, and never give back), so matching takes time in proportion to the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from ioc.pipeline.mapping_fast import Box, Found, write_kind
from ioc.pipeline.mapping_stencil_text import NeedsRecord, StencilText
from ioc.pipeline.mapping_table import FormatTable

STENCILS_MAX = 8  # per kind of record; the oldest goes first
PER_KEY_MAX = 3  # a key is a site, which sends one or two kinds
# Known keys, at most about 2 MB; when full, all are forgotten and learnt again. Under a longer key records are decoded.
KEYS_MAX, KEY_BYTES_MAX = 8_192, 128
# What a form may be made of. All its values can become holes, and holes cost time to compile: 22 ms for 185 numbers,
# 47 ms for an id cut in 1,800 parts.
# The records of the shipped profile have at most 902 bytes and 31 commas. Bigger ones are decoded every time.
BYTES_MAX, COMMAS_MAX = 4_096, 200
LEARN_FREE, LEARN_EVERY = 64, 1_024  # forms that are learnt (2 ms each) at once, then one per so many misses


class Stencil(Struct, eq=False):
    """One form. ``read``: text → :data:`Found`, or None when it does not fit."""

    form: tuple[str, ...]
    spare: list[str]
    differ: set[int]
    source: str
    read: Callable[[str], Found | None]


class Stencils:
    """The known forms of one centre's records.

    Args:
        table: the format.
        box: the territory.
        kept: memories of pieces of the quick way, which are shared.
    """

    def __init__(self, table: FormatTable, box: Box | None, kept: dict[str, Any]) -> None:
        self._table, self._box, self._kept = table, box, kept
        self._by_kind: list[list[Stencil]] = [[] for _ in table.records]
        self._by_key: dict[bytes | None, tuple[Callable[[str], Found | None], ...]] = {}
        self.forms, self.bytes_max = self._by_key.get, table.bytes_max
        self._unfit: set[int] = set()  # kinds of record that need the decoded record
        self._missed = self._learnt = 0

    def read(self, key: bytes | None, data: bytes) -> Found | None:
        """What the record says, None when it fits none of the forms that its key is known for.

        Args:
            key: of the Kafka record. It only says where to look first.
            data: the record.

        Raises:
            Exception: any; then, too, the record has to be decoded.
        """
        known = self._by_key.get(key)
        if known is None or len(data) > self._table.bytes_max:
            return None
        text = data.decode()
        for read in known:
            found = read(text)
            if found is not None:
                return found
        return None

    def learn(self, key: bytes | None, data: bytes, found: Found) -> None:
        """Take note of a record that fitted none, and that the quick way took.

        Args:
            key: of the Kafka record.
            data: the record.
            found: what the quick way made of it.

        A kind that needs the decoded record is not looked at again. Of a big record, or under a long key, nothing is
        learnt.
        """
        number = found[0]
        if number in self._unfit or len(data) > BYTES_MAX or b"\\" in data or data.count(b",") > COMMAS_MAX:
            return
        if key is not None and len(key) > KEY_BYTES_MAX:
            return
        self._missed += 1
        try:
            self._learn(key, data.decode(), found)
        except NeedsRecord:
            self._unfit.add(number)
        except Exception:  # noqa: BLE001 records of this form are decoded, as before
            return

    def _learn(self, key: bytes | None, text: str, found: Found) -> None:
        number = found[0]
        for one in self._by_kind[number]:
            if one.read(text) == found:
                self._remember(key, one)
                return
        if self._learnt >= LEARN_FREE + self._missed // LEARN_EVERY:
            return
        self._learnt += 1
        one = self._make(number, text)
        if one.read(text) == found:  # otherwise a value is written in another way than a hole takes
            same = [known for known in self._by_kind[number] if known.form != one.form]
            self._by_kind[number] = [*same[-STENCILS_MAX + 1 :], one]
            self._remember(key, one)

    def _remember(self, key: bytes | None, one: Stencil) -> None:
        if key not in self._by_key and len(self._by_key) >= KEYS_MAX:
            self._by_key.clear()
        alive = {id(known.read) for kind in self._by_kind for known in kind}
        others = [read for read in self._by_key.get(key, ()) if id(read) in alive and read is not one.read]
        self._by_key[key] = (one.read, *others[: PER_KEY_MAX - 1])

    def _make(self, number: int, text: str) -> Stencil:
        names: dict[str, Any] = {}
        lines = StencilText(f"k{number}_", names, self._kept, text)
        for kind in self._table.records:
            for path in kind.when:
                lines.pin(path)
        write_kind(lines, number, self._table, self._box)
        form, spare = lines.form(), lines.spare()
        differ: set[int] = set()
        for known in self._by_kind[number]:
            if known.form == form:
                differ = known.differ | {at for at, value in enumerate(spare) if value != known.spare[at]}
        source = lines.function("read", self._table.records[number].type)
        names["match"] = re.compile(lines.pattern(differ)).fullmatch
        exec(compile(source, "<stencil>", "exec"), names)
        return Stencil(form, spare, differ, source, names["read"])

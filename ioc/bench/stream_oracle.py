"""What an oracle is, and how it compares.

An oracle works out what must come out of a job by its own slow and simple code (dictionaries and ``json`` from the
standard library), from the rules as the documents state them; it shares no code with the steps. It looks at the made
records alone, and later at what was really in the output topics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ioc.bench.stream_made import Made

SHOWN = 5  # differences that are printed

Row = tuple[int, bytes, bytes | None]  # partition, key, value
Outputs = Mapping[str, Iterable[Row]]  # logical topic → records, in the order of their partition


class Oracle(Protocol):
    """Knows the truth about one made stream."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Logical topics to read."""

    @property
    def counts(self) -> dict[str, int]:
        """What the stream holds, in words for the report."""

    def see(self, made: Made, partition: int) -> None:
        """Take one record in; records of a partition come in their order."""

    def differences(self, outputs: Outputs) -> list[str]:
        """Everything that is missing, too much or wrong, one sentence each; empty when all is right."""

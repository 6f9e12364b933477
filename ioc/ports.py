"""What services ask of the outside, as Protocols; each method states its ordering and delivery promise.

``ioc.adapters`` implements them on the real parts and in memory.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall clock in epoch milliseconds."""

    def __call__(self) -> int: ...

"""Quantiles and numbers of different values in bounded memory, mergeable, independent of order.

* :class:`Sketch` keeps counts of numbers in buckets whose edges grow geometrically, after the idea of Masson, Rim and
  Lee, "DDSketch" (VLDB 2019): a quantile is right to ``ERROR`` of its value. When there are more than ``BUCKETS_MAX``
  buckets, those nearest to zero are joined, so the error bound then holds for the greater magnitudes only.
* :class:`Distinct` holds 64-bit hashes of the different values; beyond ``EXACT_MAX`` of them it becomes a HyperLogLog
  (Flajolet and others, 2007) of 1,024 registers with a standard error of ``DISTINCT_ERROR``, and the answer says so.
"""

from __future__ import annotations

from hashlib import blake2b
from math import ceil, exp, log, sqrt

from msgspec import Struct

ERROR = 0.01  # relative error of a quantile
BUCKETS_MAX = 512  # per sign; together at most 1,024 buckets, about 12 KB in the checkpoint at the very worst
_STEP = log((1 + ERROR) / (1 - ERROR))
TINY = 1e-9  # smaller magnitudes count as zero

EXACT_MAX = 64
_BITS = 10
_REGISTERS = 1 << _BITS
DISTINCT_ERROR = 1.04 / sqrt(_REGISTERS)  # 3.25 %


class Sketch(Struct, array_like=True):
    """Counts of the values above zero, below zero, and at zero."""

    above: dict[int, int] = {}
    below: dict[int, int] = {}
    zeros: int = 0

    def add(self, value: float) -> None:
        """Take one number in."""
        if value > TINY:
            _count(self.above, ceil(log(value) / _STEP), 1)
        elif value < -TINY:
            _count(self.below, ceil(log(-value) / _STEP), 1)
        else:
            self.zeros += 1

    def merge(self, other: Sketch) -> Sketch:
        """Sketch of both, which must be of different events."""
        both = Sketch(dict(self.above), dict(self.below), self.zeros + other.zeros)
        for mine, theirs in ((both.above, other.above), (both.below, other.below)):
            for index in sorted(theirs):
                _count(mine, index, theirs[index])
        return both

    def quantile(self, q: float) -> float | None:
        """The number at rank ``q`` (0 least, 1 greatest), within ``ERROR`` of it; None while there is none."""
        total = sum(self.above.values()) + sum(self.below.values()) + self.zeros
        if not total:
            return None
        rank = q * (total - 1)
        passed = 0
        for index in sorted(self.below, reverse=True):
            passed += self.below[index]
            if passed > rank:
                return -_middle(index)
        passed += self.zeros
        if passed > rank:
            return 0.0
        for index in sorted(self.above):
            passed += self.above[index]
            if passed > rank:
                return _middle(index)
        return _middle(max(self.above))  # only by rounding of the rank


def _count(held: dict[int, int], index: int, n: int) -> None:
    """Add to a bucket; with too many, the least joins its neighbour. What is kept depends on the values alone."""
    if index not in held and len(held) >= BUCKETS_MAX:
        least = min(held)
        if index < least:
            index = least
        else:
            joined = held.pop(least)
            held[index] = n
            held[min(held)] += joined
            return
    held[index] = held.get(index, 0) + n


def _middle(index: int) -> float:
    return 2 * exp(index * _STEP) / (1 + exp(_STEP))


class Distinct(Struct):
    """Different texts: their hashes, or the registers of a HyperLogLog in hexadecimal digits."""

    hashes: list[int] = []
    registers: str = ""

    @property
    def exact(self) -> bool:
        """Is the answer a count, not an estimate?"""
        return not self.registers

    def add(self, text: str) -> None:
        """Take one value in."""
        self._put(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big"))

    def merge(self, other: Distinct) -> Distinct:
        """Different values of both."""
        both = Distinct(list(self.hashes), self.registers)
        if other.registers:
            both._become_registers()
            pairs = zip(_unpack(both.registers), _unpack(other.registers), strict=True)
            both.registers = bytes(max(a, b) for a, b in pairs).hex()
        for value in other.hashes:
            both._put(value)
        return both

    def count(self) -> int:
        """How many; exact up to ``EXACT_MAX``."""
        if not self.registers:
            return len(self.hashes)
        registers = _unpack(self.registers)
        estimate = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2 / sum(2.0**-r for r in registers)
        empty = registers.count(0)
        if estimate <= 2.5 * _REGISTERS and empty:
            estimate = -_REGISTERS * log(empty / _REGISTERS)
        return round(estimate)

    def _put(self, value: int) -> None:
        if not self.registers:
            if value in self.hashes:
                return
            self.hashes.append(value)
            self.hashes.sort()
            if len(self.hashes) > EXACT_MAX:
                self._become_registers()
            return
        at, rank = _place(value)
        if rank > int(self.registers[2 * at : 2 * at + 2], 16):
            self.registers = f"{self.registers[: 2 * at]}{rank:02x}{self.registers[2 * at + 2 :]}"

    def _become_registers(self) -> None:
        if self.registers:
            return
        registers = bytearray(_REGISTERS)
        for value in self.hashes:
            at, rank = _place(value)
            registers[at] = max(registers[at], rank)
        self.hashes, self.registers = [], registers.hex()


def _unpack(registers: str) -> bytes:
    return bytes.fromhex(registers)


def _place(value: int) -> tuple[int, int]:
    """Register of a hash, and the position of the first 1 in the rest."""
    rest = value & ((1 << (64 - _BITS)) - 1)
    return value >> (64 - _BITS), 64 - _BITS - rest.bit_length() + 1

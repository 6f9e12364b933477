"""A small pure step, and the checker that says whether a run of it was exact.

The step tallies a number per key. Every chunk emits the absolute tally of each key it touched together with the input
offset it is good for, so the checker can compare every single output with the input log: a lost record, a record
applied twice and a stale owner all show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from ioc.pipeline.effects import Effects, Emit, Record

OUT, DEAD, NOTICE = "events", "dead", "feeds"


class Item(Struct):
    """One input record. ``urgent`` asks for a flush at once."""

    v: int
    urgent: bool = False


class Tally(Struct):
    """State of a key: count and sum up to the input offset ``off``."""

    src: str
    off: int
    n: int
    total: int


encode, decode_item = msgspec.json.encode, msgspec.json.Decoder(Item).decode
decode_tally = msgspec.json.Decoder(Tally).decode


class ToyStep:
    """Tallies; sends what it cannot read to ``dead``; announces once per life, on its first tick."""

    def __init__(self, topic: str, partition: int) -> None:
        self.source = f"{topic}/{partition}"
        self.tallies: dict[str, Tally] = {}
        self.dirty: set[str] = set()
        self.announced = False

    def load(self, key: str, value: bytes) -> None:
        self.tallies[key] = decode_tally(value)

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        touched: dict[str, None] = {}
        emits, urgent = [], False
        for record in records:
            key = (record.key or b"").decode()
            try:
                item = decode_item(record.value or b"")
            except msgspec.DecodeError:
                emits.append(Emit(DEAD, record.key or b"", encode({"src": self.source, "off": record.offset})))
                continue
            tally = self.tallies.setdefault(key, Tally(self.source, -1, 0, 0))
            tally.off, tally.n, tally.total = record.offset, tally.n + 1, tally.total + item.v
            touched[key] = None
            urgent |= item.urgent
        emits += [Emit(OUT, key.encode(), encode(self.tallies[key])) for key in touched]
        self.dirty.update(touched)
        return Effects(emits, urgent)

    def tick(self, now_ms: int) -> Effects:
        if self.announced:
            return Effects([])
        self.announced = True
        emit = Emit(NOTICE, self.source.encode(), encode({"at_ms": now_ms, "keys": len(self.tallies)}))
        return Effects([emit])

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        dirty, self.dirty = self.dirty, set()
        return [(key, encode(self.tallies[key])) for key in sorted(dirty)]


class Log(Struct):
    """What the checker reads: (offset, key, value) of every source ``topic/partition``, and what came of it."""

    inputs: dict[str, list[tuple[int, str, bytes]]]
    outputs: list[Tally]  # in log order per key
    output_keys: list[str]
    dead: list[dict[str, Any]]
    state: dict[str, dict[str, Tally]]  # source → key → tally, as a new owner would load it
    positions: dict[str, int]


def check(log: Log) -> list[str]:
    """Everything that is not exact; empty when nothing was lost, repeated or overwritten by a stale owner."""
    history: dict[tuple[str, str], dict[int, tuple[int, int]]] = defaultdict(dict)
    poison: set[tuple[str, int]] = set()
    problems = []
    for source, records in log.inputs.items():
        totals: dict[str, tuple[int, int]] = {}
        for offset, key, value in records:
            try:
                item = decode_item(value)
            except msgspec.DecodeError:
                poison.add((source, offset))
                continue
            n, total = totals.get(key, (0, 0))
            totals[key] = history[source, key][offset] = (n + 1, total + item.v)
        if records and log.positions.get(source) != records[-1][0] + 1:
            problems.append(f"{source}: position {log.positions.get(source)}, log ends with {records[-1][0]}")
    problems += _check_outputs(log, history)
    for (source, key), offsets in history.items():
        state = log.state.get(source, {}).get(key)
        last = max(offsets)
        if state is None or (state.off, state.n, state.total) != (last, *offsets[last]):
            problems.append(f"state of {source} {key} is {state}, wanted {(last, *offsets[last])}")
    dead = [(d["src"], d["off"]) for d in log.dead]
    problems += [f"dead letter of {d} {dead.count(d)} times" for d in sorted(set(dead)) if dead.count(d) != 1]
    problems += [f"dead letter of {d} is missing" for d in sorted(poison - set(dead))]
    problems += [f"dead letter of {d}, which is good" for d in sorted(set(dead) - poison)]
    return problems


def _check_outputs(log: Log, history: dict[tuple[str, str], dict[int, tuple[int, int]]]) -> Iterable[str]:
    last: dict[tuple[str, str], int] = {}
    for tally, key in zip(log.outputs, log.output_keys, strict=True):
        name = (tally.src, key)
        if history[name].get(tally.off) != (tally.n, tally.total):
            yield f"output {name} at {tally.off}: {(tally.n, tally.total)}, wanted {history[name].get(tally.off)}"
        if tally.off <= last.get(name, -1):
            yield f"output {name} at {tally.off} after one at {last[name]}"
        last[name] = max(tally.off, last.get(name, -1))
    for name, offsets in history.items():
        if offsets and last.get(name) != max(offsets):
            yield f"last output of {name} is at {last.get(name)}, wanted {max(offsets)}"

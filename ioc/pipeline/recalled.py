"""Readings that wait for their turn, read anew from the checkpoint: after a restart, and under other rules."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ioc.pipeline.arrivals import decode_arrival
from ioc.pipeline.board import Board
from ioc.pipeline.in_order import as_waiting
from ioc.pipeline.instants import Instants
from ioc.pipeline.routes import Turn


def recalled_turns(kept: Iterable[tuple[int, bytes]], board: Board, instant: Instants) -> tuple[list[Turn], int]:
    """(readings in the order in which they wait again, how many were of a type that is not known any more).

    Args:
        kept: offset and value of each record.
        board: the rules as they are now; what none of them wants any more is left out.
        instant: reads times.
    """
    turns: list[Turn] = []
    undecodable = 0
    for offset, value in sorted(kept):
        try:
            event = decode_arrival(value)
            time_ms, arrived_ms = instant(event.time), instant(event.recordedtime)
            route = board.route(event, time_ms)
            payload = None if route.decode is None else route.decode(event.data)
        except (msgspec.MsgspecError, ValueError, KeyError):
            undecodable += 1
            continue
        if route.judged:
            turns.append((time_ms, event.id, offset, arrived_ms, route, payload, event.area, value))
    return sorted(turns, key=as_waiting), undecodable

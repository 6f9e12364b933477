"""The life cycle's table as text for ``docs/alerts.md``; a test keeps the document equal to it."""

from __future__ import annotations

from ioc.domain.lifecycle import EVENTS, MEANING, PLACES, TABLE, Move, Place, State, targets


def _state(place: Place) -> State:
    return {"LATCHED": "ACKED", "ONCE": "SHLVD"}.get(bare := place.rstrip("+-"), bare)  # type: ignore[return-value]


def diagram() -> str:
    """As a Mermaid state diagram of the letter words; moves that stay within one word are left to the table."""
    ways: dict[tuple[State, State], list[str]] = {}
    for place in PLACES:
        for event in EVENTS:
            for to in targets(place, event):
                said = ways.setdefault((_state(place), _state(to)), [])
                if _state(place) != _state(to) and event not in said:
                    said.append(event)
    lines = ["stateDiagram-v2", "    [*] --> NORM"]
    lines += [f"    {one} --> {other}: {', '.join(events)}" for (one, other), events in ways.items() if events]
    return "\n".join(lines)


def table() -> str:
    """All pairs as a Markdown table, an event per row; refusals in italics."""
    lines = ["| event | " + " | ".join(f"`{place}`" for place in PLACES) + " |", "| --- |" + " --- |" * len(PLACES)]
    for event in EVENTS:
        cells = []
        for place in PLACES:
            cell = TABLE[place][event]
            to = "/".join(targets(place, event))
            cells.append(f"**{to}** {cell.reason}" if isinstance(cell, Move) else f"*{cell.reason}*")
        lines.append(f"| {event} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def events() -> str:
    """What each event is, as a Markdown table."""
    return "\n".join(["| event | what happened |", "| --- | --- |", *(f"| {e} | {MEANING[e]} |" for e in EVENTS)])

"""Would a refused record go through now? Asked of the intake step itself, with the profile at hand, before sending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from ioc.domain.measures import DeadLetter
from ioc.domain.profile import Profile
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.redriven import REDRIVE_MAX_MS
from ioc.wire.codec import decode_dead, decode_event

HEARTBEAT = "source.heartbeat"  # proves that a link lived then, not that it lives now: never driven again
Outcome = Literal["good", "refused", "repeated", "heartbeat", "conflict", "too_old", "gone", "no_centre"]


class Forecast(Struct, frozen=True, kw_only=True):
    """What would become of a record.

    Attributes:
        outcome: ``good`` it would be an event · ``refused`` again · ``repeated`` the same event is in this run
            already · ``heartbeat`` · ``conflict`` its id belongs to another content, which stays · ``too_old`` it came
            more than 7 days ago · ``gone`` its bytes are nowhere any more · ``no_centre`` the profile has no such
            centre. A record of several lines is ``good`` when at least one of them would be an event.
        event_id: of the event; of the first one, where a record holds several lines.
        code: the reason of a refusal, from the closed list; of the first line that is refused.
        detail: one sentence.
    """

    outcome: Outcome
    event_id: str = ""
    code: str = ""
    detail: str = ""


class Forecaster:
    """Asks one intake step per centre; remembers the ids of this run as the step does (at most 4 million)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._steps: dict[str, IntakePartition] = {}
        self._make: Callable[[str], IntakePartition] = lambda centre: IntakePartition(profile, centre, 0)

    def ask(self, letter: DeadLetter, value: bytes | None, now_ms: int) -> Forecast:
        """What would become of ``value``, the original bytes of ``letter``, if it were sent now."""
        if letter.centre not in self._profile.centre_ids or letter.topic != f"raw.{letter.centre}":
            return Forecast(outcome="no_centre", detail=f"the profile has no topic {letter.topic}")
        if letter.code == "id_conflict":  # once the memory of ids has let go of the first content, it would go through
            return Forecast(outcome="conflict", detail="another content has this id; the first one stays")
        if value is None:
            return Forecast(outcome="gone", detail="neither the raw topic nor the sample holds the whole record")
        if not now_ms - REDRIVE_MAX_MS <= letter.received_ms <= now_ms:
            return Forecast(outcome="too_old", detail="it came more than 7 days ago")
        step = self._steps.get(letter.centre) or self._steps.setdefault(letter.centre, self._make(letter.centre))
        emits = step.step([InRecord(letter.offset, letter.received_ms, None, value)], now_ms).emits
        step.take_dirty()  # nothing is kept of this run
        if not emits:
            return Forecast(outcome="repeated", detail="the same event is driven again already")
        events = [decode_event(emit.value or b"") for emit in emits if emit.topic == "events"]
        if any(event.type == HEARTBEAT for event in events):
            return Forecast(
                outcome="heartbeat", event_id=events[0].id, detail="a heartbeat of the past proves nothing now"
            )
        refused = [decode_dead(emit.value or b"") for emit in emits if emit.topic == "dead"]
        if not events:
            again = refused[0]
            return Forecast(outcome="refused", code=again.code, detail=f"{again.path}: {again.detail}".lstrip(": "))
        detail = f"{len(refused)} of its {len(emits)} lines would be refused" if refused else ""
        return Forecast(outcome="good", event_id=events[0].id, detail=detail)

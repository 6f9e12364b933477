"""The silences of an installation: their commands, their time, what they hid, and their records in ``desk``.

``silence/<id>`` is a silence as people see it. ``@silence/hid/<silence>/<alert>`` says that it hid an alert, so that
each is counted once; ``@silence/answer/<command>`` is the answer to a command, so that a repeat has the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.covers import Cover
from ioc.domain.desk import Explanation
from ioc.domain.handling import SHIFT_S
from ioc.domain.handover import Suppressing
from ioc.domain.matcher import Names
from ioc.domain.matcher_words import MatcherWords
from ioc.domain.silences import ENDING_MS, KEPT_MS, Silence, SilenceCommand, about, decide, end, mismatch, news
from ioc.domain.times import CLOCK_BACK_MS
from ioc.pipeline.answer_book import AnswerBook
from ioc.wire.codec import decode_silence, encode

PREFIX = "silence/"
_HID, _ANSWER = "@silence/hid/", "@silence/answer/"
LONGEST_MS = (
    SHIFT_S * 1000 + CLOCK_BACK_MS
)  # more is left only when a clock was set back: what is lost fails towards visible


class SilenceBook:
    """All silences, running ones and those that ended within a day."""

    def __init__(self) -> None:
        self.silences: dict[str, Silence] = {}
        self._running: list[Silence] = []  # by id
        self._hid: dict[str, set[str]] = {}
        self._answers = AnswerBook(_ANSWER)
        self._dirty: dict[str, bytes | None] = {}

    def load(self, key: str, value: bytes) -> None:
        """Take one record back, in any order."""
        if key.startswith(_HID):
            silence, _, alert = key.removeprefix(_HID).partition("/")
            self._hid.setdefault(silence, set()).add(alert)
        elif key.startswith(_ANSWER):
            self._answers.load(key, value)
        elif key.startswith(PREFIX):
            silence_read = decode_silence(value)
            self.silences[silence_read.id] = silence_read
            self._gather()

    def command(self, command: SilenceCommand, names: Names, now_ms: int) -> tuple[LogEntry, bool]:
        """Answer a command: the line for the log, and whether the silences are others now."""
        again = self._answers.again(command, lambda: mismatch(command, now_ms))
        if again is not None:
            return again, False
        known = self.silences.get(command.silence_id)
        decision = decide(known, len(self._running), command, names, now_ms)
        self._answers.remember(command, decision.entry)
        if decision.silence is not None:
            self._put(decision.silence)
        return decision.entry, decision.silence is not None

    def elapse(self, now_ms: int) -> tuple[list[LogEntry], bool]:
        """Let time pass: lines for the log, and whether a silence ended."""
        lines: list[LogEntry] = []
        ended = False
        for silence in list(self._running):
            if now_ms >= silence.end_ms or silence.end_ms - now_ms > LONGEST_MS:
                after = end(silence, now_ms)
                self._put(after)
                lines.append(news(after, "silence-ended", now_ms))
                ended = True
            elif not silence.ending and now_ms >= silence.end_ms - ENDING_MS:
                after = replace(silence, ending=True)
                self._put(after)
                # What is shorter than the warning is known to end soon by who has just made it.
                if silence.end_ms - silence.start_ms > ENDING_MS:
                    lines.append(news(after, "silence-ending", now_ms))
        for silence in list(self.silences.values()):
            if silence.state == "expired" and now_ms - (silence.ended_ms or 0) >= KEPT_MS:
                self._forget(silence.id)
        return lines, ended

    def in_force(self, words: MatcherWords) -> Iterator[Suppressing]:
        """Those that run, as a shift hands them over."""
        for one in self._running:
            about_vi, about_en = words.of(one.matcher)
            yield Suppressing(
                kind="silence",
                id=one.id,
                about=about(one.matcher),
                about_vi=about_vi,
                about_en=about_en,
                why_vi=one.reason,
                why_en=one.reason,
                owner=one.owner,
                owner_display=one.owner_display,
                since_ms=one.start_ms,
                until_ms=one.end_ms,
                hid=one.count,
            )

    def explanation(self, alert: Alert, present: str = "") -> Explanation | None:
        """Why a silence hides a live alert: ``present`` while it still does, otherwise the one with the lowest id."""
        if alert.exercise is not None:
            return None
        found = [silence for silence in self._running if silence.matcher.may_hide(alert)]
        if not found:
            return None
        return _explained_by(next((one for one in found if one.id == present), found[0]))

    def covers(self) -> list[Cover]:
        """What the running ones hide, for whoever has to know it beforehand."""
        return [Cover(id=one.id, explanation=_explained_by(one), target=one.matcher) for one in self._running]

    def hid(self, silence_id: str, alert_id: str) -> None:
        """A silence hides an alert: count it, once."""
        silence, alerts = self.silences.get(silence_id), self._hid.setdefault(silence_id, set())
        if silence is None or alert_id in alerts:
            return
        alerts.add(alert_id)
        self._dirty[f"{_HID}{silence_id}/{alert_id}"] = b"1"
        self._put(replace(silence, count=silence.count + 1))

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call."""
        rows, self._dirty = self._dirty | self._answers.take_dirty(), {}
        return sorted(rows.items())

    def _put(self, silence: Silence) -> None:
        self.silences[silence.id] = silence
        self._dirty[PREFIX + silence.id] = encode(silence)
        self._gather()

    def _gather(self) -> None:
        self._running = sorted(
            (one for one in self.silences.values() if one.state == "active"), key=lambda one: one.id
        )  # fmt: skip

    def _forget(self, silence_id: str) -> None:
        del self.silences[silence_id]
        self._dirty[PREFIX + silence_id] = None
        for alert_id in self._hid.pop(silence_id, ()):
            self._dirty[f"{_HID}{silence_id}/{alert_id}"] = None


def _explained_by(silence: Silence) -> Explanation:
    said = f"{silence.owner_display or silence.owner}: {silence.reason}"
    return Explanation(kind="silence", id=silence.id, until_ms=silence.end_ms, why_vi=said, why_en=said)

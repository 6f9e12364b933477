"""Runs the stories of a rule pack on the in-memory runner with a virtual clock, and says why one fails.

The whole of ``detect`` and ``alerting`` runs; readings come in canonical form. A repeated reading is dropped by the
memory of intake, as in the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from zlib import crc32

from msgspec import Raw, Struct, structs

from ioc.domain.alerts import Alert
from ioc.domain.events import Event
from ioc.domain.profile import Profile
from ioc.domain.spans import Span, clock, duration, span
from ioc.domain.times import parse_rfc3339, rfc3339
from ioc.pipeline.known_ids import KnownIds
from ioc.pipeline.runner import Runner
from ioc.services.rule_arrivals import Arrival, arrivals
from ioc.services.rule_stories import Expect, Never, Step, TestFile, Timeline
from ioc.wire import codec

WAITED_MS = 2_500  # after this, a reading in a quiet partition was judged (order_s of 2 s, and the steps of waiting)


class Story(Struct, frozen=True):
    """One alert from its first version to its last; times in milliseconds since the start of the test."""

    versions: tuple[Alert, ...]
    start_ms: int

    @property
    def first(self) -> Alert:
        """As it was raised."""
        return self.versions[0]

    @property
    def raised_ms(self) -> int:
        """When the province knew."""
        return self.first.raised_ms - self.start_ms

    @property
    def cleared_ms(self) -> int | None:
        """When it was known to be over; None while it holds."""
        last = self.versions[-1]
        return None if last.active or last.cleared_ms is None else last.cleared_ms - self.start_ms

    def __str__(self) -> str:
        first, gone = self.first, self.cleared_ms
        level = f" {first.level}" if first.level else ""
        over = "still on" if gone is None else f"cleared at {clock(gone)}"
        return f"{first.key} P{first.priority}{level} raised at {clock(self.raised_ms)}, {over}"


class Result(Struct, frozen=True, kw_only=True):
    """What became of one test; ``problems`` is empty when it passed, ``alerts`` tells what came out."""

    name: str
    passed: bool
    problems: tuple[str, ...]
    alerts: tuple[str, ...]


def run_file(file: TestFile, profile: Profile) -> list[Result]:
    """Run every story of a file."""
    return [run_test(test, file.rule, profile) for test in file.tests]


def run_test(test: Timeline, rule: str, profile: Profile) -> Result:
    """Run one story and judge what came out."""
    stories = play(test, profile)
    problems = judge(test, rule, stories)
    return Result(
        name=test.name,
        passed=not problems,
        problems=tuple(problems),
        alerts=tuple(str(story) for story in stories),
    )


def play(test: Timeline, profile: Profile) -> list[Story]:
    """All alerts of a story, in the order in which they were raised."""
    start_ms = parse_rfc3339(test.start)
    tick_ms, lasts_ms = duration(test.tick), duration(test.lasts)
    runner = Runner(profile, start_ms, tick_every_ms=tick_ms, with_intake=False, with_checkpoints=False)
    known = KnownIds()
    waiting = arrivals(test, profile)
    at = 0
    for passed_ms in [*range(tick_ms, lasts_ms, tick_ms), lasts_ms]:
        runner.advance(start_ms + passed_ms - runner.now_ms)
        batch = []
        while at < len(waiting) and waiting[at].arrives_ms <= passed_ms:
            one = waiting[at]
            at += 1
            own_id = one.id if one.exercise is None else f"{one.exercise}|{one.id}"
            if known.see(f"{one.centre}/{own_id}", crc32(one.data), start_ms + one.arrives_ms) == "new":
                batch.append(_event(one, start_ms))
        if batch:
            runner.events(batch)
            if tick_ms > WAITED_MS:
                runner.advance(WAITED_MS)  # a coarse tick does not make what waits for its turn wait longer
    versions: dict[str, list[Alert]] = {}
    for record in runner.records("alerts"):
        if record.value is not None and not (record.key or b"").startswith(b"@"):
            alert = codec.decode_alert(record.value)
            versions.setdefault(alert.id, []).append(alert)
    stories = [Story(tuple(each), start_ms) for each in versions.values()]
    return sorted(stories, key=lambda story: (story.raised_ms, story.first.id))


def judge(test: Timeline, rule: str, stories: Sequence[Story]) -> list[str]:
    """Every expectation that was not met, one sentence each."""
    problems: list[str] = []
    left = list(stories)
    for expect in test.expect:
        fitting = [story for story in left if _is_of(expect, rule, story)]
        missed = [(story, _missed(expect, story)) for story in fitting]
        hit = next((story for story, said in missed if not said), None)
        if hit is not None:
            left.remove(hit)
        elif missed:
            left.remove(missed[0][0])
            problems += [f"{_name(expect, rule)}: {said}" for said in missed[0][1]]
        else:
            problems.append(f"{_name(expect, rule)} should be raised within {span(expect.raised)}, but never was")
        if expect.not_before is not None:
            earliest_ms = duration(expect.not_before)
            problems += [
                f"{_name(expect, rule)} must not be raised before {clock(earliest_ms)}, but was: {story}"
                for story in stories
                if _is_of(expect, rule, story) and story.raised_ms < earliest_ms
            ]
    for never in test.never:
        problems += [
            f"{_name(never, rule)} must not appear, but did: {story}"
            for story in stories
            if _is_of(never, rule, story) and _did(never, story)
        ]
    if test.others == "refused":
        problems += [f"no expectation names this alert: {story}" for story in left if story.first.rule == rule]
    return problems


def _event(one: Arrival, start_ms: int) -> tuple[str, bytes]:
    area, feed = one.site.area, one.site.feed
    event = Event(
        specversion="1.0",
        id=one.id,
        source=f"/{one.centre}/{feed}/{one.site.id}",
        type=one.type,
        subject=area,
        time=rfc3339(start_ms + one.time_ms),
        recordedtime=rfc3339(start_ms + one.arrives_ms),
        centre=one.centre,
        area=area,
        feed=feed,
        data=Raw(one.data),
    )
    if one.exercise is not None:
        event = structs.replace(event, exercise=one.exercise)
    return event.topic_key, codec.encode(event)


def _name(wanted: Expect | Never, rule: str) -> str:
    words = [wanted.rule or rule]
    for name in ("centre", "area", "site", "object", "exercise", "level"):
        value = getattr(wanted, name)
        if value is not None:
            words.append(f"{name} {value}")
    if wanted.priority is not None:
        words.append(f"P{wanted.priority}")
    return " ".join(words)


def _is_of(wanted: Expect | Never, rule: str, story: Story) -> bool:
    """Same rule, same object, same drill."""
    first = story.first
    return (
        first.rule == (wanted.rule or rule)
        and wanted.centre in (None, first.centre)
        and wanted.area in (None, first.area)
        and wanted.site in (None, first.site)
        and wanted.object in (None, first.key.split("|", 2)[2])
        and wanted.exercise == first.exercise
    )


def _did(never: Never, story: Story) -> bool:
    """Was there a version with that level and priority within the span?"""
    where = Span(0, 2**62) if never.within is None else span(never.within)
    return any(
        never.level in (None, one.level)
        and never.priority in (None, one.priority)
        and one.active
        and max(one.updated_ms, one.raised_ms) - story.start_ms in where
        for one in story.versions
    )


def _missed(expect: Expect, story: Story) -> list[str]:
    """What of the expectation this alert does not meet."""
    first, found = story.first, []
    if story.raised_ms not in span(expect.raised):
        found.append(f"should be raised within {span(expect.raised)}, but was at {clock(story.raised_ms)}")
    for name in ("level", "priority", "title_vi", "title_en"):
        wanted, real = getattr(expect, name), getattr(first, name)
        if wanted is not None and wanted != real:
            found.append(f"should be raised with {name} {wanted!r}, but had {real!r}")
    found += _steps_missed(expect.steps, story)
    gone_ms = story.cleared_ms
    if expect.cleared == "never":
        if gone_ms is not None:
            found.append(f"should stay, but cleared at {clock(gone_ms)}")
    elif expect.cleared is not None and gone_ms not in span(expect.cleared):
        real = "is still on" if gone_ms is None else f"did at {clock(gone_ms)}"
        found.append(f"should clear within {span(expect.cleared)}, but {real}")
    return found


def _steps_missed(steps: Sequence[Step], story: Story) -> list[str]:
    """Each step is the first change, after the one before, that brings what it names."""
    changes = [(one.updated_ms - story.start_ms, before, one) for before, one in pairwise(story.versions)]
    for step in steps:
        while changes:
            at_ms, before, one = changes.pop(0)
            if _brings(step, one) and not _brings(step, before):
                if at_ms not in span(step.within):
                    return [f"should become {_words(step)} within {span(step.within)}, but did at {clock(at_ms)}"]
                break
        else:
            return [f"should become {_words(step)} within {span(step.within)}, but never did"]
    return []


def _brings(step: Step, alert: Alert) -> bool:
    names = ("level", "priority", "blind", "count")
    return step.muted in (None, bool(alert.muted_by)) and all(
        getattr(step, name) in (None, getattr(alert, name)) for name in names
    )


def _words(step: Step) -> str:
    names = ("level", "priority", "blind", "muted", "count")
    return ", ".join(f"{name} {getattr(step, name)}" for name in names if getattr(step, name) is not None)

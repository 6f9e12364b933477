"""Records that are not sent under the native id of their site: events, but their feed says so."""

from __future__ import annotations

import pytest

from ioc.pipeline.runner import Runner
from ioc.wire.codec import decode_feed
from tests.pipeline.made_up import NOW, level, profile, record


def unkeyed(runner: Runner) -> int:
    newest = {
        one.key: one.value or b"" for one in runner.records("feeds") if (one.key or b"").startswith(b"alpha/water/")
    }
    return sum(decode_feed(value).unkeyed for value in newest.values())


@pytest.mark.parametrize(("keys", "events", "strays"), [((b"w-1", b"w-1"), 1, 0), ((b"w-1", b"other"), 2, 1)])
def test_the_same_record_under_another_key_is_an_event_that_the_feed_tells_of(
    keys: tuple[bytes, bytes], events: int, strays: int
) -> None:
    """Only records of one partition can be compared; the second event is in the history once, by its id and time."""
    runner = Runner(profile(), NOW, with_desk=False)
    for key in keys:
        runner.native("alpha", key, record(level()).value or b"")
    runner.advance(5_000)
    assert len(runner.records("events")) == events
    assert unkeyed(runner) == strays


def test_what_was_counted_survives_our_restart() -> None:
    runner = Runner(profile(), NOW, with_desk=False)
    runner.native("alpha", b"other", record(level()).value or b"")
    runner.crash("raw.alpha")
    runner.advance(5_000)
    assert unkeyed(runner) == 1

"""What becomes of attempts without an outcome, and what is tried at the same time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ioc.pipeline.claims import ALONE_AFTER, UNANSWERED, Due, together, unanswered
from ioc.pipeline.notices import BACKOFF_FIRST_MS, BACKOFF_MAX_MS, GIVE_UP_AFTER_MS, JITTER, Delivery, Notice, begun
from tests.samples import T0_MS

NOTICE = Notice(id="n-1", channel="hook", target="https://hook.example/a", alert_id="A-1", body="{}")


def test_an_attempt_without_an_outcome_counts_from_its_beginning() -> None:
    found = unanswered(begun(NOTICE, T0_MS), T0_MS + 7)
    assert (found.state, found.attempts, found.error, found.notice) == ("due", 1, UNANSWERED, NOTICE)
    assert BACKOFF_FIRST_MS <= found.due_ms - T0_MS - 7 <= BACKOFF_FIRST_MS * (1 + JITTER)


def test_a_delivery_that_ends_every_notifier_is_tried_ever_more_seldom_and_given_up() -> None:
    delivery: Delivery = begun(NOTICE, T0_MS)
    waits = []
    while delivery.state == "due":
        began_ms = delivery.due_ms  # a notifier is always there and tries it at once
        delivery = unanswered(delivery, began_ms)
        waits.append(delivery.due_ms - began_ms)
    assert delivery.state == "dead"
    assert waits[0] >= BACKOFF_FIRST_MS
    assert all(after >= before for before, after in pairwise(waits[:8]))
    assert max(waits) <= BACKOFF_MAX_MS * (1 + JITTER)
    assert len(waits) < 8 + GIVE_UP_AFTER_MS / BACKOFF_MAX_MS + 1


@pytest.mark.parametrize(
    ("lost", "chosen"),
    [
        ([], ""),
        ([0, 0, 0], "abc"),
        ([0, ALONE_AFTER - 1, 0], "abc"),
        ([ALONE_AFTER, 0, 0], "a"),
        ([0, ALONE_AFTER, 0], "ac"),
        ([ALONE_AFTER, ALONE_AFTER + 3], "a"),
    ],
)
def test_what_was_lost_repeatedly_is_tried_alone_in_its_turn(lost: list[int], chosen: str) -> None:
    due = [Due(id=name, lost=n) for name, n in zip("abc", lost, strict=False)]
    assert "".join(together(due)) == chosen

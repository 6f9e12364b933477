"""A P1 that a silence or a window hides on purpose: nobody outside hears of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from ioc.domain.desk import Explanation
from ioc.domain.dispatch import Dispatch
from ioc.pipeline.notices import Judgeable, news
from tests.pipeline.test_notices import BASE, CHANNELS, LOGGED, raising
from tests.samples import T0_MS


@pytest.mark.parametrize("wait_s", [0, 5])
@pytest.mark.parametrize(
    ("kind", "state", "told"),
    [("silence", "DSUPR", 0), ("window", "DSUPR", 0), ("alert", "DSUPR", 1), ("silence", "SHLVD", 1), ("", "UNACK", 1)],
)
def test_a_p1_that_people_silenced_by_its_rule_is_told_to_nobody(
    kind: Any, state: Any, told: int, wait_s: float
) -> None:
    """And neither is its end. It does not wait: what is not hidden yet when it is judged is told."""
    by = Explanation(kind=kind, id="S-1") if kind else None
    hidden = {"state": state, "suppression": "by-design" if state == "DSUPR" else "none", "explained": by}
    line = raising(1, 1, **hidden)
    ended = structs.replace(line.entry, what="closed", from_state="DSUPR", to_state="NORM", version=3, event_ms=T0_MS)
    where = structs.replace(BASE, dispatch=Dispatch(channels=CHANNELS, routes=(LOGGED,), group_wait_s=wait_s))
    assert len(news([line], where, T0_MS)) == told
    over = Judgeable(2, ended, raising(1, 1, closed=True, active=False).alert)
    assert len(news([line, over], where, T0_MS)) == 2 * told
    assert len(news([line, over], where, T0_MS, {"A-1"})) == 1 + told, "who heard of it hears of its end"

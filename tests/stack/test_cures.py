"""A process that others cannot go on with is restarted: who blames it, how often, and when it is left alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.stack import cures, plan
from ioc.stack.cures import BLAMED_TIMES, BLAMED_WITHIN_S, REST_S, Blame
from stream_jobs.exits import Exit
from tests.stack.toys import QUICK, Run, made, shell, until

LATE_S = REST_S + 1.0


def test_one_death_is_not_enough_and_two_are() -> None:
    blame = Blame()
    assert not blame.died(LATE_S, 0.0)
    assert blame.died(LATE_S + 5.0, 0.0)
    assert not blame.died(LATE_S + 6.0, 0.0), "it begins to count anew"


def test_deaths_far_apart_are_chance() -> None:
    blame = Blame()
    assert not blame.died(LATE_S, 0.0)
    assert not blame.died(LATE_S + BLAMED_WITHIN_S + 1, 0.0)
    assert blame.died(LATE_S + BLAMED_WITHIN_S + 2, 0.0)


@pytest.mark.parametrize("up_since_s", [None, 1_000.0 - REST_S + 0.1])
def test_who_does_not_serve_or_has_just_come_up_is_left_alone(up_since_s: float | None) -> None:
    blame = Blame()
    assert not any(blame.died(1_000.0 + n * 0.01, up_since_s) for n in range(9))
    assert not blame.died(1_000.0 + REST_S, 0.0), "what was before does not count later"


@given(st.lists(st.floats(0.0, 120.0), max_size=60))
def test_a_restart_is_never_followed_by_another_within_its_rest(gaps_s: list[float]) -> None:
    blame, now_s, up_since_s = Blame(), 0.0, 0.0
    restarts = []
    for gap_s in gaps_s:
        now_s += gap_s
        if blame.died(now_s, up_since_s):
            restarts.append(now_s)
            up_since_s = now_s
        assert len(blame.deaths_s) < BLAMED_TIMES
    assert all(later - sooner >= REST_S for sooner, later in pairwise(restarts))


def test_the_plan_blames_kafka_by_the_code_of_the_workers() -> None:
    assert plan.UNANSWERED == Exit.UNANSWERED


@pytest.mark.parametrize(("code", "cured"), [(74, True), (71, False)])
async def test_the_supervisor_restarts_who_is_blamed(
    code: int, cured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cures, "REST_S", 0.0)
    ready = tmp_path / "broker.ready"
    broker = shell("broker", f"touch {ready}; exec sleep 1000", ready=made(ready))
    many = (
        shell(name, f"sleep 0.1; exit {code}", depends_on=("broker",), blames={74: "broker", 75: "nobody"})
        for name in ("first", "second")
    )
    async with Run(tmp_path, broker, *many, backoff=QUICK) as run:
        if cured:
            await until(lambda: run.restarts("broker") >= 1 and run.state("broker") == "running")
            assert any(line.startswith("broker is restarted: ") for line in run.lines)
        else:
            await until(lambda: run.restarts("first") >= 3 and run.restarts("second") >= 3)
            assert run.restarts("broker") == 0


def test_a_restart_that_does_not_help_is_repeated_ever_later() -> None:
    """The workers are slow themselves then, and those that are well would lose the broker again and again."""
    blame, up_since_s, restarts = Blame(), 0.0, []
    for now_s in range(0, 4 * 3600, 60):
        if blame.died(float(now_s), up_since_s):
            restarts.append(now_s)
            up_since_s = float(now_s)
    gaps = [later - sooner for sooner, later in pairwise(restarts)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= cures.REST_MAX_S
    assert len(restarts) < 9
    quiet_s = 4 * 3600 + cures.REST_MAX_S + 1
    assert not blame.died(quiet_s, 0.0)
    assert blame.died(quiet_s + 60, 0.0), "after an hour without a death it begins anew"

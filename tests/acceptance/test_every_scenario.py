"""``make scenarios``: what it plays and how it judges, without playing it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from ioc.adapters.profiles import load_profile
from simulators import scenario
from simulators.runs import Wish, plan_of
from tests.acceptance import every_scenario
from tests.acceptance.every_scenario import HEAD, LIVE, PACES, SPEED_LEAST, WHOLE_PACES, Row, judged, main, play, played
from tests.system import System

MESSAGES_S_MAX = 2_000  # beyond, two cores fall behind for minutes


def test_every_judged_scenario_is_played_at_what_is_promised() -> None:
    """As drills; and in the live picture too what expects no alerts but those that are judged by arrival."""
    assert set(judged()) == set(PACES) == set(WHOLE_PACES)
    profile = load_profile("dongnai-2023")
    arrival = {rule.id for rule in profile.rules if rule.kind in ("silence", "absence")}
    for name, pace in PACES.items():
        story = scenario.load(name)
        assert min(pace.speed, WHOLE_PACES[name].speed) >= SPEED_LEAST, name
        assert pace.live is None, name
        plan = plan_of(Wish(name=name, rate=pace.rate, dry=True), profile, now_ms=1_795_600_000_000, default_seed=1)
        assert plan.stream(profile).programme.per_second * pace.speed <= MESSAGES_S_MAX, name
        if story.expect and all(one.rule in arrival for one in story.expect):
            part = LIVE[name].live
            assert part is not None
            from_ms, to_ms = (1000 * s for s in part)
            for one in story.expect:
                assert from_ms <= one.raised_span.from_ms, name
                assert one.cleared_span is not None, name
                assert one.cleared_span.to_ms <= to_ms, name


def outcome(*kinds: str, **other: Any) -> dict[str, Any]:
    findings = [
        {"kind": kind, "what": f"alert {n}", "expected": "raised 5m", "seen": "", "reason": "no such alert"}
        for n, kind in enumerate(kinds)
    ]
    holds = all(kind in ("met", "not judged") for kind in kinds)
    return {
        "played_s": 3600.0, "from_s": 0.0, "took_s": 40.0, "speed": 120.0, "exercise": "all", "sent": 1_234,
        "behind_max_s": 10.0, "notes": [], "verdict": {"holds": holds, "alerts": 3, "findings": findings},
    } | other  # fmt: skip


def row(code: int, found: dict[str, Any] | None) -> Row:
    return Row(name="river-rise", code=code, wall_s=50, load=1.5, outcome=found, said="the broker is away")


def test_a_row_says_what_was_asked_reached_and_found() -> None:
    good = row(0, outcome("met", "met", "not judged"))
    assert good.holds
    assert dict(zip(HEAD, good.cells(), strict=True)) == {
        "scenario": "river-rise", "length": "1h", "asked": "x120", "reached": "x90", "sent": "1,234", "alerts": "3",
        "met": "2", "missing": "0", "unexpected": "0", "other": "0", "not judged": "1", "behind": "10.0 s",
        "wall": "50 s", "load": "1.5", "verdict": "holds",
    }  # fmt: skip


def test_a_drill_that_was_slower_than_promised_says_so() -> None:
    slow = row(0, outcome("met", took_s=90.0))
    assert slow.faults() == ["slow: x40 was reached, less than the x60 that is promised"]
    assert not row(0, outcome("met", took_s=62.0)).faults(), "the last acknowledgements take their time"
    assert not row(0, outcome("met", took_s=3600.0, exercise=None)).faults(), "the live picture"


@pytest.mark.parametrize(
    ("code", "found", "said"),
    [
        (1, outcome("met", "missing"), "DOES NOT HOLD"),
        (1, outcome("met", "late", "unexpected"), "DOES NOT HOLD"),
        (75, outcome("met"), "DOES NOT HOLD"),  # some messages were not acknowledged
        (4, outcome("not judged"), "DOES NOT HOLD"),  # nothing was judged
        (0, outcome("met", notes=["the end was not confirmed by a canary: …"]), "NOT HEARD TO ITS END"),
        (3, None, "FAILED, code 3"),
    ],
)
def test_what_does_not_hold_is_said(
    code: int,
    found: dict[str, Any] | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = row(code, found)
    assert not bad.holds
    assert bad.cells()[-1] == said
    assert len(bad.cells()) == len(HEAD)

    class NoSystem:
        def __init__(self, *_: object, **__: object) -> None: ...
        def start(self) -> None: ...
        def stop(self) -> None: ...

    monkeypatch.setattr(every_scenario, "System", NoSystem)
    monkeypatch.setattr(every_scenario, "play", lambda system, name, pace, exercise: bad)
    assert main(["river-rise"]) == 1
    assert "0 of 1 verdicts hold" in capsys.readouterr().out


class Command:
    """A system of which only the command line is there."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def cli(self, *words: str, **_: object) -> subprocess.CompletedProcess[str]:
        self.asked.append(words)
        return subprocess.CompletedProcess(words, 0, json.dumps(outcome("met")) + "\n", "")


def test_drills_have_ids_of_their_own_and_the_live_part_has_none(tmp_path: Path) -> None:
    command = Command()
    rows = list(played(cast(System, command), judged(), PACES, LIVE))
    assert sorted(one.name for one in rows) == sorted([*PACES, *LIVE])
    drills = [words[words.index("--exercise") + 1] for words in command.asked if "--exercise" in words]
    assert len(set(drills)) == len(drills) == len(PACES)
    (live,) = [words for words in command.asked if "--exercise" not in words]
    assert live == ("sim", "run", "source-loss", "--from", "560s", "--duration-s", "1910", "--json")
    assert play(cast(System, command), "river-rise", PACES["river-rise"], "d").holds


def test_a_name_that_is_none_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live"]) == 2, "it expects nothing"
    assert "not a judged scenario: live" in capsys.readouterr().err

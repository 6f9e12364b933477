"""``ioc bench stream`` and ``ioc bench restore`` on a real broker, small; and a run whose output is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ioc.adapters.profiles import load_profile
from ioc.bench import stream, stream_restore, stream_runs
from ioc.bench.stream_report import restore_report, stream_report
from ioc.bench.stream_runs import OracleFailed
from ioc.bench.stream_truth_intake import IntakeTruth
from ioc.cli import main
from ioc.domain.profile import Profile
from ioc.pipeline.board import OBJECTS_MAX
from ioc.settings import Settings
from tests.conftest import Stack

EVENTS = 4_000


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


def nothing(_what: str, _done: int, _total: int) -> None:
    """No progress bar."""


@pytest.mark.stack
@pytest.mark.timeout(240)
@pytest.mark.parametrize("job", ["intake", "detect"])
async def test_every_kind_is_measured_and_its_output_checked(stack: Stack, profile: Profile, job: Any) -> None:
    options = stream.Options(job=job, events=EVENTS, repeats=1, seed=5, kafka=stack.kafka)
    result = await stream.run(options, Settings(), profile, nothing)
    rows = {row.name: row for row in result.rows}
    assert rows.keys() == {kind.name for kind in options.kinds}
    for row in rows.values():
        assert row.records == (EVENTS * stream.STOCK_SHARE if row.name == stream.STOCK.name else EVENTS)
        assert 0 < row.step_cpu_s_per_million < row.cpu_s_per_million or row.name == stream.STOCK.name
        assert row.events_per_s > 0
        assert row.rss_max_mb > 20
    assert rows["product"].flush_ms[0] > 0
    assert result.ratio(stream.STOCK, stream.PRODUCT_NO_SINK) > 2  # type: ignore[operator]
    assert "product / floor: " in stream_report(result)


class OneMore(IntakeTruth):
    """An oracle that expects an event which nobody sent: to it the product has lost one."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        made = next(made for made in stream.made_stream("intake", profile, 100, 99) if b'"giao_thong"' in made.value)
        self.see(made._replace(value=made.value.replace(b'"ma_ban_tin":"', b'"ma_ban_tin":"never-')), 77)


@pytest.fixture
def lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "truth", lambda job, profile: OneMore(profile))
    monkeypatch.setattr(stream_runs, "SETTLE_LIMIT_S", 1.0)


@pytest.mark.stack
@pytest.mark.usefixtures("lost_one")
@pytest.mark.parametrize("sink", ["kafka", "none"])
async def test_a_run_that_lost_an_event_gives_no_number(stack: Stack, profile: Profile, sink: str) -> None:
    kind = stream.PRODUCT if sink == "kafka" else stream.PRODUCT_NO_SINK
    options = stream.Options(job="intake", events=500, repeats=1, seed=5, kafka=stack.kafka, kinds=(kind,))
    with pytest.raises(OracleFailed) as caught:
        await stream.run(options, Settings(), profile, nothing)
    assert any("never-" in text and "is missing" in text for text in caught.value.differences)


@pytest.mark.stack
@pytest.mark.usefixtures("lost_one")
def test_the_command_says_what_is_wrong_and_prints_no_number(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["bench", "stream", "intake", "--events", "500", "--repeats", "1", "--sink", "none", "--kafka", stack.kafka]
    )
    out = capsys.readouterr()
    assert code == 1
    assert out.out == ""
    assert "the output is wrong" in out.err
    assert "never-" in out.err


@pytest.mark.stack
@pytest.mark.timeout(240)
async def test_state_comes_back_and_work_goes_on_after_a_kill(stack: Stack, profile: Profile) -> None:
    settings = Settings(session_timeout_s=6.0)
    result = await stream_restore.run(2_400, stack.kafka, settings, profile)
    assert result.restore["keys"] >= 2_400
    assert result.restore["partitions"] == 12
    assert result.resumed.same_instance_s < 15
    assert result.resumed.new_instance_s < 15 + settings.session_timeout_s
    assert "restored in" in restore_report(result)


def test_more_keys_than_one_rule_keeps_are_made_under_more_rules(tmp_path: Path) -> None:
    keys = OBJECTS_MAX + 500
    profile = stream_restore.with_rules(Settings().profile, tmp_path / "profile", 2)
    objects = {key for key, value in stream_restore.state(profile, 3, keys) if key.startswith("object/") and value}
    assert keys <= len(objects) <= keys + 1


def test_a_summary_is_the_median_of_the_runs() -> None:
    def run(cpu_s: float) -> dict[str, Any]:
        return {
            **{"records": 2_000_000, "wall_s": cpu_s * 2, "cpu_s": cpu_s, "step_cpu_s": cpu_s / 2, "rss_max_mb": 90.0},
            **{"step_ms": [1.0, 2.0], "flush_ms": [3.0], "emits": 7},
        }

    row = stream.summary("x", [run(10.0), run(100.0), run(12.0)])
    assert row.cpu_s_per_million == 6.0
    assert row.step_cpu_s_per_million == 3.0
    assert row.events_per_s == pytest.approx(2_000_000 / 24)
    assert row.runs_cpu_s_per_million == [5.0, 50.0, 6.0]


@pytest.mark.parametrize(
    ("values", "found"),
    [([], (0.0, 0.0, 0.0)), ([5.0], (5.0, 5.0, 5.0)), ([float(i) for i in range(1, 101)], (50.0, 95.0, 99.0))],
)
def test_shares_are_nearest_ranks(values: list[float], found: tuple[float, float, float]) -> None:
    assert stream.shares(values) == found


def test_the_report_of_a_failed_run_shows_five_differences() -> None:
    text = str(OracleFailed("product", [f"event {i} is missing" for i in range(9)]))
    assert text.count("is missing") == 5
    assert "4 more" in text


def test_a_result_can_be_read_by_a_program() -> None:
    import msgspec

    options = stream.Options(job="detect", events=1, repeats=1, seed=1)
    result = stream.Result(options=options, machine=stream.machine(0), stream={}, rows=[])
    assert json.loads(msgspec.json.encode(result))["options"]["job"] == "detect"

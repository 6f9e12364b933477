"""How the Faust apps are set up: what is off stays off, and importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stream_jobs
from ioc.bootstrap import load_profile
from ioc.errors import BadSettings
from ioc.settings import Settings
from ioc.wire.topics import Topics
from stream_jobs.__main__ import main
from stream_jobs.agent import attach
from stream_jobs.app import JOBS, build, group_id, make_app
from stream_jobs.exits import Exit
from stream_jobs.transport import BatchTransport
from stream_jobs.worker import run_worker
from tests.stream_jobs.harness import ROOT
from tests.stream_jobs.toy_worker import toy_profile

SOURCES = {path.name: path.read_text() for path in Path(stream_jobs.__path__[0]).glob("*.py")}


@pytest.mark.parametrize("job", JOBS)
def test_what_is_off_stays_off(job: str, tmp_path: Path) -> None:
    app = make_app(job, Settings(data_dir=tmp_path), toy_profile())
    assert app.conf.id == f"ioc-{job}"
    assert app.conf.web_enabled is False
    assert str(app.conf.processing_guarantee) == "ProcessingGuarantee.AT_LEAST_ONCE"
    assert len(app.tables) == 0
    assert app.conf.table_standby_replicas == 0
    assert app.conf.topic_allow_declare is False
    assert isinstance(app.transport, BatchTransport)
    (agent,) = app.agents.values()
    assert agent.concurrency == 1
    assert Path(app.conf.datadir) == tmp_path.absolute() / "faust" / job


@pytest.mark.parametrize(("job", "count"), [("intake", 3), ("detect", 1), ("alerting", 1), ("desk", 1)])
def test_inputs_and_state_have_the_same_partitions(job: str, count: int) -> None:
    spec, _ = JOBS[job]
    topics = Topics("ioc.", ["a", "b", "c"])
    inputs = spec.inputs(topics)
    assert len(inputs) == count
    assert {topics.partitions(name) for name in inputs} == {topics.partitions(spec.state_topic)}
    assert spec.prefixed == (count > 1 or job == "detect")


@pytest.mark.parametrize("job", JOBS)
def test_the_steps_are_those_of_the_pipeline(job: str) -> None:
    profile = load_profile(Settings())
    spec, _ = JOBS[job]
    (first, *_) = spec.inputs(Topics("ioc.", profile.centre_ids))
    step = spec.make_step(profile, first, 0)
    assert type(step).__module__ == f"ioc.pipeline.{job}"
    assert step.take_dirty() == []


def test_the_group_is_named_after_the_installation() -> None:
    assert group_id("detect", Settings(topic_prefix="test-7.")) == "test-7-detect"


def forbidden_calls(source: str) -> set[str]:
    """Faust features that lose or repeat events (take), or hold state of their own (tables)."""
    banned = {"take", "take_events", "noack_take", "Table", "GlobalTable", "SetTable", "send_soon", "group_by"}
    return {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in banned
    }


def test_no_take_and_no_tables() -> None:
    assert {name: found for name, source in SOURCES.items() if (found := forbidden_calls(source))} == {}
    assert forbidden_calls("async for x in stream.take(5, 1): app.Table('t')") == {"take", "Table"}


def test_the_agents_guard_every_event() -> None:
    """No exception leaves an agent: everything in its loop is inside ``ending_on_error``."""
    for job, (_, attached) in JOBS.items():
        assert attached is attach, f"{job} has another agent"
        loops = [n for n in ast.walk(ast.parse(SOURCES["agent.py"])) if isinstance(n, ast.AsyncFor)]
        assert len(loops) == 1
        (guard,) = loops[0].body
        assert isinstance(guard, ast.AsyncWith)
        assert "ending_on_error" in ast.dump(guard.items[0])


def test_an_unknown_job_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadSettings, match="'cooking' is no job; choose intake, detect, alerting"):
        make_app("cooking", Settings(data_dir=tmp_path), toy_profile())
    with pytest.raises(BadSettings, match="'cooking' is no job"):
        run_worker("cooking", Settings(data_dir=tmp_path))
    assert main([]) == main(["cooking"]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_job_knows_its_topics(tmp_path: Path) -> None:
    job = build(*JOBS["alerting"], Settings(data_dir=tmp_path, topic_prefix="x."), toy_profile())
    assert job.inputs == {"x.alert-inputs": "alert-inputs"}
    assert (job.layout.topic, job.layout.key("x.alert-inputs", "@position")) == ("x.alerts", b"@position")
    job = build(*JOBS["intake"], Settings(data_dir=tmp_path, topic_prefix="x."), toy_profile())
    assert job.layout.key("x.raw.beta", "k") == b"raw.beta|k"


def test_fausts_own_command_finds_the_app_of_the_environment(tmp_path: Path) -> None:
    code = "from faust.cli.base import find_app; print(find_app('stream_jobs.app').conf.id)"
    environ = {"IOC_JOB": "detect", "IOC_TOPIC_PREFIX": "x.", "IOC_DATA_DIR": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "x-detect", done.stderr


def test_importing_makes_nothing(tmp_path: Path) -> None:
    code = "import stream_jobs.app, stream_jobs.worker; assert 'app' not in vars(stream_jobs.app)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_kafka_a_worker_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stream_jobs.worker.KAFKA_WAIT_S", 0.5)
    monkeypatch.setattr("stream_jobs.watchdog.Watchdog.start", lambda self: None)
    assert run_worker("detect", Settings(data_dir=tmp_path, kafka="127.0.0.1:1")) == Exit.UNANSWERED
    assert "127.0.0.1:1 did not answer within 0.5 s" in capsys.readouterr().err

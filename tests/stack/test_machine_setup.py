"""The set-up: what is done is skipped, what failed is said and tried again, hashes are what was committed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import parts
import postgres
import pytest
import runner
import system

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "STAMPS", tmp_path / "stamps")
    return tmp_path / "stamps"


class Recipe:
    """Steps that note when they run."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failing: set[str] = set()

    def step(self, name: str, *needs: str, inputs: tuple[str, ...] = ("1",), **more: Any) -> runner.Step:
        def run(step: runner.Step) -> str:
            self.ran.append(step.name)
            if step.name in self.failing:
                raise runner.SetupError("no, because")
            return ""

        return runner.Step(name, run, needs, inputs, **more)


def test_steps_run_once_after_what_they_need(stamps: Path) -> None:
    recipe = Recipe()
    steps = [recipe.step("pages", "tools"), recipe.step("tools")]
    assert runner.run_all(steps) == 0
    assert recipe.ran == ["tools", "pages"]
    assert runner.run_all(steps) == 0
    assert recipe.ran == ["tools", "pages"]


def test_a_failed_step_is_said_blocks_what_needs_it_and_is_tried_again(
    stamps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe()
    recipe.failing = {"tools"}
    steps = [recipe.step("tools"), recipe.step("pages", "tools"), recipe.step("other")]
    assert runner.run_all(steps) == 1
    said = capsys.readouterr().err
    assert "tools failed: no, because" in said
    assert "not finished (tools, pages)" in said
    assert sorted(recipe.ran) == ["other", "tools"]
    recipe.failing = set()
    assert runner.run_all(steps) == 0
    assert sorted(recipe.ran) == ["other", "pages", "tools", "tools"]


def test_changed_inputs_or_a_missing_result_run_a_step_again(stamps: Path, tmp_path: Path) -> None:
    recipe = Recipe()
    result = tmp_path / "result"
    result.touch()
    assert runner.run_all([recipe.step("jars", verify=result.exists)]) == 0
    assert runner.run_all([recipe.step("jars", verify=result.exists, inputs=("2",))]) == 0
    assert recipe.ran == ["jars", "jars"]
    result.unlink()
    assert runner.run_all([recipe.step("jars", verify=result.exists, inputs=("2",))]) == 1
    assert recipe.ran == ["jars", "jars", "jars"]


def test_a_command_that_fails_is_reported_with_its_last_words(stamps: Path) -> None:
    step = runner.Step("broken", lambda _step: "")
    with pytest.raises(runner.SetupError, match=r"(?s)ended with 3; log: .*broken\.log.*the reason"):
        runner.call(step, "/bin/sh", "-c", "echo the reason; exit 3")
    with pytest.raises(runner.SetupError, match="no-such-program is not installed"):
        runner.call(step, "no-such-program")


def test_the_committed_hashes_are_those_of_the_pom() -> None:
    jars = parts.expected_jars()
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in jars.values())
    pom = (ROOT / "deploy/kafka/pom.xml").read_text()
    named = re.findall(
        r"<artifactId>(.+?)</artifactId>\s*<version>(.+?)</version>\s*(?:<exclusions>|</dependency>)", pom
    )
    assert len(named) == 3
    assert all(f"{artifact}-{version}.jar" in jars for artifact, version in named)


def test_a_jar_with_another_hash_is_not_taken_over(
    stamps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libs = tmp_path / "kafka" / "libs"
    monkeypatch.setattr(parts, "LIBS", libs)

    def fetch(_step: runner.Step, *_command: object, **_more: object) -> None:
        fresh = libs.with_name("libs.new")
        fresh.mkdir(parents=True)
        for name in parts.expected_jars():
            (fresh / name).write_bytes(b"something else")

    monkeypatch.setattr(parts, "call", fetch)
    with pytest.raises(runner.SetupError, match="nothing was taken over"):
        parts.kafka_jars(runner.Step("kafka", parts.kafka_jars))
    assert not libs.exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "sources.list.d/debian.sources",
            "Types: deb\nURIs: https://mirror.example/security\nSuites: x\n\n"
            "# a remark\nTypes: deb deb-src\nURIs: https://mirror.example/debian\nSuites: bookworm\nSigned-By: {key}\n",
        ),
        ("sources.list", "# deb https://old.example/debian x main\ndeb https://mirror.example/debian bookworm main\n"),
        ("sources.list.d/a.list", "deb [arch=amd64 signed-by={key}] https://mirror.example/debian/ bookworm main\n"),
    ],
)
def test_the_archive_is_read_from_the_machine_s_own_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    key = tmp_path / "key.gpg"
    key.touch()
    monkeypatch.setattr(postgres, "KEYRING", str(key))
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / file).write_text(text.format(key=key))
    address, found = postgres.debian_entry(tmp_path)
    assert address.rstrip("/") == "https://mirror.example/debian"
    assert found == str(key)


def test_without_a_debian_archive_the_remedy_is_said(tmp_path: Path) -> None:
    with pytest.raises(runner.SetupError, match="add the package source of TimescaleDB"):
        postgres.debian_entry(tmp_path)


def test_a_folder_below_a_closed_one_is_not_reachable_by_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "clone" / ".ioc"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    assert not postgres.reachable_by_others(inner)
    assert postgres.reachable_by_others(Path("/usr"))


def test_versions_of_the_machine_s_tools_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, says in (
        ("java", "echo 'openjdk version \"21.0.3\" 2024-04-16' >&2"),
        ("node", "echo v22.1.0"),
        ("npm", ""),
    ):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{says}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert system.java_version() == 21
    assert system.node_version() == (22, 1)
    (tmp_path / "npm").unlink()
    assert system.node_version() == (0, 0)

"""The container files cannot be run everywhere; what can be known without an engine is checked here."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def untracked_mounts(compose: dict[str, Any]) -> list[str]:
    """Files mounted from the checkout that are not in it: the engine would make folders in their place."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    mounts = [v.split(":")[0] for s in compose["services"].values() for v in s.get("volumes", ()) if v.startswith("./")]
    return [path for path in mounts if path.removeprefix("./") not in tracked]


def test_every_mounted_file_is_in_the_repository() -> None:
    assert not untracked_mounts(COMPOSE)


def test_the_check_sees_a_file_that_is_not_there() -> None:
    assert untracked_mounts({"services": {"x": {"volumes": ["./nowhere.yml:/x:ro"]}}}) == ["./nowhere.yml"]


def test_every_named_volume_is_declared_and_every_dependency_exists() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in COMPOSE["volumes"], f"{name}: {source}"
        assert set(service.get("depends_on", {})) <= set(services), name


@pytest.mark.parametrize(
    "name", ["intake", "detect", "alerting", "desk", "recorder", "gateway", "notifier", "topics", "migrations"]
)
def test_the_commands_are_commands_of_the_program(name: str) -> None:
    from ioc.cli import build

    app, words = build(), COMPOSE["services"][name]["command"]
    command, _, _ = app.parse_args(words, exit_on_error=False, print_error=True)
    assert callable(command)


def test_kafka_keeps_its_log_on_the_volume() -> None:
    kafka = COMPOSE["services"]["kafka"]
    assert f"kafka:{kafka['environment']['KAFKA_LOG_DIRS']}" in kafka["volumes"]


def test_prometheus_names_only_files_that_are_mounted() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    assert not config.get("rule_files")

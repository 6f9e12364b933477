"""`up`, `down`, `status`, `doctor` as a person meets them, without Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from msgspec import structs

from ioc import stack
from ioc.bootstrap import load_profile, read_settings
from ioc.settings import Settings
from ioc.stack import ports, processes
from ioc.stack.commands import tell_waiting
from ioc.stack.kafka import Kafka
from ioc.stack.overview import collect, duration
from ioc.stack.plan import system
from ioc.stack.prerequisites import needed_checks, obstacles
from ioc.stack.spec import levels
from ioc.stack.state import (
    AlreadyRunning,
    Paths,
    centre_passwords,
    database_secrets,
    effective,
    lock_holder,
    up_lock,
    uses_local_database,
    uses_local_kafka,
    write_json,
    write_private,
)
from ioc.stack.supervisor import Summary

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from ioc.stack.state import Paths, up_lock

with up_lock(Paths(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    http, live, kafka, controller, centres, postgres = ports.free_ports(6)
    return Settings(
        data_dir=tmp_path,
        http_port=http,
        live_port=live,
        kafka_port=kafka,
        controller_port=controller,
        centres_port=centres,
        postgres_port=postgres,
    )


def hold_lock(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_up_says_who_runs_and_how_to_stop_it(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    holder = hold_lock(settings.data_dir)
    try:
        assert stack.up(settings, demo=True) == 1
        said = capsys.readouterr().err
        assert f"already running, pid {holder.pid} since 20" in said
        assert "stop it with `ioc down`" in said
    finally:
        holder.kill()
        holder.communicate()


def test_the_lock_of_a_killed_process_is_free_again(tmp_path: Path) -> None:
    holder = hold_lock(tmp_path)
    with pytest.raises(AlreadyRunning), up_lock(Paths(tmp_path)):
        pass
    holder.kill()
    holder.communicate()
    with up_lock(Paths(tmp_path)):
        found = lock_holder(Paths(tmp_path))
        assert found is not None
        assert found[0] == processes.identity(os.getpid())
    assert lock_holder(Paths(tmp_path)) is None


def test_down_stops_the_holder_and_ends_what_is_recorded(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = Paths.of(settings).make()
    note = processes.Record("toy", "", "", 0, signal.SIGTERM, 1.0, processes.boot_id(), 0)
    processes.write_record(paths.run, note)
    toy = subprocess.Popen(processes.launch_argv(("sleep", "1000"), paths.run, "toy"), start_new_session=True)
    holder = hold_lock(paths.data)
    assert stack.down(settings) == 0
    assert holder.wait(5) == -signal.SIGTERM
    assert toy.wait(5) in (-signal.SIGTERM, 143)
    holder.communicate()
    said = capsys.readouterr().out
    assert f"stopping pid {holder.pid}" in said
    assert "ended toy" in said
    assert stack.down(settings) == 0
    assert "nothing is running" in capsys.readouterr().out


def test_a_busy_port_is_one_sentence_with_port_setting_and_owner(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.live_port))
        taken.listen()
        assert stack.up(settings, demo=False) == 1
        said = capsys.readouterr().err
    assert f"port {settings.live_port} (live websocket) is taken by pid {os.getpid()} (" in said
    assert "set IOC_LIVE_PORT to a free port" in said


def test_missing_memory_disk_and_tools_are_sentences_with_a_remedy(settings: Settings) -> None:
    for check in needed_checks(settings):
        assert check.detail
        assert check.ok or check.remedy
    assert all("; " in sentence for sentence in obstacles(settings))


def test_without_java_up_says_what_to_do(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert any(sentence.startswith("Java is not installed; run `make setup`") for sentence in obstacles(settings))


def test_doctor_prints_json_with_name_ok_detail_remedy(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    code = stack.doctor(settings, True)
    found = json.loads(capsys.readouterr().out)
    assert {"Python", "Java", "Kafka", "PostgreSQL", "disk", "memory", "pages", "Node", "Maven", "Chromium"} <= {
        item["name"] for item in found
    }
    assert all({"name", "ok", "detail", "remedy"} <= set(item) for item in found)
    assert code == (0 if all(item["ok"] for item in found if item["needed"]) else 1)


def test_status_when_nothing_runs(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert stack.status(settings, True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["supervisor"] is None
    assert found["endpoints"]["wall"] == f"http://127.0.0.1:{settings.http_port}/wall"
    assert stack.status(settings, False) == 1
    assert "nothing is running" in capsys.readouterr().out


def test_status_shows_a_frozen_process_as_stopped(settings: Settings) -> None:
    paths = Paths.of(settings)
    holder = hold_lock(settings.data_dir)
    toy = subprocess.Popen(["sleep", "1000"])
    try:
        who = processes.identity(toy.pid)
        assert who is not None
        row = Summary("postgres", "r", "service", "running", who.pid, who.started_ticks, 0, 0, "", "")
        write_json(paths.summary, [asdict(row)])
        assert [one["state"] for one in collect(settings, 0)["processes"]] == ["running"]
        toy.send_signal(signal.SIGSTOP)
        os.waitpid(toy.pid, os.WUNTRACED)
        [shown] = collect(settings, 0)["processes"]
        assert (shown["state"], shown["pid"]) == ("stopped", toy.pid)
        assert stack.status(settings, True) == 1
    finally:
        for process in (toy, holder):
            process.kill()
            process.wait()


@pytest.mark.parametrize("listens", [False, True])
def test_up_names_a_foreign_broker_that_does_not_answer(
    listens: bool, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if not listens:
            server.close()
        asyncio.run(tell_waiting(structs.replace(settings, kafka=address)))
    assert f"waiting for Kafka at {address} (IOC_KAFKA)" in capsys.readouterr().out
    asyncio.run(tell_waiting(settings))  # the local one is started, not waited for
    assert capsys.readouterr().out == ""


def test_the_local_addresses_are_filled_in_and_kept_private(settings: Settings) -> None:
    found = effective(settings)
    assert found.kafka == f"127.0.0.1:{settings.kafka_port}"
    assert f"@127.0.0.1:{settings.postgres_port}/ioc" in found.database_url
    paths = Paths.of(settings)
    assert paths.database_address.read_text().strip() == found.database_url
    assert paths.database_address.stat().st_mode & 0o777 == 0o600
    assert paths.database_secrets.stat().st_mode & 0o777 == 0o600
    assert effective(found) == found  # the address read back from the file is still the local one
    assert database_secrets(paths).ioc in found.database_url
    assert database_secrets(paths).superuser != database_secrets(paths).ioc


def test_senders_are_told_where_centres_sign_in_and_the_passwords_stay(settings: Settings) -> None:
    found = effective(settings)
    paths = Paths.of(settings)
    assert (found.kafka_centres, found.centres_secrets) == (
        f"127.0.0.1:{settings.centres_port}",
        paths.centre_passwords,
    )
    assert Settings.from_environ(found.to_environ()) == found
    first = centre_passwords(paths, ["a", "b"])
    assert paths.centre_passwords.stat().st_mode & 0o777 == 0o600
    assert centre_passwords(paths, ["b", "c"])["b"] == first["b"] != first["a"]
    assert centre_passwords(paths, ["a"]) == {"a": first["a"]}, "a centre that comes back has its old password"
    given = structs.replace(settings, kafka_centres="127.0.0.1:7", centres_secrets=Path("/words"))
    assert effective(given).kafka_centres == "127.0.0.1:7"


def test_a_command_beside_a_local_broker_signs_in_and_beside_another_one_does_not(settings: Settings) -> None:
    environ = settings.to_environ()
    assert read_settings(environ).kafka_centres == "", "nothing was made yet"
    centre_passwords(Paths.of(settings), ["a"])
    assert read_settings(environ).kafka_centres == f"127.0.0.1:{settings.centres_port}"
    assert read_settings(environ).centres_secrets == Paths.of(settings).centre_passwords
    assert read_settings(environ | {"IOC_KAFKA": "broker.example:9092"}).kafka_centres == ""


def test_the_local_broker_knows_the_centres_of_the_profile_by_name(settings: Settings) -> None:
    filled = effective(settings)
    paths = Paths.of(filled)
    kafka = Kafka(paths, 1, 2, filled.centres_port, tuple(load_profile(filled).centre_ids))
    lines = dict(line.split("=", 1) for line in kafka.server_properties().splitlines())
    words = json.loads(paths.centre_passwords.read_text())
    assert lines["listener.name.centres.plain.sasl.jaas.config"] == (
        "org.apache.kafka.common.security.plain.PlainLoginModule required"
        + "".join(f' user_centre-{centre}="{word}"' for centre, word in words.items())
        + ";"
    )
    assert f"CENTRES://127.0.0.1:{filled.centres_port}" in lines["listeners"]
    assert "CENTRES" not in Kafka(paths, 1, 2).server_properties().split("listeners=")[1].splitlines()[0]


@pytest.mark.parametrize("setting", ["IOC_KAFKA_PORT", "IOC_CONTROLLER_PORT", "IOC_CENTRES_PORT"])
def test_each_port_of_the_local_broker_is_checked(setting: str, settings: Settings) -> None:
    port = int(settings.to_environ()[setting])
    with socket.create_server(("127.0.0.1", port)):
        assert any(f"port {port} " in said and f"set {setting} to" in said for said in obstacles(settings))
    assert not any(setting in said for said in obstacles(settings))


def test_given_addresses_are_left_alone_and_nothing_local_is_started(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path, kafka="broker.example:9092", database_url="postgresql://db.example/ioc")
    assert not uses_local_kafka(given)
    assert not uses_local_database(given)
    filled = effective(given)
    assert (filled.kafka, filled.database_url, filled.kafka_centres) == (given.kafka, given.database_url, "")
    names = {spec.name for spec in system(filled, Paths.of(filled), demo=True)}
    assert names == {
        "topics", "migrations", "intake", "detect", "alerting", "desk", "recorder", "gateway", "notifier", "simulator",
    }  # fmt: skip


def test_the_plan_starts_what_is_needed_first(settings: Settings) -> None:
    filled = effective(settings)
    order = [sorted(spec.name for spec in level) for level in levels(system(filled, Paths.of(filled), demo=True))]
    assert order == [
        ["kafka", "postgres"],
        ["migrations", "topics"],
        ["alerting", "desk", "detect", "gateway", "intake", "notifier", "recorder"],
        ["simulator"],
    ]
    limits = [max(spec.stop_limit_s for spec in level) for level in levels(system(filled, Paths.of(filled), demo=True))]
    assert sum(limits) < 30


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.4, "0 s"), (59.9, "59 s"), (65, "1 min 5 s"), (7260, "2 h 1 min"), (183600, "2 d 3 h")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_free_ports_differ_and_can_be_used() -> None:
    found = ports.free_ports(5)
    assert len(set(found)) == 5
    assert all(ports.is_free(port) for port in found)

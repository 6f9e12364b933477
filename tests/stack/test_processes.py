"""Records of processes: what a killed supervisor leaves behind is found, and nobody else is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from ioc.stack import processes
from ioc.stack.processes import Identity, Record
from ioc.stack.testing import discard, run_folder

ROOT = Path(__file__).resolve().parents[2]
SUPERVISE = """
import asyncio, sys
from pathlib import Path
from tests.stack.toys import shell
from ioc.stack.supervisor import Supervisor

folder = Path(sys.argv[1])
specs = (
    shell("first", "exec sleep 1000", death_signal=None),
    shell("second", "exec sleep 1000", depends_on=("first",), death_signal=None),
)

async def announce():
    print("up", flush=True)

asyncio.run(Supervisor(specs, folder / "run", folder / "logs", lambda line: None).run(announce))
"""


def record(name: str = "toy", **changes: object) -> Record:
    plain = Record(name, "a toy", "", 0, signal.SIGTERM, 1.0, processes.boot_id(), 0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def both_recorded(run_dir: Path) -> list[Identity]:
    """Toys are up as soon as they are started: wait until each has noted itself and has become its `sleep`.

    Before that it has not yet asked the kernel to be ended with its supervisor.
    """
    deadline = time.monotonic() + 20
    while True:
        found = [process for _, process in processes.recorded(run_dir) if process is not None]
        if len(found) == 2 and all(Path(f"/proc/{one.pid}/comm").read_text() == "sleep\n" for one in found):
            return found
        assert time.monotonic() < deadline
        time.sleep(0.01)


def launched(run_dir: Path, name: str = "toy", *, note: Record | None = None) -> subprocess.Popen[bytes]:
    """Start a recorded `sleep` and wait until the shell has become it."""
    run_dir.mkdir(exist_ok=True)
    processes.write_record(run_dir, note or record(name))
    process = subprocess.Popen(processes.launch_argv(("sleep", "1000"), run_dir, name), start_new_session=True)
    deadline = time.monotonic() + 20
    while "sleep" not in Path(f"/proc/{process.pid}/comm").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_the_child_records_itself_with_the_identity_it_keeps(tmp_path: Path) -> None:
    process = launched(tmp_path)
    try:
        ((_, found),) = processes.recorded(tmp_path)
        assert found == processes.identity(process.pid)
        assert found is not None
        assert found.pid == process.pid
    finally:
        process.kill()
        process.wait()


def test_after_kill_9_of_the_supervisor_its_processes_are_found_and_ended(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "up\n"
    left = both_recorded(tmp_path / "run")
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    lines = processes.end_recorded(tmp_path / "run")
    assert [line.split(",")[0] for line in lines] == ["ended second", "ended first"]
    assert processes.wait_gone(left, 0.0)
    assert processes.recorded(tmp_path / "run") == []
    assert processes.end_recorded(tmp_path / "run") == []


def test_by_default_the_kernel_ends_the_children_of_a_killed_supervisor(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE.replace(", death_signal=None", ""), str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "up\n"
    left = both_recorded(tmp_path / "run")
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    assert processes.wait_gone(left, 5.0)


def test_a_record_whose_pid_belongs_to_somebody_else_now_is_left_alone(tmp_path: Path) -> None:
    stranger = launched(tmp_path)
    try:
        stat = (tmp_path / "toy.stat").read_text()
        head, _, tail = stat.rpartition(")")
        fields = tail.split()
        fields[19] = str(int(fields[19]) - 500)  # the same pid, started five seconds earlier
        (tmp_path / "toy.stat").write_text(f"{head}) {' '.join(fields)}\n")
        assert processes.recorded(tmp_path)[0][1] is None
        assert processes.end_recorded(tmp_path) == []
        assert stranger.poll() is None
        assert processes.recorded(tmp_path) == []
    finally:
        stranger.kill()
        stranger.wait()


def test_a_record_of_another_boot_is_left_alone(tmp_path: Path) -> None:
    stranger = launched(tmp_path, note=record(boot_id="another"))
    try:
        assert processes.end_recorded(tmp_path) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    processes.write_record(tmp_path, record(stop_limit_s=0.2))
    mark = tmp_path / "trapped"
    script = f'trap "" TERM; touch {mark}; while :; do sleep 0.05; done'
    argv = processes.launch_argv(("/bin/sh", "-c", script), tmp_path, "toy")
    process = subprocess.Popen(argv, start_new_session=True)
    deadline = time.monotonic() + 5
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(processes.end_recorded(tmp_path)) == 1
    assert process.wait(5) == -signal.SIGKILL


def test_send_refuses_another_process_of_the_same_pid() -> None:
    own = processes.identity(os.getpid())
    assert own is not None
    assert not processes.send(Identity(own.pid, own.started_ticks + 1), signal.SIGKILL)
    assert processes.send(own, 0)


def test_a_zombie_counts_as_gone() -> None:
    process = subprocess.Popen(["true"])
    deadline = time.monotonic() + 5
    while processes.identity(process.pid) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.wait()


def test_a_process_that_was_stopped_by_a_signal_is_frozen(tmp_path: Path) -> None:
    process = launched(tmp_path)
    try:
        assert not processes.frozen(process.pid)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        assert processes.frozen(process.pid)
        process.send_signal(signal.SIGCONT)
        os.waitpid(process.pid, os.WCONTINUED)
        assert not processes.frozen(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not processes.frozen(process.pid)


def test_broken_records_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"name": "ha')
    (tmp_path / "summary.json").write_text(json.dumps([{"name": "toy"}]))
    assert processes.recorded(tmp_path) == []


def test_memory_of_a_tree_counts_its_children() -> None:
    own = processes.resident_mb(os.getpid())
    tree = processes.tree_resident_mb(os.getpid())
    assert own is not None
    assert tree is not None
    assert own > 5
    assert tree >= own - 1
    assert processes.resident_mb(2**22 + 1) is None


def test_a_killed_test_run_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    dead = subprocess.Popen(["sleep", "1000"])
    folder = run_folder(tmp_path, dead.pid)
    (folder / "stack").mkdir()
    left = launched(folder / "stack" / "run")
    assert run_folder(tmp_path, os.getpid()) != folder
    assert left.poll() is None  # its owner lives
    dead.kill()
    dead.wait()
    run_folder(tmp_path, os.getpid())
    assert left.wait(5) == -signal.SIGTERM
    assert not folder.exists()


def test_a_finished_test_run_ends_its_processes_before_its_files_go(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, os.getpid())
    (folder / "stack").mkdir()
    left = launched(folder / "stack" / "run")
    discard(folder)
    assert left.wait(5) == -signal.SIGTERM
    assert not folder.exists()


def test_two_workers_of_a_run_clean_up_at_the_same_moment(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    for pid in range(1, 201):  # owners that never were, and folders large enough that two cleaners meet
        (tmp_path / f"old-{pid}" / "stack" / "data").mkdir(parents=True)
        (tmp_path / f"old-{pid}" / "owner").write_text(f"{dead.pid} {pid}")
    dead.wait()
    script = "import sys; from pathlib import Path; from ioc.stack.testing import run_folder\n"
    script += "sys.stdin.readline(); run_folder(Path(sys.argv[1]), int(sys.argv[2]))"
    argv = [sys.executable, "-c", script, str(tmp_path), str(os.getpid())]
    workers = [subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) for _ in range(2)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    errors = [worker.communicate(timeout=30)[1].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([str(os.getpid()), "lock"])

"""``ioc up`` and ``ioc down``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from msgspec import structs

from ioc.adapters.clock import now_ms
from ioc.settings import Settings
from ioc.stack import processes
from ioc.stack.plan import system
from ioc.stack.prerequisites import obstacles
from ioc.stack.probes import http_json, kafka_answers
from ioc.stack.state import (
    PROJECT,
    Paths,
    StackError,
    effective,
    lock_holder,
    up_lock,
    uses_local_kafka,
)
from ioc.stack.supervisor import Supervisor

EXIT_DONE, EXIT_FAILED = 0, 1
DOWN_LIMIT_S = 40.0  # the supervisor's own limits add up to less than 30 s
EVENTS_LIMIT_S = 120.0
POLL_S = 0.2
TELL_AFTER_S = 2.0  # a broker that needs longer for its first answer is named


def up(settings: Settings, *, demo: bool) -> int:
    """See ``ioc.stack.up``."""
    paths = Paths.of(settings)
    try:
        with up_lock(paths):
            for line in processes.end_recorded(paths.run):
                say(line)
            settings = structs.replace(effective(settings), open_wall=settings.open_wall or demo)
            if found := obstacles(settings):
                for sentence in found:
                    print(f"ioc: {sentence}", file=sys.stderr)
                return EXIT_FAILED
            return asyncio.run(_supervise(settings, paths, demo=demo))
    except StackError as exc:
        print(f"ioc: {exc}", file=sys.stderr)
        return EXIT_FAILED


def down(settings: Settings) -> int:
    """See ``ioc.stack.down``."""
    paths = Paths.of(settings)
    if not paths.data.is_dir():
        print("nothing is running")
        return EXIT_DONE
    found = lock_holder(paths)
    if found is not None:
        holder, since = found
        print(f"stopping pid {holder.pid}, running since {since}", flush=True)
        processes.send(holder, signal.SIGTERM)
        if not processes.wait_gone([holder], DOWN_LIMIT_S):
            print(f"pid {holder.pid} did not stop within {DOWN_LIMIT_S:g} s: killed", file=sys.stderr)
            processes.send(holder, signal.SIGKILL)
            processes.wait_gone([holder], 5.0)
    lines = processes.end_recorded(paths.run)
    for line in lines:
        print(line)
    if found is None and not lines:
        print("nothing is running")
    left = [record.name for record, process in processes.recorded(paths.run) if process is not None]
    if left:
        print(f"ioc: could not end {', '.join(left)}; are they another user's?", file=sys.stderr)
    return EXIT_FAILED if left else EXIT_DONE


def say(line: str) -> None:
    """One line for the person at the terminal, with the local time of day."""
    at = datetime.fromtimestamp(now_ms() / 1000, tz=UTC).astimezone()
    _tell(f"{at:%H:%M:%S} {line}")


def _tell(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:
        # The terminal or the pipe is gone. The system runs on and stops in order; its processes have logs of their own.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends


async def _supervise(settings: Settings, paths: Paths, *, demo: bool) -> int:
    supervisor = Supervisor(system(settings, paths, demo=demo), paths.run, paths.logs, say)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, supervisor.request_stop, "stopping in order; once more to kill at once")
    say(f"starting; state and logs are in {paths.data}")
    telling = asyncio.create_task(tell_waiting(settings))
    try:
        return await supervisor.run(_announcement(settings, demo=demo))
    finally:
        telling.cancel()


async def tell_waiting(settings: Settings) -> None:
    """Name a foreign broker that does not answer: the first task waits a minute for it."""
    if uses_local_kafka(settings):
        return
    try:
        async with asyncio.timeout(TELL_AFTER_S):
            if await kafka_answers(settings.kafka):
                return
    except TimeoutError:
        pass  # it may be slow: then the line below says what is waited for
    say(f"waiting for Kafka at {settings.kafka} (IOC_KAFKA), which does not answer")


def _announcement(settings: Settings, *, demo: bool) -> Callable[[], Awaitable[None]]:
    """What is done when every process has been ready: wait until it shows, then say so."""
    site = f"http://{settings.http_host}:{settings.http_port}"

    async def announce() -> None:
        if demo:
            await _events_seen(settings, site)
            await _print_accounts(settings)
        _tell(f"ready: {site}/wall")

    return announce


async def _events_seen(settings: Settings, site: str) -> None:
    """Wait until the gateway has shown events of every city centre of the profile, and an alert.

    Raises:
        StackError: not within ``EVENTS_LIMIT_S``; the sentence says what is missing.
    """
    from ioc.bootstrap import load_profile

    cities = {centre.id for centre in load_profile(settings, with_rules=False).centres if centre.kind == "city"}
    deadline = asyncio.get_running_loop().time() + EVENTS_LIMIT_S
    while True:
        status, body = await http_json(f"{site}/readyz")
        missing = cities - set(body.get("centres_seen", ()))
        if status == 200 and not missing and body.get("alerts"):
            say(f"events of {', '.join(sorted(cities))} and an alert are on the wall")
            return
        if asyncio.get_running_loop().time() > deadline:
            what = f"no event of {', '.join(sorted(missing))}" if missing else f"/readyz answers {status}, no alert"
            raise StackError(
                f"{what} on the wall after {EVENTS_LIMIT_S:g} s; see the logs in {Paths.of(settings).logs}"
            )
        await asyncio.sleep(POLL_S)


async def _print_accounts(settings: Settings) -> None:
    """Print the demo accounts. The passwords are new at every start; only their hashes are kept.

    Raises:
        StackError: they could not be made.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ioc.cli", "users", "demo", "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        env={**os.environ, **settings.to_environ()},
    )  # fmt: skip
    out, errors = await process.communicate()
    if process.returncode != 0:
        raise StackError(f"demo accounts could not be made: {errors.decode(errors='replace').strip()[-300:]}")
    accounts = json.loads(out)
    if accounts:
        _tell("demo accounts (new passwords at every start):")
    for account in accounts:
        _tell(f"  {account['name']:<10} {account['password']:<20} {account['role']:<12} {account['display']}")

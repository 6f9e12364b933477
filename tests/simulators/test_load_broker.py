"""A load against a real broker that is killed, stopped and started in the middle: the books agree with its log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from ioc.adapters.kafka import ensure_topics
from ioc.adapters.profiles import load_profile
from ioc.cli import main
from ioc.domain.profile import Profile
from ioc.settings import Settings
from ioc.stack.testing import LocalStack
from ioc.wire.topics import Topics
from simulators import load_bench, load_run
from simulators.bulk import Books, BulkCourier
from simulators.ledger import read_ids
from simulators.load import Load, Loaded, load_of
from simulators.load_run import LoadWish, checked, in_log, problems_of, run_load
from tests.chaos.test_load_outage import family
from tests.conftest import Stack
from tests.system import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


@pytest.fixture(scope="module")
def load(profile: Profile) -> Load:
    return load_of(profile, start_ms=1_795_500_000_000, seed=3, exercise="load-test")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A broker of this module's own, because it is killed."""
    with LocalStack(tmp_path_factory.mktemp("broker"), postgres=False) as own:
        yield own


@pytest.fixture
async def settings(broker: LocalStack, profile: Profile, request: pytest.FixtureRequest) -> Settings:
    return await made(broker.kafka, profile, f"l{abs(hash(request.node.name)):x}.")


async def made(kafka: str, profile: Profile, prefix: str) -> Settings:
    topics = Topics(prefix, profile.centre_ids)
    await ensure_topics(kafka, [topics.specs[raw] for raw in topics.raw.values()], prefix)
    return Settings(kafka=kafka, topic_prefix=prefix)


def topics_of(settings: Settings, profile: Profile) -> Topics:
    return Topics(settings.topic_prefix, profile.centre_ids)


class Watch:
    """Sees every stand of a run; ``reached`` waits for one."""

    def __init__(self) -> None:
        self.all: list[Books] = []

    def __call__(self, books: Books, _behind_s: float) -> None:
        self.all.append(books)

    async def reached(self, what: Callable[[Books], bool], limit_s: float = 60.0) -> None:
        async with asyncio.timeout(limit_s):
            while not self.all or not what(self.all[-1]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("ahead", [False, True])
async def test_a_broker_that_is_killed_in_the_middle_costs_nothing(
    broker: LocalStack, settings: Settings, profile: Profile, load: Load, tmp_path: Path, ahead: bool
) -> None:
    book, watch = tmp_path / "ledger", Watch()
    wish = checked(
        LoadWish(rate=2_000, events=20_000, spool=tmp_path / "spool", ahead=ahead, ledger=book, drain_s=60, run="k")
    )
    running = asyncio.create_task(
        run_load(settings, profile, wish, load=load, handle_signals=False, answer_limit_s=1.0, shown=watch)
    )
    await watch.reached(lambda books: books.acked > 2_000)
    await asyncio.to_thread(broker.kill_kafka)
    await watch.reached(lambda books: books.spooled > 5_000)
    await asyncio.to_thread(broker.start_kafka)
    loaded = await asyncio.wait_for(running, 120)
    await check_whole(settings, profile, loaded, watch, "k", 20_000)
    assert loaded.failures >= 1
    assert loaded.spooled_most > 5_000
    assert sorted(read_ids(book)) == sorted(f"load-k-{n}" for n in range(20_000)), "each acknowledged once"
    assert (tmp_path / "spool").stat().st_size == 0


async def check_whole(
    settings: Settings, profile: Profile, loaded: Loaded, watch: Watch, run: str, events: int
) -> None:
    assert loaded.books == Books(0, events, events, 0, 0)
    assert all(books.balanced for books in watch.all)
    assert loaded.unbalanced == 0
    log = await in_log(settings, topics_of(settings, profile), run, events)
    assert problems_of(loaded, log) == []
    assert log.distinct == events
    assert log.swapped == 0


async def test_a_broker_that_stands_still_and_goes_on_stores_all_in_order(
    broker: LocalStack, settings: Settings, profile: Profile, load: Load, tmp_path: Path
) -> None:
    """SIGSTOP: connections stay open, nothing answers; what lay in the sockets is stored late, beside the repeats."""
    watch, pid = Watch(), broker._running["kafka"].pid
    wish = checked(LoadWish(rate=2_000, events=20_000, spool=tmp_path / "spool", drain_s=60, run="s"))
    running = asyncio.create_task(
        run_load(settings, profile, wish, load=load, handle_signals=False, answer_limit_s=1.0, shown=watch)
    )
    await watch.reached(lambda books: books.acked > 2_000)
    processes = family(pid)
    for one in processes:
        os.kill(one, signal.SIGSTOP)
    try:
        await watch.reached(lambda books: books.spooled > 5_000)
    finally:
        for one in processes:
            os.kill(one, signal.SIGCONT)
    loaded = await asyncio.wait_for(running, 120)
    await check_whole(settings, profile, loaded, watch, "s", 20_000)


class ForgetsAcks(BulkCourier):
    """Planted: one message of every batch is taken for acknowledged before it was sent."""

    def _take(self, messages):  # type: ignore[no-untyped-def]
        taken = super()._take(messages[1:])
        if taken:
            self.sent += 1
            self.acked += 1
        return taken


async def test_an_ack_that_nobody_gave_is_found_in_the_log(
    stack: Stack, profile: Profile, load: Load, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The books of the mistaken courier balance; only the log knows better."""
    settings = Settings(kafka=stack.kafka, topic_prefix=prefix)
    monkeypatch.setattr(load_run, "BulkCourier", ForgetsAcks)
    loaded = await run_load(
        settings, profile, checked(LoadWish(rate=0, events=5_000, run="p")), load=load, handle_signals=False
    )
    assert loaded.books.balanced
    problems = problems_of(loaded, await in_log(settings, topics_of(settings, profile), "p", 5_000))
    assert any("acknowledged messages are not in the log" in one for one in problems), problems


def test_kill_9_of_the_player_and_a_restart_go_on_with_the_spool(
    broker: LocalStack, settings: Settings, profile: Profile, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The broker is away, the player is killed, another one sends what the first had made, then its own."""
    spool = tmp_path / "spool"
    environ = {**os.environ, **settings.to_environ(), "IOC_DATA_DIR": str(tmp_path / "data")}
    command = ["-m", "ioc.cli", "sim", "load", "--rate", "1000", "--spool", str(spool), "--spool-first"]
    player = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stderr=subprocess.PIPE)
    try:
        until("the spool is in use", lambda: spool.exists() and spool.stat().st_size > 0, 60)
        broker.kill_kafka()
        until("the spool grows", lambda: spool.stat().st_size > 1_000_000, 60)
    finally:
        player.kill()
        player.communicate()
    broker.start_kafka()
    for name, value in (settings.to_environ() | {"IOC_DATA_DIR": str(tmp_path / "data")}).items():
        monkeypatch.setenv(name, value)
    assert main(["sim", "load", "--rate", "1000", "--seconds", "1", "--spool", str(spool), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    books = Books(**told["load"]["books"])
    assert books.found > 1_000
    assert books == Books(books.found, 1_000, books.found + 1_000, 0, 0)
    assert spool.stat().st_size == 0
    other = run_before(settings, profile, told["run"])
    first = asyncio.run(in_log(settings, topics_of(settings, profile), other, 200_000))
    assert first.missing[0] == first.distinct, "all numbers from 0 on, without a hole: none was lost"
    assert first.distinct >= books.found
    assert first.swapped == 0


def run_before(settings: Settings, profile: Profile, own: str) -> str:
    """The run whose messages stand at the beginning of the log."""
    from ioc.bench.stream_kafka import read_topics

    topics = topics_of(settings, profile)
    rows = asyncio.run(read_topics(settings, topics, topics.raw.values()))
    runs = {bytes(v).partition(b"load-")[2].partition(b"-")[0].decode() for found in rows.values() for _, _, v in found}
    (other,) = runs - {own}
    return other


async def test_the_bench_measures_each_kind_and_checks_it(stack: Stack, profile: Profile) -> None:
    report = await load_bench.run(
        Settings(), profile, events=20_000, rate=20_000, repeats=1, kafka=stack.kafka, tell=lambda *_: None
    )
    assert [row.name for row in report.rows] == [
        load_bench.BARE,
        load_bench.PLAYER,
        load_bench.PACED,
        load_bench.SPOOLED,
    ]
    assert all(row.events_per_s > 0 and row.cpu_s_per_million > 0 for row in report.rows)
    text = load_bench.report_text(report)
    assert "CPU per message, player / bare loop: " in text
    assert "made in advance and repeated" in text


async def test_the_bench_gives_no_number_when_the_books_are_wrong(
    stack: Stack, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_run, "BulkCourier", ForgetsAcks)
    with pytest.raises(load_bench.RunFailed, match="acknowledged messages are not in the log"):
        await load_bench.run(
            Settings(), profile, events=5_000, rate=20_000, repeats=1, kafka=stack.kafka, tell=lambda *_: None
        )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--rate", "-1"], "--rate must be from 0"),
        (["--seconds", "5", "--rate", "0"], "--rate above 0"),
        (["--spool-first"], "--spool-first needs --spool"),
        (["--exercise", "a b"], "--exercise"),
    ],
)
def test_a_wrong_argument_is_one_sentence(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "load", *options]) == 2
    assert says in capsys.readouterr().err


def test_a_wish_names_its_run_and_its_drill() -> None:
    wish = checked(LoadWish(rate=1, events=1))
    assert wish.exercise == f"load-{wish.run}"
    assert checked(structs.replace(wish, exercise="drill-7")).exercise == "drill-7"

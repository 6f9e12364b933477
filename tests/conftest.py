"""Fixtures for every test: a real Kafka and TimescaleDB, a fresh topic prefix, a fresh database.

Nothing is started until a test asks for it. All processes of one run (with pytest-xdist too) share one stack. The
first that needs it starts it, the main process ends it; a run that was killed is cleaned up by the next.
``IOC_TEST_KAFKA`` and ``IOC_TEST_DATABASE_URL`` (an account that may create databases) name running ones instead.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from ioc.adapters.kafka import ensure_topics
from ioc.adapters.migrate import migrate
from ioc.adapters.profiles import load_profile
from ioc.settings import Settings
from ioc.stack.testing import (
    LocalStack,
    create_database,
    discard,
    drop_database,
    in_thread,
    run_folder,
    seal_template,
    with_database,
)
from ioc.wire.topics import Topics

TESTS = Path(__file__).resolve().parent
TEST_RUNS = TESTS.parent / ".ioc" / "test-runs"
RUN = "IOC_TEST_RUN"  # pid of the main pytest process, inherited by the workers of pytest-xdist
TEMPLATE = "ioc_test_template"


@dataclass(frozen=True)
class Stack:
    """Addresses of the real parts. ``admin_url`` may create databases; ``owner`` gets them."""

    kafka: str
    database_url: str
    admin_url: str
    owner: str | None


# Examples have no time limit: on a busy machine the first one, which builds what later ones share, may take long.
hypothesis_settings.register_profile("ioc", deadline=None)
hypothesis_settings.load_profile("ioc")


def pytest_configure(config: pytest.Config) -> None:
    """Tell the workers which run they belong to."""
    if not hasattr(config, "workerinput"):
        os.environ[RUN] = str(os.getpid())
        # Brokers of tests live for a minute or two: most of a JVM's work then is to compile itself.
        os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


WHOLE = tuple(f"tests/{name}/" for name in ("acceptance", "browser", "chaos"))


@pytest.hookimpl(optionalhook=True)  # of xdist, in the main process
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of the whole product run one after the other, on one worker: each wants the machine for itself.

    By path and not by ``xdist_group``: with pytest 9 the marks do not reach the scheduler of xdist 3.8.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByPath(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "whole-product" if nodeid.startswith(WHOLE) else nodeid

    return ByPath(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The main process ends what this run started, after all workers have gone."""
    if not hasattr(config, "workerinput"):
        folder = TEST_RUNS / str(os.getpid())
        if folder.is_dir():
            discard(folder)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Kafka and PostgreSQL with TimescaleDB, with a migrated template database."""
    kafka, database_url = os.environ.get("IOC_TEST_KAFKA"), os.environ.get("IOC_TEST_DATABASE_URL")
    folder = run_folder(TEST_RUNS, int(os.environ[RUN]))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        noted = folder / "stack.json"
        if noted.exists():
            return Stack(**json.loads(noted.read_text()))
        local = LocalStack(folder / "stack", kafka=kafka is None, postgres=database_url is None)
        local.start()
        started = Stack(
            kafka=kafka or local.kafka,
            database_url=database_url or local.database_url,
            admin_url=database_url or local.admin_url,
            owner=None if database_url else "ioc",
        )
        drop_database(started.admin_url, TEMPLATE)
        create_database(started.admin_url, TEMPLATE, owner=started.owner)
        migrate(with_database(started.database_url, TEMPLATE))
        seal_template(started.admin_url, TEMPLATE)
        noted.write_text(json.dumps(asdict(started)))
        return started


@pytest.fixture
def prefix(stack: Stack) -> str:
    """A topic prefix of this test's own, with all topics made."""
    own = f"t{uuid.uuid4().hex[:10]}."
    topics = Topics(own, load_profile(Settings().profile).centre_ids)
    in_thread(ensure_topics(stack.kafka, topics.specs.values(), own))
    return own


@pytest.fixture
def database_url(stack: Stack) -> Iterator[str]:
    """Address of a migrated, empty database of this test's own."""
    name = f"ioc_test_{uuid.uuid4().hex[:10]}"
    create_database(stack.admin_url, name, owner=stack.owner, template=TEMPLATE)
    yield with_database(stack.database_url, name)
    drop_database(stack.admin_url, name)

"""Where the local parts keep things, the lock of ``up``, and the passwords of the local database and of the centres."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

import ioc
from ioc.adapters import clock
from ioc.errors import IocError
from ioc.settings import Settings
from ioc.stack.processes import Identity, identity

PROJECT = Path(ioc.__file__).resolve().parents[1]
OUTSIDE = Path("/var/lib/ioc")
DATABASE = "ioc"


class StackError(IocError):
    """The local parts cannot do this; the text is one sentence with the remedy, fit to print."""


class AlreadyRunning(StackError):
    """Another ``up`` holds the lock."""


@dataclass(frozen=True)
class Paths:
    """Folders under the data directory, all absolute."""

    data: Path

    @classmethod
    def of(cls, settings: Settings) -> Paths:
        """Paths for these settings; makes nothing."""
        return cls(settings.data_dir.absolute())

    @property
    def run(self) -> Path:
        """Records of running processes."""
        return self.data / "run"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.data / "logs"

    @property
    def kafka(self) -> Path:
        """Kafka's configuration and log segments."""
        return self.data / "kafka"

    @property
    def lock(self) -> Path:
        """Held by the supervisor while it lives; its text says who."""
        return self.data / "up.lock"

    @property
    def summary(self) -> Path:
        """What the supervisor last said about its processes."""
        return self.run / "summary.json"

    @property
    def database_address(self) -> Path:
        """Address of the local database with the password in it, mode 0600; other commands read it."""
        return self.run / "database.url"

    @property
    def database_secrets(self) -> Path:
        """Passwords of the local database, mode 0600."""
        return self.data / "postgres.secret"

    @property
    def centre_passwords(self) -> Path:
        """Passwords of the centres at the local Kafka, mode 0600; senders read it."""
        return Settings(data_dir=self.data).local_centres_file

    def make(self) -> Paths:
        """Create the folders."""
        for folder in (self.data, self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        return self

    def server_home(self, user: str | None) -> Path:
        """Folder for the database's files, one that ``user`` can reach.

        PostgreSQL refuses to run as root. When we are root and the data directory lies under a folder that
        others cannot enter (a clone under /root), its files go to /var/lib/ioc/<hash of the data directory>.
        """
        if user is None or all(
            part.stat().st_mode & stat.S_IXOTH for part in (self.data, *self.data.parents) if part.exists()
        ):
            return self.data / "postgres-data"
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        return OUTSIDE / digest / "postgres-data"

    def mark_outside(self, home: Path) -> None:
        """Note beside files in ``/var/lib/ioc`` whose they are, and drop those of temporary folders that are gone."""
        if not home.is_relative_to(OUTSIDE):
            return
        (home.parent / "origin").write_text(str(self.data))
        for mark in OUTSIDE.glob("*/origin"):
            origin = Path(mark.read_text())
            if origin.is_relative_to(tempfile.gettempdir()) and not origin.exists():
                shutil.rmtree(mark.parent, ignore_errors=True)

    def remove(self) -> None:
        """Delete all state, for tests."""
        outside = self.server_home("other")
        shutil.rmtree(self.data, ignore_errors=True)
        if not outside.is_relative_to(self.data):
            shutil.rmtree(outside.parent, ignore_errors=True)


@dataclass(frozen=True)
class DatabaseSecrets:
    """Passwords of the superuser and of the role ``ioc``."""

    superuser: str
    ioc: str


def database_secrets(paths: Paths) -> DatabaseSecrets:
    """Passwords of the local database, made at first use."""
    try:
        return DatabaseSecrets(**json.loads(paths.database_secrets.read_text()))
    except FileNotFoundError:
        made = DatabaseSecrets(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
        write_private(paths.database_secrets, json.dumps(made.__dict__))
        return made


def centre_passwords(paths: Paths, centres: Iterable[str]) -> dict[str, str]:
    """Passwords of these centres at the local Kafka, made at first use; a centre that comes back has its old one."""
    try:
        known: dict[str, str] = json.loads(paths.centre_passwords.read_text())
    except FileNotFoundError:
        known = {}
    found = {centre: known.get(centre) or secrets.token_urlsafe(24) for centre in centres}
    if not paths.centre_passwords.exists() or not found.items() <= known.items():
        write_private(paths.centre_passwords, json.dumps(known | found))
    return found


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step, so that a reader never sees half of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(value))
    fresh.replace(path)


def local_text(at_ms: int) -> str:
    """An instant in the machine's own time zone, for a person at its keyboard."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def uses_local_kafka(settings: Settings) -> bool:
    """``IOC_KAFKA`` not set, or set to the local one's address."""
    return settings.kafka_is_local


def uses_local_database(settings: Settings) -> bool:
    """``IOC_DATABASE_URL`` not set, or read back from the file that ``up`` wrote."""
    noted = Paths.of(settings).database_address
    return not settings.database_url or (noted.is_file() and noted.read_text().strip() == settings.database_url)


def effective(settings: Settings) -> Settings:
    """Absolute data directory, and the addresses of the local parts where no others were given.

    Makes the local database's passwords at first use and leaves its address in ``run/database.url``.
    """
    paths = Paths.of(settings).make()
    url = settings.database_url
    if uses_local_database(settings):
        url = f"postgresql://ioc:{database_secrets(paths).ioc}@127.0.0.1:{settings.postgres_port}/{DATABASE}"
        write_private(paths.database_address, url + "\n")
    kafka = f"127.0.0.1:{settings.kafka_port}" if uses_local_kafka(settings) else settings.kafka
    here = structs.replace(settings, data_dir=paths.data, database_url=url).with_local_centres()
    return structs.replace(here, kafka=kafka)


def tool_file(paths: Paths, name: str) -> Path:
    """Something that the set-up put under ``.ioc``: in the data directory, else in the project's."""
    own = paths.data / name
    return own if own.exists() else PROJECT / ".ioc" / name


def server_user_exists(user: str) -> bool:
    """Whether the machine has this account."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@contextmanager
def up_lock(paths: Paths) -> Iterator[None]:
    """Hold the right to be the one supervisor of this data directory.

    The kernel gives the lock back when the process ends in any way, also by ``kill -9``.

    Raises:
        AlreadyRunning: another process holds it; the sentence has its pid and since when.
    """
    paths.make()
    with paths.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock_holder(paths)
            who = f"pid {holder[0].pid} since {holder[1]}" if holder else "it has just begun or is just ending"
            raise AlreadyRunning(f"already running, {who}; stop it with `ioc down`") from None
        own = identity(os.getpid())
        assert own is not None
        file.seek(0)
        file.truncate()
        json.dump({"pid": own.pid, "started_ticks": own.started_ticks, "since_ms": clock.now_ms()}, file)
        file.flush()
        yield
        file.seek(0)
        file.truncate()


def lock_holder(paths: Paths) -> tuple[Identity, str] | None:
    """The living process that holds the lock and its start as local text; ``None`` when nobody does."""
    try:
        with paths.lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                found = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    holder = Identity(found["pid"], found["started_ticks"])
    return (holder, local_text(found["since_ms"])) if identity(holder.pid) == holder else None

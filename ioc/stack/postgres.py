"""One PostgreSQL with TimescaleDB on loopback, from the tree that the set-up made (deploy/setup/postgres.py)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ioc.stack.state import (
    DATABASE,
    Paths,
    StackError,
    database_secrets,
    server_user_exists,
    tool_file,
    write_private,
)

MANIFEST = "postgres.json"
CONNECT_LIMIT_S = 3
SUPERUSER = "postgres"
# The local machine's share for the database; the wall never waits for it.
CONFIGURATION = """listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 80
shared_buffers = 256MB
max_wal_size = 2GB
shared_preload_libraries = 'timescaledb'
max_worker_processes = 24
timescaledb.max_background_workers = 8
{telemetry}jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_line_prefix = '%m [%p] %u@%d '
password_encryption = 'scram-sha-256'
"""
ACCESS = """# only by password, only on loopback
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Postgres:
    """Configuration of the server; the supervisor (or a test) starts ``argv`` after ``prepare``."""

    paths: Paths
    port: int

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the set-up installed: bindir, version, timescaledb, user; empty before the set-up."""
        try:
            found: dict[str, Any] = json.loads(tool_file(self.paths, MANIFEST).read_text())
        except FileNotFoundError:
            return {}
        return found

    @property
    def bindir(self) -> Path:
        """Folder of the server's programs."""
        return Path(self.manifest.get("bindir", "/nonexistent"))

    @property
    def user(self) -> str | None:
        """Account that the server runs under: another one when we are root, otherwise ours (``None``)."""
        return self.manifest.get("user") or "ioc-postgres" if os.geteuid() == 0 else None

    @property
    def home(self) -> Path:
        """Folder of the database's files."""
        return self.paths.server_home(self.user)

    @property
    def url(self) -> str:
        """Address for the application's role; makes the passwords at first use."""
        return f"postgresql://ioc:{database_secrets(self.paths).ioc}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def admin_url(self) -> str:
        """Address for the superuser, who makes databases and extensions."""
        return f"postgresql://{SUPERUSER}:{database_secrets(self.paths).superuser}@127.0.0.1:{self.port}/postgres"

    @property
    def argv(self) -> tuple[str, ...]:
        """The server's command line."""
        return (str(self.bindir / "postgres"), "-D", str(self.home))

    def prepare(self) -> None:
        """Make the cluster when it is new; write the configuration.

        Raises:
            StackError: nothing installed, no account to run under, initdb failed, or the passwords are lost.
        """
        if not (self.bindir / "postgres").exists():
            raise StackError("PostgreSQL with TimescaleDB is not set up; run `make setup`")
        if self.user is not None and not server_user_exists(self.user):
            raise StackError(
                f"PostgreSQL must not run as root and the account {self.user} is missing; run `make setup`"
            )
        if not (self.home / "PG_VERSION").exists():
            self._initdb()
        elif not self.paths.database_secrets.exists():
            raise StackError(
                f"the database in {self.home} was made by another data folder at this place, whose passwords "
                f"({self.paths.database_secrets}) are gone: put that file back, or remove {self.home} to begin anew"
            )
        # Telemetry is compiled out of our own build, which then does not know the setting.
        telemetry = "timescaledb.telemetry_level = off\n" if self.manifest.get("packaged") else ""
        self._write("ioc.conf", CONFIGURATION.format(port=self.port, telemetry=telemetry))
        self._write("pg_hba.conf", ACCESS)
        main = self.home / "postgresql.conf"
        if "include 'ioc.conf'" not in main.read_text():
            self._write("postgresql.conf", main.read_text() + "\ninclude 'ioc.conf'\n")

    async def answers(self) -> bool:
        """Whether it serves: role, database and extension are there (made now where missing) and a query works."""
        try:
            async with await self._connect(SUPERUSER, "postgres") as admin:
                await self._ensure_role(admin)
                await self._ensure_database(admin)
            async with await self._connect(SUPERUSER, DATABASE) as admin:
                await admin.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            async with await psycopg.AsyncConnection.connect(self.url, connect_timeout=CONNECT_LIMIT_S) as own:
                await own.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        except (psycopg.OperationalError, OSError):
            return False
        return True

    async def _connect(self, role: str, database: str) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            host="127.0.0.1",
            port=self.port,
            user=role,
            password=database_secrets(self.paths).superuser,
            dbname=database,
            connect_timeout=CONNECT_LIMIT_S,
            autocommit=True,
        )

    async def _ensure_role(self, admin: psycopg.AsyncConnection) -> None:
        password = sql.Literal(database_secrets(self.paths).ioc)
        cursor = await admin.execute("SELECT 1 FROM pg_roles WHERE rolname = 'ioc'")
        if await cursor.fetchone() is None:
            await admin.execute(sql.SQL("CREATE ROLE ioc LOGIN PASSWORD {}").format(password))

    async def _ensure_database(self, admin: psycopg.AsyncConnection) -> None:
        cursor = await admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        if await cursor.fetchone() is None:
            await admin.execute(
                sql.SQL("CREATE DATABASE {} OWNER ioc TEMPLATE template0").format(sql.Identifier(DATABASE))
            )

    def _initdb(self) -> None:
        """Make the cluster beside its place and move it there, so that a half-made one is never taken for whole."""
        fresh = self.home.with_name(self.home.name + ".new")
        for old in (fresh, self.home):
            if old.exists():
                shutil.rmtree(old)
        fresh.mkdir(parents=True)
        password_file = fresh.with_name("initdb.password")
        write_private(password_file, database_secrets(self.paths).superuser + "\n")
        if self.user is not None:
            for outside in (fresh.parent, fresh.parent.parent):
                if outside.is_relative_to("/var/lib/ioc"):
                    outside.chmod(0o755)
            for path in (fresh, password_file):
                shutil.chown(path, self.user, self.user)
        command = [str(self.bindir / "initdb"), "-D", str(fresh), "-U", SUPERUSER, f"--pwfile={password_file}"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--data-checksums"]
        try:
            done = subprocess.run(
                command, user=self.user, group=self.user, extra_groups=() if self.user else None,
                cwd="/", capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise StackError(f"initdb failed: {(done.stderr or done.stdout).strip()[-400:]}")
        fresh.rename(self.home)
        self.paths.mark_outside(self.home)

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        path.write_text(text)
        if self.user is not None:
            shutil.chown(path, self.user, self.user)

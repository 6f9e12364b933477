"""Accounts: who may sign in. The database keeps argon2id hashes and nothing that opens anything.

Every function opens a connection of its own and closes it again: accounts change a few times a day, from the command
line. The gateway reads them through :mod:`ioc.adapters.queries`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

import psycopg
from argon2 import PasswordHasher, Type
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow

from ioc.adapters.database import connect_args, translating
from ioc.errors import BadInput, BadSettings, Conflict

ROLES = ("wall", "viewer", "operator", "dispatcher", "engineer", "admin")
PASSWORD_MIN = 12  # characters; length is what counts, no rules about kinds of characters (OWASP ASVS 5.0, 6.2)
PASSWORD_MAX = 128  # characters; more only costs the hash time

# OWASP ASVS 5.0, appendix C: argon2id with 19 MiB, 2 passes, 1 lane. Each check takes that memory.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)

DEMO_ACCOUNTS = (  # the dispatchers are the people of the roster of the profile that comes along
    ("lan", "Lan", "dispatcher"),
    ("hung", "Hùng", "dispatcher"),
    ("minh", "Minh", "dispatcher"),
    ("thao", "Thảo", "dispatcher"),
    ("ngoc", "Ngọc", "dispatcher"),
    ("dung", "Dũng", "dispatcher"),
    ("truc", "Trúc", "operator"),
    ("kysu", "Kỹ sư", "engineer"),
    ("wall", "Màn hình", "wall"),
)

SELECT_ACCOUNT = (
    "SELECT name, display, role, password_hash, disabled, demo, (extract(epoch FROM created_at) * 1000)::int8,"
    " session_epoch FROM account"
)


class Account(Struct, frozen=True, kw_only=True):
    """One account. A session is good while its epoch is ``session_epoch`` and ``disabled`` is false."""

    name: str
    display: str
    role: str
    password_hash: str
    disabled: bool
    demo: bool
    created_ms: int
    session_epoch: int

    def __repr__(self) -> str:
        """Without the hash, so that no log ever holds one."""
        return f"Account(name={self.name!r}, role={self.role!r}, disabled={self.disabled})"


class DemoAccount(TypedDict):
    """A demo account with its password in the clear, to be printed and forgotten."""

    name: str
    display: str
    role: str
    password: str


def account_of(row: tuple[Any, ...]) -> Account:
    """The account of a row of ``SELECT_ACCOUNT``."""
    name, display, role, password_hash, disabled, demo, created_ms, session_epoch = row
    return Account(
        name=name,
        display=display,
        role=role,
        password_hash=password_hash,
        disabled=disabled,
        demo=demo,
        created_ms=created_ms,
        session_epoch=session_epoch,
    )


def check_password(password: str) -> None:
    """Raises BadInput ``weak_password`` or ``long_password`` when a new password is not acceptable."""
    if len(password) < PASSWORD_MIN or len(set(password)) < 5:
        raise BadInput("weak_password", "password", f"at least {PASSWORD_MIN} characters, 5 of them different")
    if len(password) > PASSWORD_MAX:
        raise BadInput("long_password", "password", f"at most {PASSWORD_MAX} characters")


def list_accounts(database_url: str) -> list[Account]:
    """All accounts by name. Raises Unavailable."""
    with _connection(database_url) as conn:
        return [account_of(row) for row in conn.execute(f"{SELECT_ACCOUNT} ORDER BY name".encode()).fetchall()]


def add_account(database_url: str, name: str, display: str, role: str, password: str) -> Account:
    """Make an account.

    Args:
        name: lower-case letters, digits, ``-`` and ``_``, a letter first, at most 32.

    Raises:
        BadInput: the password, the role or the name is not acceptable.
        Conflict: ``EXISTS`` when the name is taken, also by a disabled account.
        Unavailable: the database is away.
    """
    check_password(password)
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
        raise BadInput("bad_name", "name", "lower-case letters, digits, - and _, a letter first, at most 32")
    if not 1 <= len(display) <= 100 or not display.isprintable():
        raise BadInput("bad_display", "display", "1 to 100 printable characters")
    if role not in ROLES:
        raise BadInput("bad_role", "role", "must be one of " + ", ".join(ROLES))
    with _connection(database_url) as conn:
        cursor = conn.execute(
            "INSERT INTO account (name, display, role, password_hash) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [name, display, role, HASHER.hash(password)],
        )
        if cursor.rowcount == 0:
            raise Conflict("EXISTS", f"an account {name} exists already")
        return _get(conn, name)


def set_password(database_url: str, name: str, password: str) -> Account:
    """Give an account a new password; older sessions end.

    Raises:
        BadInput: the password is not acceptable, or ``no_such_account``.
        Unavailable: the database is away.
    """
    check_password(password)
    with _connection(database_url) as conn:
        conn.execute(
            "UPDATE account SET password_hash = %s, demo = false, session_epoch = session_epoch + 1 WHERE name = %s",
            [HASHER.hash(password), name],
        )
        return _get(conn, name)


def disable(database_url: str, name: str, *, disabled: bool = True) -> Account:
    """Disable an account (or enable it again with ``disabled=False``); older sessions end either way.

    Raises:
        BadInput: ``no_such_account``.
        Unavailable: the database is away.
    """
    with _connection(database_url) as conn:
        conn.execute(
            "UPDATE account SET disabled = %s, session_epoch = session_epoch + 1 WHERE name = %s", [disabled, name]
        )
        return _get(conn, name)


def ensure_demo_accounts(database_url: str, *, environment: str = "development") -> list[DemoAccount]:
    """Make the demo accounts, or give those that are there new passwords, and return the passwords.

    Passwords are kept nowhere, only their hashes; so that they can be printed at every start, every start makes new
    ones, and sessions of the last run end. An account that somebody else made or took over (with
    :func:`add_account` or :func:`set_password`) is left alone and not returned; a disabled one too.

    Raises:
        BadSettings: in production; accounts are made with ``ioc users add`` there.
        Unavailable: the database is away.
    """
    if environment == "production":
        raise BadSettings(["demo accounts are not made in production: use `ioc users add`"])
    made: list[DemoAccount] = []
    with _connection(database_url) as conn, conn.transaction():
        for name, display, role in DEMO_ACCOUNTS:
            password = demo_password()
            cursor = conn.execute(
                "INSERT INTO account AS a (name, display, role, password_hash, demo) VALUES (%s, %s, %s, %s, true)"
                " ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, display = excluded.display,"
                " role = excluded.role, session_epoch = a.session_epoch + 1 WHERE a.demo AND NOT a.disabled",
                [name, display, role, HASHER.hash(password)],
            )
            if cursor.rowcount:
                made.append(DemoAccount(name=name, display=display, role=role, password=password))
    return made


def demo_password() -> str:
    """Three made-up words and four digits, easy to read out: about 51 bits of chance."""
    syllables = [c + v for c in "bcdghklmnprstvxqy" for v in "aeiou"]
    words = ["".join(secrets.choice(syllables) for _ in range(2)) for _ in range(3)]
    return "-".join([*words, f"{secrets.randbelow(10_000):04d}"])


def _get(conn: Connection[TupleRow], name: str) -> Account:
    row = conn.execute(f"{SELECT_ACCOUNT} WHERE name = %s".encode(), [name]).fetchone()
    if row is None:
        raise BadInput("no_such_account", "name", f"there is no account {name}")
    return account_of(row)


@contextmanager
def _connection(database_url: str) -> Iterator[Connection[TupleRow]]:
    args = connect_args(database_url, "accounts", statement_timeout_s=5, lock_timeout_s=2)
    with translating(), psycopg.connect(**args, autocommit=True) as conn:
        yield conn

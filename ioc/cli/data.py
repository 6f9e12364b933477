"""``ioc db | users | alerts | feeds``: look after what is stored."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import App, Parameter

from ioc.bootstrap import load_profile, read_settings
from ioc.cli.files import read_bytes
from ioc.cli.show import Json, show
from ioc.domain.times import rfc3339
from ioc.errors import BadInput, BadSettings

Role = Literal["wall", "viewer", "operator", "dispatcher", "engineer", "admin"]


def register(app: App) -> None:
    """Add the commands."""
    groups: dict[str, tuple[str, dict[str, Any]]] = {
        "db": ("The history's tables.", {"migrate": db_migrate, "status": db_status}),
        "users": (
            "Accounts of people and walls.",
            {"list": users_list, "add": users_add, "disable": users_disable, "demo": users_demo},
        ),
        "alerts": ("Alerts in the history.", {"list": alerts_list, "log": alerts_log}),
        "feeds": ("Native formats of centres.", {"check": feeds_check}),
    }
    for name, (help_, commands) in groups.items():
        group = App(name=name, help=help_)
        for command, function in commands.items():
            group.command(function, name=command)
        app.command(group)


# -- db -----------------------------------------------------------------------------------------------------------


def db_migrate() -> int:
    """Apply the migrations that are missing. Several at once wait for each other.

    Example: `ioc db migrate`

    Exit codes: 0 up to date, 2 a migration was changed or is wrong, 3 the database is not available.
    """
    from ioc.adapters.migrate import migrate

    applied = migrate(read_settings(database=True).database_url)
    print("\n".join(f"applied {name}" for name in applied) or "up to date")
    return 0


def db_status(*, as_json: Json = False) -> int:
    """Which migrations are applied, and which edition of TimescaleDB answers.

    Example: `ioc db status`

    Exit codes: 0 up to date, 1 something is missing or wrong, 3 the database is not available.
    """
    from ioc.adapters.migrate import edition, migration_status

    url = read_settings(database=True).database_url
    status = migration_status(url)
    rows: list[dict[str, Any]] = [
        {"migration": n, "applied": status.applied_at[n].isoformat(timespec="seconds")} for n in status.applied
    ]
    rows += [{"migration": n, "applied": None} for n in status.pending]
    show(rows, ("migration", "applied"), as_json, "no migrations")
    if not as_json:
        print(f"TimescaleDB edition: {edition(url)}" if status.applied else "not migrated yet: run `ioc db migrate`")
        for problem in status.problems:
            print(f"ioc: {problem}", file=sys.stderr)
    return 1 if status.pending or status.problems else 0


# -- users --------------------------------------------------------------------------------------------------------


def users_list(*, as_json: Json = False) -> int:
    """List accounts: name, role, whether disabled. Then what duty.toml names that cannot sign for a shift.

    Example: `ioc users list`
    """
    from ioc.adapters.accounts_store import list_accounts
    from ioc.domain.duty import without_account
    from ioc.domain.handover import SIGNERS

    settings = read_settings(database=True)
    accounts = list_accounts(settings.database_url)
    rows = [
        {
            "name": a.name,
            "display": a.display,
            "role": a.role,
            "disabled": a.disabled,
            "demo": a.demo,
            "created": rfc3339(a.created_ms),
        }
        for a in accounts
    ]
    show(rows, ("name", "display", "role", "disabled", "demo", "created"), as_json, "no accounts")
    try:
        duty = load_profile(settings, with_rules=False, with_parts=True).duty
    except BadSettings:
        print("ioc: the profile has mistakes, its duty.toml was not looked at: `ioc rules check`", file=sys.stderr)
        return 0
    signers = {a.name for a in accounts if not a.disabled and a.role in SIGNERS}
    for problem in without_account(duty, signers):
        print(f"ioc: duty.toml: {problem}", file=sys.stderr)
    return 0


def users_add(name: str, *, display: str, role: Role) -> int:
    """Add an account. The password is asked for; without a terminal it is the first line of the input.

    Example: `ioc users add hoa --display "Hoa" --role dispatcher`

    Exit codes: 0 added, 1 the name is taken, 2 a bad name or password, 3 the database is not available.

    Parameters
    ----------
    name
        What is typed at sign-in: lower-case letters, digits, _ and -, beginning with a letter.
    display
        What other people see.
    role
        What the account may do.
    """
    from ioc.adapters.accounts_store import add_account
    from ioc.errors import Conflict

    password = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        account = add_account(read_settings(database=True).database_url, name, display, role, password)
    except Conflict as exc:
        print(f"ioc: {exc.detail or exc}", file=sys.stderr)
        return 1
    print(f"added {account.name} ({account.role})")
    return 0


def users_disable(name: str, *, enable: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Disable an account: its sessions end within seconds. With --enable, let it in again.

    Example: `ioc users disable hoa`

    Exit codes: 0 done, 2 no such account, 3 the database is not available.
    """
    from ioc.adapters.accounts_store import disable

    account = disable(read_settings(database=True).database_url, name, disabled=not enable)
    print(f"{account.name} is {'disabled' if account.disabled else 'enabled'}")
    return 0


def users_demo(*, as_json: Json = False) -> int:
    """Make the demo accounts and give them new passwords; refused in production.

    Example: `ioc users demo --json`

    Exit codes: 0 done, 2 in production, 3 the database is not available.
    """
    from ioc.adapters.accounts_store import ensure_demo_accounts

    settings = read_settings(database=True)
    made = [dict(a) for a in ensure_demo_accounts(settings.database_url, environment=settings.environment)]
    show(made, ("name", "password", "role", "display"), as_json, "no demo account could be made: all are taken over")
    return 0


# -- alerts -------------------------------------------------------------------------------------------------------


def alerts_list(*, hours: float = 24.0, as_json: Json = False) -> int:
    """Alerts raised in the last hours, newest first.

    Example: `ioc alerts list --hours 2`

    Exit codes: 0 printed, 3 the database is not available.
    """
    from ioc.adapters.clock import now_ms

    to_ms = now_ms()
    alerts = _query(lambda q: q.alerts_between(to_ms - int(hours * 3_600_000), to_ms + 60_000))
    rows = [
        {
            "id": a.id,
            "P": a.priority,
            "state": a.state,
            "title": a.title_vi,
            "place": a.place_vi,
            "raised": rfc3339(a.raised_ms),
            "by": a.acked_by,
        }
        for a in alerts
    ]
    show(rows, ("id", "P", "state", "title", "place", "raised", "by"), as_json, "no alerts")
    return 0


def alerts_log(alert_id: str, *, as_json: Json = False) -> int:
    """What happened to one alert: every transition and every command, the refused ones too.

    Example: `ioc alerts log A-0123456789abcdef`

    Exit codes: 0 printed, 1 no such alert, 3 the database is not available.
    """
    entries = _query(lambda q: q.alert_log(alert_id))
    rows = [
        {"at": rfc3339(e.at_ms), "what": e.what, "to": e.to_state, "by": e.actor, "outcome": e.outcome, "why": e.reason}
        for e in entries
    ]
    show(rows, ("at", "what", "to", "by", "outcome", "why"), as_json, f"no alert {alert_id}")
    return 0 if rows else 1


def _query(ask: Any) -> Any:
    from ioc.adapters.queries import Queries

    async def run() -> Any:
        queries = Queries(read_settings(database=True).database_url)
        await queries.open()
        try:
            return await ask(queries)
        finally:
            await queries.close()

    return asyncio.run(run())


# -- feeds --------------------------------------------------------------------------------------------------------


def feeds_check(file: Path, /, *samples: Path, as_json: Json = False) -> int:
    """Try a centre's file on samples of its native records: shows the canonical events it makes, or what is wrong.

    Where a record holds lines or a list, each line or element is shown by itself. A mistake in the file is shown with
    its line.

    Example: `ioc feeds check bien-hoa.toml sample-1.json sample-2.json`

    Exit codes: 0 every sample became an event, 1 at least one did not, 2 the file itself is wrong or a
    sample cannot be read.

    Parameters
    ----------
    file
        The centre's TOML file.
    samples
        Files with one native record each, or with one JSON record per line.
    """
    from ioc.adapters.profiles import load_centre
    from ioc.pipeline.mapping_samples import check_samples, cut_file

    if not samples:
        raise BadInput("malformed", "samples", "give at least one file with a native record")
    profile = load_centre(file, load_profile(read_settings(), with_rules=False))
    centre = profile.centres[-1]
    given = [
        (os.fspath(path) if line is None else f"{path}:{line}", record)
        for path in samples
        for line, record in cut_file(centre, read_bytes(path))
    ]
    results = check_samples(profile, centre.id, [record for _, record in given])
    for result in results:
        sample = given[result.sample][0]
        place = sample if result.line is None else f"{sample}:{result.line}"
        if as_json:
            print(msgspec.json.encode({"sample": sample, "result": result}).decode())
        elif result.event is not None:
            print(f"{place}: {msgspec.json.encode(result.event).decode()}")
        else:
            print(f"{place}: refused, {result.code} at {result.path or 'the record'}: {result.detail}")
    return 0 if all(result.good for result in results) else 1

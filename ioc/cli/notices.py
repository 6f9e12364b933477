"""``ioc notices list | retry``: what was said to others about alerts, and what could not be said."""

from __future__ import annotations

import sys
from typing import Literal

from cyclopts import App

from ioc.bootstrap import read_settings
from ioc.cli.show import Json, show
from ioc.domain.times import rfc3339


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="notices", help="Notices to others.\n\nExample: `ioc notices list --state dead`")
    group.command(list_notices, name="list")
    group.command(retry)
    app.command(group)


def list_notices(
    *, state: Literal["due", "done", "dead"] | None = None, hours: float = 24.0, as_json: Json = False
) -> int:
    """Notices of the last hours, newest first, at most 500: whom, how often tried, why it failed.

    Example: `ioc notices list --state dead`

    Exit codes: 0 printed, 3 the database is not available.

    Parameters
    ----------
    state
        Only those that wait (due), that arrived (done) or that were given up (dead).
    hours
        How far back.
    """
    from ioc.adapters.clock import now_ms
    from ioc.adapters.outbox import read_deliveries

    found = read_deliveries(read_settings(database=True).database_url, now_ms() - int(hours * 3_600_000), state)
    rows = [
        {
            "id": one.id,
            "made": rfc3339(one.created_ms),
            "channel": one.channel,
            "to": one.target,
            "alert": one.alert_id,
            "state": one.state,
            "tried": one.attempts,
            "error": one.error,
        }
        for one in found
    ]
    show(rows, ("id", "made", "channel", "to", "alert", "state", "tried", "error"), as_json, "no notices")
    return 0


def retry(notice_id: str, /) -> int:
    """Try a notice again that was given up, from its first wait on; its key stays the same.

    Example: `ioc notices retry 0123456789abcdef0123456789abcdef`

    Exit codes: 0 it is due now, 1 there is no such notice, or it was not given up, 3 the database is not available.

    Parameters
    ----------
    notice_id
        As `ioc notices list` shows it.
    """
    from ioc.adapters.clock import now_ms
    from ioc.adapters.outbox import revive

    if revive(read_settings(database=True).database_url, notice_id, now_ms()):
        print(f"{notice_id} is due now")
        return 0
    print(f"ioc: no notice {notice_id} was given up", file=sys.stderr)
    return 1

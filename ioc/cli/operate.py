"""``ioc up | down | status | doctor``: the local system under one supervisor."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from ioc.bootstrap import read_settings

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of a table.")]


def register(app: App) -> None:
    """Add the commands."""
    for function in (up, down, status, doctor):
        app.command(function)


def up(
    *, demo: Annotated[bool, Parameter(negative="", help="Also run the simulators and make demo accounts.")] = False
) -> int:
    """Start Kafka, PostgreSQL and every process of this system, and keep them running until Ctrl-C.

    Example: `ioc up --demo`

    Exit codes: 0 stopped in order, 1 could not start or already runs, 2 wrong settings.
    """
    from ioc import stack

    return stack.up(read_settings(), demo=demo)


def down() -> int:
    """Stop a running `ioc up`, or end what a killed one has left behind.

    Example: `ioc down`

    Exit codes: 0 nothing runs any more, 1 something could not be ended.
    """
    from ioc import stack

    return stack.down(read_settings())


def status(*, as_json: Json = False) -> int:
    """Show every process: state, pid, uptime, restarts and memory.

    Example: `ioc status --json`

    Exit codes: 0 everything runs, 1 something does not.
    """
    from ioc import stack

    return stack.status(read_settings(), as_json)


def doctor(*, as_json: Json = False) -> int:
    """Check every prerequisite and say how to mend what is missing.

    Example: `ioc doctor`

    Exit codes: 0 all good, 1 something is missing.
    """
    from ioc import stack

    return stack.doctor(read_settings(), as_json)

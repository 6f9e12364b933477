"""``ioc sim …``: play simulated feeds into Kafka as the real ones would."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from ioc.bootstrap import read_settings, with_logs
from ioc.errors import BadInput


def register(app: App) -> None:
    """Add the commands."""
    sim = App(name="sim", help="Run simulated feeds and inject single readings.\n\nExample: `ioc sim run live`")
    for function in (list_, run, inject):
        sim.command(function, name=function.__name__.rstrip("_"))
    sim.command(inject_bad, name="inject-bad")
    app.command(sim)


def list_(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """List the scenarios with their length and what they contain.

    Example: `ioc sim list`
    """
    from simulators.scenario import list_scenarios

    found = list_scenarios()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for entry in found:
            print(f"{entry['name']:<14} {entry['duration']:<10} {entry['summary']}")
    return 0


def run(
    name: str,
    *,
    speed: float = 1.0,
    rate: float | None = None,
    duration_s: float | None = None,
    ledger: Path | None = None,
    quiet: str = "",
) -> int:
    """Play a scenario; runs until it ends or Ctrl-C.

    Example: `ioc sim run live` or `ioc sim run calm-day --speed 60`

    Exit codes: 0 played to its end or stopped, 2 a bad scenario, 3 Kafka is not available.

    Parameters
    ----------
    name
        Scenario name or the path of a TOML file.
    speed
        Times real time; order and scaled gaps are kept.
    rate
        Events per second in total; the measuring sites report more often to reach it.
    duration_s
        Stop after this many seconds of the scenario's time.
    ledger
        Append one JSON line for every acknowledged event to this file.
    quiet
        Sites to leave out, separated by commas.
    """
    from simulators.player import run_scenario

    sites = tuple(site for site in quiet.split(",") if site)
    settings = with_logs(read_settings(), "simulator")
    return run_scenario(settings, name, speed=speed, rate=rate, duration_s=duration_s, ledger=ledger, quiet=sites)


def inject(type_: Annotated[str, Parameter(name="type")], /, *fields: str, site: str, centre: str | None = None) -> int:
    """Send one reading of a site in its centre's native format; prints the id after Kafka acknowledged it.

    Example: `ioc sim inject hydro.level --site BIENHOA level_m=2.05`

    Exit codes: 0 acknowledged, 2 no such site or field, 3 Kafka is not available.

    Parameters
    ----------
    type_
        Event type, for instance hydro.level.
    fields
        Payload fields as name=value.
    site
        Site of the profile that reports.
    centre
        Only needed when two centres have a site of that name.
    """
    from simulators.inject import inject as send

    print(asyncio.run(send(read_settings(), centre, type_, site, parse_fields(fields))))
    return 0


def inject_bad(kind: Literal["malformed", "wrong-centre", "future", "unknown-source"], /, *, centre: str) -> int:
    """Send one bad record, to see quarantine work.

    Example: `ioc sim inject-bad malformed --centre bien-hoa`

    Parameters
    ----------
    kind
        What is wrong with it.
    centre
        Whose raw topic gets it.
    """
    from simulators.inject import inject_bad as send

    print(asyncio.run(send(read_settings(), centre, kind)))
    return 0


def parse_fields(fields: tuple[str, ...]) -> dict[str, object]:
    """``name=value`` pairs; values that read as JSON are taken as such, others as text.

    Raises:
        BadInput: a pair without ``=``.
    """
    parsed: dict[str, object] = {}
    for pair in fields:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadInput("malformed", pair, f"{pair!r} is not name=value, for instance level_m=2.05")
        try:
            parsed[name] = json.loads(text)
        except ValueError:
            parsed[name] = text
    return parsed

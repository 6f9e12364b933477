"""``ioc sim …``: play simulated feeds into Kafka as the real ones would."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from ioc.adapters.clock import now_ms
from ioc.bootstrap import load_profile, read_settings, with_logs
from ioc.cli.exits import exit_code
from ioc.cli.load import load
from ioc.cli.show import Json
from ioc.cli.when import parse_when
from ioc.domain.spans import duration
from ioc.errors import BadInput


def register(app: App) -> None:
    """Add the commands."""
    help_ = "Play scenarios, judge them, and inject single readings.\n\nExample: `ioc sim run evening-storm --dry`"
    sim = App(name="sim", help=help_)
    for function in (list_, show, validate, run, inject):
        sim.command(function, name=function.__name__.rstrip("_"))
    sim.command(inject_bad, name="inject-bad")
    sim.command(load)
    app.command(sim)


def list_(*, as_json: Json = False) -> int:
    """List the scenarios with their length, how much of them is judged, and what they show.

    Example: `ioc sim list`
    """
    from ioc.cli.simulate_view import print_list
    from simulators.scenario import list_scenarios

    found = list_scenarios()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print_list(found)
    return 0


def show(name: str, /, *, as_json: Json = False) -> int:
    """Show what a scenario does, and the alerts that it expects.

    Example: `ioc sim show evening-storm`

    Exit codes: 0 shown, 2 no such scenario, or a bad one.

    Parameters
    ----------
    name
        Scenario name or the path of a TOML file.
    """
    from ioc.cli.simulate_view import print_scenario
    from simulators.fit import load_for

    found = load_for(name, load_profile(read_settings()))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        print_scenario(name, found)
    return 0


def validate(*names: str) -> int:
    """Check scenario files against the grammar and the profile of the settings; sends nothing.

    Example: `ioc sim validate my-scenario.toml`

    Exit codes: 0 all good, 2 a bad one: one sentence with file, line and reason.

    Parameters
    ----------
    names
        Scenario names or paths of TOML files; every scenario of the package when left out.
    """
    from simulators import scenario
    from simulators.fit import load_for

    profile = load_profile(read_settings())
    for name in names or tuple(scenario.names()):
        found = load_for(name, profile)
        counts = f"{len(found.incident)} incidents, {len(found.fault)} faults, {len(found.expect)} expected alerts"
        print(f"{name}: good, {counts}")
    return 0


def run(
    name: str,
    *,
    speed: float = 1.0,
    step: Annotated[bool, Parameter(negative="")] = False,
    step_by: str = "1m",
    from_: Annotated[str, Parameter(name="--from")] = "0s",
    start: str | None = None,
    exercise: str | None = None,
    seed: int | None = None,
    dry: Annotated[bool, Parameter(negative="")] = False,
    rate: float | None = None,
    duration_s: float | None = None,
    ledger: Path | None = None,
    quiet: str = "",
    as_json: Json = False,
) -> int:
    """Play a scenario, listen to the alerts that come of it, and judge them; ends with it, or with Ctrl-C.

    Example: `ioc sim run evening-storm --dry`, `ioc sim run la-nga-flood-2023 --exercise drill-7 --speed 120`

    Exit codes: 0 played, and all that was judged holds; 1 it does not hold; 2 a bad scenario or argument; 3 Kafka is
    not available; 4 nothing that it expects could be judged in the part that was played; 75 some messages were not
    acknowledged.

    Parameters
    ----------
    name
        Scenario name or the path of a TOML file.
    speed
        Times real time, 0.5 to 1000; order and scaled gaps are kept. When it falls behind it says so.
    step
        Advance on Enter instead of by the clock; needs --exercise.
    step_by
        How far each Enter goes, in the scenario's time.
    from_
        Begin so far inside the scenario, for instance 1h30m.
    start
        When a scenario that starts "now" begins, with --dry or --exercise: an instant, a local time, or so long ago
        (2h). The same start and seed are the same bytes on any day.
    exercise
        Mark everything as the drill of this id; it never touches the live picture. Each run needs an id of its own.
    seed
        Of the world and the faults; the scenario's own when left out.
    dry
        Without a broker: the same intake, rules and alerting in memory, hours in seconds.
    rate
        Messages per second in total; the measuring sites report more or less often to reach it.
    duration_s
        Stop after this many seconds of the scenario's time.
    ledger
        Append one JSON line for every acknowledged event to this file.
    quiet
        Sites to leave out, separated by commas.
    """
    from ioc.cli.simulate_view import Bar, asks, print_outcome
    from simulators.dry import run_dry
    from simulators.ending import asked_to_end
    from simulators.live import Ways, run_live
    from simulators.runs import Wish, plan_of, to_json
    from simulators.scenario import load

    if dry and step:
        raise BadInput("argument", "step", "--step and --dry exclude each other")
    if step and speed != 1.0:
        raise BadInput("argument", "step", "--step and --speed exclude each other")
    if dry and speed != 1.0:
        raise BadInput("argument", "speed", "--speed and --dry exclude each other: in memory it goes as fast as it can")
    if dry and ledger is not None:
        raise BadInput("argument", "ledger", "--ledger and --dry exclude each other: in memory nobody acknowledges")
    settings = read_settings() if dry else with_logs(read_settings(), "simulator")
    # Feeds that nobody judges do not need the rules: they go on while somebody is mending these.
    profile = load_profile(settings, with_rules=dry or load(name).is_judged)
    wish = Wish(
        name=name,
        speed=speed,
        rate=rate,
        duration_s=duration_s,
        seed=seed,
        from_s=_duration(from_, "--from") / 1000,
        start_ms=None if start is None else parse_when(start, "--start", profile.timezone, now_ms()),
        exercise=exercise,
        quiet=tuple(site for site in quiet.split(",") if site),
        stepwise=step,
        dry=dry,
    )
    step_ms = _duration(step_by, "--step-by")
    if step_ms <= 0:
        raise BadInput("argument", "step_by", "--step-by must be above 0")
    plan = plan_of(wish, profile, now_ms=now_ms(), default_seed=settings.seed)
    with Bar(plan, profile.timezone, quiet=as_json or step) as bar:
        if dry:
            with asked_to_end() as stopping:
                result = run_dry(plan, profile, bar.dry, stopping)
        else:
            ask = asks(plan, profile.timezone, step_ms) if step else None
            result = run_live(settings, plan, profile, Ways(ledger=ledger, shown=bar.live, ask=ask, step_ms=step_ms))
    if as_json:
        print(to_json(result))
    elif result.verdict is not None or dry:
        print_outcome(result)
    return exit_code(result)


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


def _duration(text: str, option: str) -> int:
    try:
        return duration(text)
    except ValueError as exc:
        raise BadInput("argument", option, f"{option}: {exc}") from exc

"""The local parts: real Kafka and PostgreSQL on loopback and every process of the province, under one supervisor.

::

    cli ──► commands (up, down, status, doctor)
              ├── plan, spec   which processes, as data
              ├── supervisor   starts, watches, restarts, stops them; knows nothing of what they are
              ├── kafka, postgres, probes   how the parts are prepared and when they are ready
              └── state, processes, ports   folders, lock, recorded processes, who listens where

Nothing but the command line and the tests imports this package. It is for one machine; production is
``docker-compose.yml``.
"""

from __future__ import annotations

from ioc.settings import Settings

__all__ = ["doctor", "down", "status", "up"]


def up(settings: Settings, *, demo: bool) -> int:
    """Start everything and watch it until Ctrl-C; ``demo`` adds the simulator and prints accounts.

    Returns:
        0 stopped on request; 1 could not start, gave up, or another one is running.
    """
    from ioc.stack.commands import up as run

    return run(settings, demo=demo)


def down(settings: Settings) -> int:
    """Stop a running ``up``, or end what a killed one left behind.

    Returns:
        0 nothing of it runs any more, 1 something could not be ended.
    """
    from ioc.stack.commands import down as run

    return run(settings)


def status(settings: Settings, as_json: bool) -> int:
    """Print every process: state, pid, time up, restarts, memory; and the addresses.

    Returns:
        0 all run, 1 some or all do not.
    """
    from ioc.stack.overview import status as run

    return run(settings, as_json)


def doctor(settings: Settings, as_json: bool) -> int:
    """Check every prerequisite and say how to mend what is missing.

    Returns:
        0 all good, 1 something is missing.
    """
    from ioc.stack.prerequisites import doctor as run

    return run(settings, as_json)

"""``ioc sim load``: many messages per second, for tests under load."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from ioc.adapters.clock import monotonic_s
from ioc.bootstrap import load_profile, read_settings, with_logs
from ioc.cli.exits import EXIT_UNSENT
from ioc.cli.show import Json

if TYPE_CHECKING:
    from simulators.bulk import Books

SAY_EVERY_S = 2.0


def load(
    *,
    rate: float = 1_000.0,
    seconds: float | None = None,
    exercise: str = "",
    spool: Path | None = None,
    spool_mib: Annotated[int, Parameter(name="--spool-mib")] = 256,
    spool_first: Annotated[bool, Parameter(negative="")] = False,
    ledger: Path | None = None,
    drain_s: float = 30.0,
    as_json: Json = False,
) -> int:
    """Send many messages per second to the running system, as a drill, with exact books.

    The readings are those of half a minute of the simulated world, made in advance and repeated with fresh ids, times
    and numbers: real in form, not in substance. For causes and effects play a scenario (`ioc sim run`).

    Example: `ioc sim load --rate 20000 --seconds 60 --spool load.spool`

    Exit codes: 0 all was acknowledged; 2 a wrong argument, or a spool that is damaged or in use; 75 some messages were
    not acknowledged: they are in the spool and go first at the next run with it, or, without one, are lost.

    Parameters
    ----------
    rate
        Messages per second; 0 is as fast as they are taken.
    seconds
        How long; until Ctrl-C when left out. 0 only sends what is in the spool.
    exercise
        Id of the drill; `load-` and a number when left out.
    spool
        File for what cannot be sent while the broker is away; it goes out first, in order, when the broker is back,
        also after a restart. Without one the run stands still meanwhile.
    spool_mib
        Largest size of the spool, MiB. When it is full the run stands still; nothing is thrown away.
    spool_first
        Put every message into the spool before it is sent: then kill -9 loses none. Takes about 3.5 times the CPU.
    ledger
        Append one JSON line for every acknowledged message to this file.
    drain_s
        How long the end waits for acknowledgements, seconds, at most.
    """
    from ioc.errors import BadInput
    from simulators.load_run import LoadWish, checked, run_load

    if seconds is not None and not 0 <= seconds <= 86_400:
        raise BadInput("argument", "seconds", "--seconds must be from 0 to 86400")
    if seconds and rate <= 0:
        raise BadInput("argument", "seconds", "--seconds needs a --rate above 0")
    if not 1 <= spool_mib <= 65_536:
        raise BadInput("argument", "spool_mib", "--spool-mib must be from 1 to 65536")
    settings = with_logs(read_settings(), "simulator")
    wish = checked(
        LoadWish(
            rate=rate,
            events=None if seconds is None else round(rate * seconds),
            exercise=exercise,
            spool=spool,
            spool_max_bytes=spool_mib * 1024 * 1024,
            ahead=spool_first,
            ledger=ledger,
            drain_s=drain_s,
            seed=settings.seed,
        )
    )
    done = asyncio.run(run_load(settings, load_profile(settings), wish, shown=_teller()))
    books = done.books
    if as_json:
        print(msgspec.json.encode({"run": wish.run, "exercise": wish.exercise, "load": done}).decode())
    else:
        print(f"run {wish.run}, drill {wish.exercise}: readings made in advance and repeated")
        print(f"  {written(books)}")
        print(
            f"  {books.acked / max(done.drained_s, 1e-9):,.0f} acknowledged per second over {done.drained_s:.1f} s; "
            f"at most {done.behind_max_s:.1f} s behind; link failed {done.failures} times, {done.repeats:,} messages "
            f"sent again, at most {done.spooled_most:,} in the spool"
        )
        if books.spooled:
            print(f"  the rest goes first at the next run with --spool {spool}")
    return EXIT_UNSENT if books.unacknowledged or books.spooled else 0


def written(books: Books) -> str:
    """The books as one line."""
    found = f"{books.found:,} found in the spool + " if books.found else ""
    return (
        f"{found}{books.sent:,} sent = {books.acked:,} acknowledged + {books.unacknowledged:,} not + "
        f"{books.spooled:,} in the spool{'' if books.balanced else '  THIS DOES NOT BALANCE'}"
    )


def _teller() -> Callable[[Books, float], None]:
    """Says now and then on standard error how it stands."""
    said_s = monotonic_s()

    def tell(books: Books, behind_s: float) -> None:
        nonlocal said_s
        if monotonic_s() - said_s >= SAY_EVERY_S:
            said_s = monotonic_s()
            print(f"{written(books)}; {behind_s:.1f} s behind", file=sys.stderr)

    return tell

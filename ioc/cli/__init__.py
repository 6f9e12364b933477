"""The command ``ioc``: argument parsing only, one function per command.

Exit codes: 0 done · 1 a check failed or the answer is "no" · 2 wrong arguments or settings · 3 an outside part
(Kafka, database) is not available · 70–75 as the jobs define them (see docs/architecture.md).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cyclopts import App, CycloptsError

from ioc import __version__
from ioc.errors import BadInput, BadSettings, Unavailable

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3
SILENT = ("aiokafka", "asyncio", "kafka", "psycopg")  # each retry of theirs would be a line


def build() -> App:
    """The whole command tree; commands import what they need only when they run."""
    import ioc.cli.audit
    import ioc.cli.bench
    import ioc.cli.data
    import ioc.cli.dlq
    import ioc.cli.notices
    import ioc.cli.operate
    import ioc.cli.record
    import ioc.cli.rules
    import ioc.cli.run
    import ioc.cli.simulate

    app = App(
        name="ioc",
        version=__version__,
        help="Smart operations centre: run it, look after it, try it.\n\nExample: `ioc up --demo`, then open "
        "http://127.0.0.1:8080/wall\n\n"
        "Exit codes: 0 done, 1 no, 2 wrong arguments or settings, 3 Kafka or database not available.",
        help_format="markdown",
    )
    parts = (
        *(ioc.cli.operate, ioc.cli.run, ioc.cli.data, ioc.cli.dlq, ioc.cli.rules, ioc.cli.simulate, ioc.cli.record),
        *(ioc.cli.audit, ioc.cli.notices, ioc.cli.bench),
    )
    for part in parts:
        part.register(app)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code and prints errors as one plain sentence each."""
    app = build()
    tokens = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: app(tokens, result_action="return_value", exit_on_error=False, print_error=True))


def guarded(action: Callable[[], Any]) -> int:
    """Run a command; turn the errors that people can act on into a sentence and an exit code."""
    try:
        result = action()
    except CycloptsError:
        return EXIT_USAGE
    except BadSettings as exc:
        for problem in exc.problems:
            print(f"ioc: {problem}", file=sys.stderr)
        return EXIT_USAGE
    except BadInput as exc:
        print(f"ioc: {exc.detail or exc}", file=sys.stderr)
        return EXIT_USAGE
    except Unavailable as exc:
        print(f"ioc: {exc}. Is it running? Try `ioc status`.", file=sys.stderr)
        return EXIT_UNAVAILABLE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return result if isinstance(result, int) else 0


def script() -> None:
    """Console script; libraries stay silent beside our own sentence until a process begins its log."""
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.exit(main())

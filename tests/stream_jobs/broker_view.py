"""What the broker says of open transactions, for the message of a test that waits for their end."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

TOOL = "org.apache.kafka.tools.TransactionsCommand"
OPEN = ("Ongoing", "PrepareCommit", "PrepareAbort")
LIBS = Path(__file__).resolve().parents[2] / ".ioc" / "kafka" / "libs"


async def open_transactions(kafka: str) -> str:
    """Ids and states of the transactions that are neither complete nor empty, in one line."""
    return await asyncio.to_thread(_list, kafka)


def _list(kafka: str) -> str:
    command = ("java", "-cp", f"{LIBS}/*", TOOL, "--bootstrap-server", kafka, "list")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return "the broker does not say which transactions are open"
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    found = [
        f"{row[0]} {row[3]}" for row in rows if len(row) >= 4 and row[3] in ("Ongoing", "PrepareCommit", "PrepareAbort")
    ]
    return ", ".join(found) or f"none is open {done.stderr.strip()[-200:]}".strip()

"""The book of what the broker acknowledged: one JSON line per event, for checks that nothing was lost."""

from __future__ import annotations

from pathlib import Path

import orjson

from ioc.errors import BadInput


class Ledger:
    """Appends ``{"id", "centre", "about", "time_ms", "t_ack_ms"}`` lines.

    They reach the file at :meth:`flush`, not the disk (no fsync).

    A process that is killed loses at most the lines since the last flush; never a line without acknowledgement.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as exc:
            raise BadInput("argument", "ledger", f"{path}: cannot be written: {exc.strerror or exc}") from exc

    def add(self, id_: str, centre: str, t_ack_ms: int, about: str = "", time_ms: int = 0) -> None:
        """Note one acknowledged event; ``about`` is ``feed/site/type``, ``time_ms`` when it happened."""
        line = {"id": id_, "centre": centre, "about": about, "time_ms": time_ms, "t_ack_ms": t_ack_ms}
        self._file.write(orjson.dumps(line) + b"\n")

    def flush(self) -> None:
        """Hand everything noted to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def read_ids(path: Path) -> list[str]:
    """Ids of a ledger in the order of acknowledgement; a half-written last line is left out."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [orjson.loads(line)["id"] for line in lines]

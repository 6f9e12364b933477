"""Files that were named on the command line."""

from __future__ import annotations

from pathlib import Path

from ioc.errors import BadInput


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        BadInput: one sentence with the name of the file and why it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as exc:
        raise BadInput("malformed", str(path), f"{path}: cannot be read: {exc.strerror or exc}") from exc

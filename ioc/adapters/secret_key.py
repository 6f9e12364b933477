"""The key that signs sessions: made once, readable by its owner only, the same after every restart."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ioc.errors import BadSettings
from ioc.services.sign_in import KEY_BYTES


def load_or_make(file: Path) -> bytes:
    """The key in ``file`` (hexadecimal); made with mode 0600 when there is none. Several gateways may share it.

    Raises:
        BadSettings: the file is not such a key, or others may read it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # Written whole under another name and linked: a crash, or a second gateway, never finds half a key.
    fresh = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not file.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(KEY_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass  # another gateway was faster; its key counts
        finally:
            fresh.unlink()
    if file.stat().st_mode & 0o077:
        raise BadSettings([f"{file} may be read by others: run chmod 600 on it"])
    try:
        key = bytes.fromhex(file.read_text().strip())
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise BadSettings([f"{file} holds no key of {KEY_BYTES} bytes: remove it, and everybody signs in anew"])
    return key

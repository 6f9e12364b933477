"""Databases that nobody has migrated."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ioc.stack.testing import create_database, drop_database, with_database


@contextmanager
def empty_database(stack: Any) -> Iterator[str]:
    """A database of its own with the extension and nothing else."""
    name = f"ioc_empty_{uuid.uuid4().hex[:10]}"
    # template0: nobody can be connected to it, so making a copy never waits.
    create_database(stack.admin_url, name, owner=stack.owner, template="template0")
    try:
        yield with_database(stack.database_url, name)
    finally:
        drop_database(stack.admin_url, name)

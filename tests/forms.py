"""The two forms of the fault tests: a short one for `make test`, a long one for `make chaos` (``IOC_TEST_LONG=1``)."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")
LONG = os.environ.get("IOC_TEST_LONG") == "1"


def form(short: T, long: T) -> T:
    """The value of the form that runs."""
    return long if LONG else short

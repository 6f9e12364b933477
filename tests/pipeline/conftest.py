"""What several tests of this folder begin with."""

from __future__ import annotations

import pytest

from tests.pipeline.handover_room import Room
from tests.pipeline.small_province import MIN, T
from tests.pipeline.test_alerting import signal


@pytest.fixture
def room() -> Room:
    """A desk with handovers at which an alert is open since 10:00."""
    room = Room()
    room.give(signal())
    room.go(T + MIN)
    return room

from __future__ import annotations

from ioc.domain.silence import SilenceState, hear, lapse

AFTER = 30_000
T = 1_000_000


def test_silent_after_the_time_and_heard_again() -> None:
    state = SilenceState()
    assert hear(state, 2, T - 200, T) is None
    assert lapse(state, 2, AFTER, T + AFTER - 1, 0) is None
    on = lapse(state, 2, AFTER, T + AFTER, 0)
    assert on is not None
    assert (on.state, on.reason, on.since_ms, on.observed_ms, on.limit) == (
        "on",
        "NO_HEARTBEAT",
        T - 200,
        T + AFTER,
        30,
    )
    assert lapse(state, 2, AFTER, T + 10 * AFTER, 0) is None
    off = hear(state, 2, T + 400_000, T + 400_100)
    assert off is not None
    assert (off.state, off.since_ms) == ("off", T - 200)


def test_a_centre_never_heard_is_silent_since_we_listen() -> None:
    state = SilenceState()
    assert lapse(state, 2, AFTER, T + AFTER - 1, T) is None
    on = lapse(state, 2, AFTER, T + AFTER, T)
    assert on is not None
    assert on.since_ms == T


def test_time_in_which_nobody_listened_proves_nothing() -> None:
    state = SilenceState()
    hear(state, 2, T, T)
    assert lapse(state, 2, AFTER, T + 600_000, T + 599_000) is None


def test_the_same_last_heartbeat_twice_is_two_episodes() -> None:
    state = SilenceState()
    hear(state, 2, T, T)
    first = lapse(state, 2, AFTER, T + AFTER, 0)
    hear(state, 2, T, T + AFTER + 1)  # an old heartbeat, delivered late: the link lives
    second = lapse(state, 2, AFTER, T + 3 * AFTER, 0)
    assert first is not None
    assert second is not None
    assert second.since_ms > first.since_ms

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


DAY = 86_400_000


def test_silent_for_too_long_is_out_of_service_and_no_alert() -> None:
    state = SilenceState()
    hear(state, 2, T - 200, T)
    on = lapse(state, 2, AFTER, T + AFTER, 0, DAY)
    assert on is not None
    assert lapse(state, 2, AFTER, T + DAY - 1, 0, DAY) is None
    off = lapse(state, 2, AFTER, T + DAY, 0, DAY)
    assert off is not None
    assert (off.state, off.reason, off.since_ms, off.observed_ms) == ("off", "OUT_OF_SERVICE", on.since_ms, T + DAY)
    # From now on it is no news, however long it lasts and however often this process starts again.
    for base_ms in (0, T + DAY, T + 2 * DAY):
        assert lapse(state, 2, AFTER, T + 3 * DAY, base_ms, DAY) is None
    # Heard again: back by itself, and the next silence is an episode of its own.
    back = hear(state, 2, T + 4 * DAY, T + 4 * DAY)
    assert back is not None
    assert (back.state, back.reason, back.since_ms) == ("off", "HEARTBEAT", on.since_ms)
    assert hear(state, 2, T + 4 * DAY, T + 4 * DAY) is None
    again = lapse(state, 2, AFTER, T + 4 * DAY + AFTER, 0, DAY)
    assert again is not None
    assert (again.state, again.since_ms) == ("on", T + 4 * DAY)


def test_a_pause_of_ours_does_not_put_off_that_it_goes_out_of_service() -> None:
    state = SilenceState()
    hear(state, 2, T, T)
    assert lapse(state, 2, AFTER, T + AFTER, 0, DAY) is not None
    off = lapse(state, 2, AFTER, T + DAY, T + DAY - 1000, DAY)
    assert off is not None
    assert off.reason == "OUT_OF_SERVICE"


def test_one_that_was_never_heard_goes_out_of_service_a_day_after_its_alert_began() -> None:
    state = SilenceState()
    assert lapse(state, 2, AFTER, T + AFTER, T, DAY) is not None
    assert lapse(state, 2, AFTER, T + DAY - 1, T, DAY) is None
    off = lapse(state, 2, AFTER, T + DAY, T, DAY)
    assert off is not None
    assert off.reason == "OUT_OF_SERVICE"

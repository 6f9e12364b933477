"""Whom an alert is told to, and when the next attempt is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.dispatch import Channel, Dispatch, Names, Route, problems
from ioc.domain.profile import Profile
from ioc.pipeline.episodes import HIDDEN_OCCURRENCE
from ioc.pipeline.notices import (
    ALERT_WAIT_MS,
    BACKOFF_FIRST_MS,
    BACKOFF_MAX_MS,
    GIVE_UP_AFTER_MS,
    JITTER,
    STALE_AFTER_MS,
    Again,
    Delivery,
    Done,
    Judgeable,
    Never,
    Notice,
    after,
    ahead,
    begun,
    news,
    notices,
    occasions,
    ready,
)
from tests.samples import T0_MS, an_alert

CHANNELS = (
    Channel(id="hook", kind="webhook", url="https://hook.example/a"),
    Channel(id="mail", kind="email", to=("a@x.example", "b@x.example"), language="en"),
    Channel(id="log", kind="log"),
)
BASE = load_profile("dongnai-2023")


def province(*routes: Route) -> Profile:
    return structs.replace(BASE, dispatch=Dispatch(channels=CHANNELS, routes=routes))


def entry(**changes: Any) -> LogEntry:
    base = LogEntry(
        id="A-1/1/raised",
        alert_id="A-1",
        key="k",
        kind="transition",
        what="raised",
        accepted=True,
        at_ms=T0_MS,
        version=1,
        priority=2,
        from_state="NORM",
        to_state="UNACK",
    )
    return structs.replace(base, **changes)


def told(line: LogEntry, *routes: Route, alert: Alert | None = None, now_ms: int = T0_MS) -> list[str]:
    found = notices(line, alert or an_alert("A-1", 1), province(*routes), now_ms)
    return [notice.target for notice in found]


ALL = Route(channels=("hook", "mail", "log"), priority=4, on=("raised", "worse", "over", "acknowledged"))


def test_each_receiver_once_whatever_the_number_of_routes() -> None:
    expected = ["https://hook.example/a", "a@x.example", "b@x.example", "log"]
    assert told(entry(), ALL, ALL, Route(channels=("log",), priority=4)) == expected
    assert told(entry()) == []


def test_the_same_line_gives_the_same_notices() -> None:
    one = notices(entry(), an_alert("A-1", 1), province(ALL), T0_MS)
    two = notices(entry(), an_alert("A-1", 1), province(ALL), T0_MS + 9)
    assert one == two
    assert len({notice.id for notice in one}) == 4
    other = notices(entry(id="A-1/2/escalated", what="escalated"), an_alert("A-1", 1), province(ALL), T0_MS)
    assert not {notice.id for notice in one} & {notice.id for notice in other}


@pytest.mark.parametrize(
    ("conditions", "applies"),
    [
        ({}, True),
        ({"priority": 1}, False),
        ({"centres": ("bien-hoa",)}, True),
        ({"centres": ("tinh",)}, False),
        ({"areas": ("731",), "types": ("hydro.level",)}, True),
        ({"areas": ("732",)}, False),
        ({"types": ("rain.gauge",)}, False),
        ({"rules": ("no-such",)}, False),
        ({"on": ("over",)}, False),
    ],
)
def test_conditions_of_a_route(conditions: dict[str, Any], applies: bool) -> None:
    assert bool(told(entry(), Route(channels=("log",), **conditions))) == applies


MOVES = {
    "raised": ("NORM", "UNACK"),
    "re-raised": ("RTNUN", "UNACK"),
    "escalated": ("UNACK", "UNACK"),
    "cleared": ("UNACK", "RTNUN"),
    "closed": ("ACKED", "NORM"),
}


@given(st.sampled_from(list(MOVES)), st.booleans(), st.booleans())
def test_a_drill_tells_nobody(what: str, line: bool, alert: bool) -> None:
    exercise = "drill-7"
    found = told(
        entry(what=what, from_state=MOVES[what][0], to_state=MOVES[what][1], exercise=exercise if line else None),
        ALL,
        alert=an_alert("A-1", 1, exercise=exercise if alert else None),
    )
    assert bool(found) == (not line and not alert)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("raised NORM UNACK", "raised"),
        ("re-raised RTNUN UNACK", "raised"),
        ("re-alarmed ACKED UNACK", "raised"),
        ("unhidden SHLVD UNACK", "raised"),
        ("unmuted DSUPR UNACK", "raised"),
        ("escalated DSUPR UNACK", "raised"),
        ("raised NORM SHLVD", ""),
        ("raised NORM DSUPR", ""),
        ("raised NORM OOSRV", ""),
        ("escalated UNACK UNACK", "worse"),
        ("escalated ACKED UNACK", "worse"),
        ("escalated SHLVD SHLVD", ""),
        ("eased UNACK UNACK", ""),
        ("seen ACKED ACKED", ""),
        ("muted UNACK DSUPR", ""),
        ("unhidden SHLVD RTNUN", ""),
        ("unhidden SHLVD NORM", ""),
        ("cleared UNACK RTNUN", "over"),
        ("cleared ACKED ACKED", ""),
        ("cleared SHLVD SHLVD", "over"),
        ("cleared OOSRV OOSRV", "over"),
        ("closed ACKED NORM", "over"),
        ("closed DSUPR NORM", "over"),
        ("superseded ACKED NORM", ""),
        ("command ack UNACK ACKED", "acknowledged"),
        ("command ack RTNUN NORM", "acknowledged"),
        ("command unack ACKED UNACK", "raised"),
        ("command unshelve SHLVD UNACK", "raised"),
        ("command return_to_service OOSRV UNACK", "raised"),
        ("command shelve UNACK SHLVD", ""),
        ("command comment UNACK UNACK", ""),
        ("command close UNACK ACKED", "acknowledged"),
        ("command close ACKED ACKED", ""),
        ("command close RTNUN NORM", "acknowledged"),
        ("command close ACKED NORM", "over"),
        ("command close NORM NORM", ""),
        ("command reset ACKED NORM", "over"),
        ("command something-new UNACK ACKED", ""),
    ],
)
def test_what_a_line_means(words: str, what: str) -> None:
    command = words.startswith("command ")
    word, before, after_ = words.removeprefix("command ").split()
    said = entry(
        kind="command" if command else "transition",
        what=word,
        from_state=before,
        to_state=after_,
        outcome="DONE" if command else None,
    )
    assert occasions(said, an_alert("A-1", 1)) == ((what,) if what else ())
    assert occasions(structs.replace(said, accepted=False), an_alert("A-1", 1)) == ()


def test_a_hidden_occurrence_is_over_when_it_went_away_and_not_when_it_comes_out_of_hiding() -> None:
    line = entry(what="hidden-occurrence", from_state="DSUPR", to_state="NORM")
    assert occasions(structs.replace(line, event_ms=T0_MS), an_alert("A-1", 1)) == ("over",)
    assert occasions(line, an_alert("A-1", 1)) == ()


def test_each_receiver_hears_of_the_weightiest_occasion_it_wants() -> None:
    line = entry(kind="command", what="close", outcome="DONE", from_state="RTNUN", to_state="NORM")
    alert = an_alert("A-1", 1)
    latching = next(rule.id for rule in BASE.rules if rule.latching)
    assert occasions(line, alert, latching=True) == ("over", "acknowledged")
    routes = (
        Route(channels=("log",), on=("acknowledged",)),
        Route(channels=("hook",), on=("over", "acknowledged")),
    )
    found = notices(line, structs.replace(alert, rule=latching), province(*routes), T0_MS)
    said = {notice.channel: msgspec.json.decode(notice.body)["occasion"] for notice in found}
    assert said == {"hook": "over", "log": "acknowledged"}


def test_old_news_tells_nobody() -> None:
    assert told(entry(), ALL, now_ms=T0_MS + STALE_AFTER_MS)
    assert not told(entry(), ALL, now_ms=T0_MS + STALE_AFTER_MS + 1)
    later = structs.replace(an_alert("A-1", 2), state="DSUPR", suppression="by-design", muted_by="A-2")
    assert told(entry(), ALL, alert=later), "the line counts, not what became of it"


def test_what_is_said_is_whole_and_marked_when_it_is_simulated() -> None:
    [notice] = notices(entry(), an_alert("A-1", 1), province(Route(channels=("log",))), T0_MS)
    body = msgspec.json.decode(notice.body)
    assert body["id"] == notice.id
    assert (body["occasion"], body["alert"]["id"], body["alert"]["priority"]) == ("raised", "A-1", 2)
    assert body["simulated"]
    assert body["title"].startswith("[MÔ PHỎNG] P2 Cảnh báo mới: ")


# -- lines before their alerts ------------------------------------------------------------------------------------


def row(position: int, stored: int | None, **changes: Any) -> Judgeable:
    alert = None if stored is None else an_alert("A-1", stored)
    return Judgeable(position, entry(version=2, **changes), alert)


OLD_MS = T0_MS + 50 * ALERT_WAIT_MS  # the database was away, and the line is old when it comes


@pytest.mark.parametrize("stored", [None, 1])
def test_a_line_waits_for_its_alert_from_when_it_was_met(stored: int | None) -> None:
    lines = [row(7, 2), row(8, stored), row(9, 2)]
    found, met = ready(lines, {}, OLD_MS)
    assert (found, met) == (lines[:1], {8: OLD_MS})
    found, met = ready(lines[1:], met, OLD_MS + ALERT_WAIT_MS - 1)
    assert (found, met) == ([], {8: OLD_MS})
    assert ready(lines[1:], met, OLD_MS + ALERT_WAIT_MS)[0] == lines[1:], "but not for ever"
    assert ready(lines[1:], {}, OLD_MS + ALERT_WAIT_MS)[0] == [], "the database was away: it waits anew"
    assert ready([row(8, 2), lines[2]], met, OLD_MS + 1) == ([row(8, 2), lines[2]], {})


def test_lines_that_are_behind_together_wait_together() -> None:
    lines = [row(n, None) for n in range(5)]
    _, met = ready(lines, {}, OLD_MS)
    assert ready(lines, met, OLD_MS + ALERT_WAIT_MS)[0] == lines


def test_a_refused_command_waits_for_nothing_and_a_clock_set_back_begins_anew() -> None:
    refused = row(3, None, accepted=False)
    assert ready([refused], {}, OLD_MS) == ([refused], {})
    assert ready([row(3, None)], {3: OLD_MS + 9}, OLD_MS) == ([], {3: OLD_MS})


@given(st.lists(st.sampled_from([None, 1, 2, 3]), max_size=8), st.integers(0, 3 * ALERT_WAIT_MS))
def test_what_is_ready_is_a_beginning_of_the_log(stored: list[int | None], after_ms: int) -> None:
    lines = [row(n, version) for n, version in enumerate(stored)]
    _, met = ready(lines, {}, OLD_MS)
    found, _ = ready(lines, met, OLD_MS + after_ms)
    assert list(found) == lines[: len(found)]
    assert (len(found) == len(lines)) == (after_ms >= ALERT_WAIT_MS or not met)


# -- attempts -----------------------------------------------------------------------------------------------------

NOTICE = Notice(id="n1", channel="hook", target="https://h", alert_id="A-1", body="{}")


def test_an_attempt_that_worked_is_the_last() -> None:
    found = after(begun(NOTICE, T0_MS), Done(), T0_MS + 5)
    assert (found.state, found.attempts) == ("done", 1)


def test_a_refusal_is_for_good() -> None:
    found = after(begun(NOTICE, T0_MS), Never("HTTP 400"), T0_MS)
    assert (found.state, found.error) == ("dead", "HTTP 400")


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=40), st.text(min_size=1, max_size=5))
def test_waits_grow_have_a_limit_and_an_end(asked: list[int], name: str) -> None:
    delivery, now_ms, least = begun(structs.replace(NOTICE, id=name), T0_MS), T0_MS, BACKOFF_FIRST_MS
    for wait_ms in asked:
        found = after(delivery, Again("busy", wait_ms), now_ms)
        assert found.attempts == delivery.attempts + 1
        if found.state == "dead":
            assert now_ms - T0_MS >= GIVE_UP_AFTER_MS
            return
        assert min(least, BACKOFF_MAX_MS) <= found.due_ms - now_ms <= BACKOFF_MAX_MS * (1 + JITTER)
        assert found == after(delivery, Again("busy", wait_ms), now_ms), "no chance in it"
        delivery, now_ms, least = found, found.due_ms, least * 2


def test_it_is_given_up_a_day_after_it_was_made() -> None:
    delivery, now_ms, attempts = begun(NOTICE, T0_MS), T0_MS, 0
    while delivery.state == "due":
        delivery = after(delivery, Again("away"), now_ms)
        now_ms, attempts = max(now_ms, delivery.due_ms), attempts + 1
    assert delivery.state == "dead"
    assert GIVE_UP_AFTER_MS <= now_ms - T0_MS < GIVE_UP_AFTER_MS + 2 * BACKOFF_MAX_MS
    assert 80 < attempts < 130


def test_a_delivery_is_plain_data() -> None:
    delivery = begun(NOTICE, T0_MS)
    assert msgspec.json.decode(msgspec.json.encode(delivery), type=Delivery) == delivery


# -- the profile --------------------------------------------------------------------------------------------------

NAMES = Names(centres=frozenset({"tinh"}), areas=frozenset({"731"}), rules=frozenset({"r"}), types=frozenset({"t"}))


@pytest.mark.parametrize(
    ("dispatch", "said"),
    [
        (Dispatch(channels=(*CHANNELS, CHANNELS[0])), "channels[3] (hook).id: there are two"),
        (Dispatch(channels=(Channel(id="A b", kind="log"),)), "channels[0] (A b).id"),
        (Dispatch(channels=(Channel(id="a", kind="webhook"),)), "channels[0] (a).url"),
        (Dispatch(channels=(Channel(id="a", kind="log", url="https://x"),)), "channels[0] (a).url"),
        (Dispatch(channels=(Channel(id="a", kind="webhook", url="ftp://x/"),)), "channels[0] (a).url"),
        (Dispatch(channels=(Channel(id="a", kind="webhook", url="https://u:p@x/"),)), "channels[0] (a).url"),
        (Dispatch(channels=(Channel(id="a", kind="webhook", url="https://x:99999/"),)), "channels[0] (a).url"),
        (Dispatch(channels=(Channel(id="a", kind="webhook", url="https://x/\n"),)), "channels[0] (a).url"),
        (Dispatch(channels=(Channel(id="a", kind="email"),)), "channels[0] (a).to"),
        (Dispatch(channels=(Channel(id="a", kind="email", to=("a@x\r\nBcc: b@x",)),)), "channels[0] (a).to"),
        (Dispatch(channels=(Channel(id="a", kind="email", to=("a@x", "a@x")),)), "channels[0] (a).to"),
        (Dispatch(routes=(Route(channels=("nobody",)),)), "routes[0].channels: there is no channel 'nobody'"),
        (Dispatch(routes=(Route(channels=()),)), "routes[0]: must name"),
        (Dispatch(channels=CHANNELS, routes=(Route(channels=("log",), centres=("x",)),)), "routes[0].centres"),
        (Dispatch(channels=CHANNELS, routes=(Route(channels=("log",), areas=("x",)),)), "routes[0].areas"),
        (Dispatch(channels=CHANNELS, routes=(Route(channels=("log",), rules=("x",)),)), "routes[0].rules"),
        (Dispatch(channels=CHANNELS, routes=(Route(channels=("log",), types=("x",)),)), "routes[0].types"),
    ],
)
def test_a_mistake_is_named_with_its_place(dispatch: Dispatch, said: str) -> None:
    [found] = problems(dispatch, NAMES)
    assert found.startswith(said)


def test_a_good_file_has_no_mistake() -> None:
    good = Route(channels=("log",), centres=("tinh",), areas=("731",), rules=("r",), types=("t",))
    assert not list(problems(Dispatch(channels=CHANNELS, routes=(good,)), NAMES))


# -- group wait ---------------------------------------------------------------------------------------------------

WAIT = {"group_wait_ms": 5_000}
LOGGED = Route(channels=("log",), priority=4, on=("raised", "worse", "over", "acknowledged"))


def raising(position: int, priority: int = 2, at_ms: int = T0_MS, **alert: Any) -> Judgeable:
    line = entry(
        id=f"A-{position}/1/raised", alert_id=f"A-{position}", to_state="UNACK", priority=priority, at_ms=at_ms
    )
    return Judgeable(position, line, structs.replace(an_alert(f"A-{position}", 2), **alert))


def test_what_is_raised_waits_for_its_group_and_p1_does_not() -> None:
    lines = [raising(1, 1), raising(2, 2), raising(3, 3), raising(4, 1)]
    found, met = ready(lines, {}, T0_MS + 4_999, **WAIT)
    assert (list(found), met) == (lines[:1], {})
    assert ahead(lines, len(found)) == [lines[3]]
    assert list(ready(lines, met, T0_MS + 5_000, **WAIT)[0]) == lines
    assert list(ready(lines, {}, T0_MS)[0]) == lines, "0 tells at once"


def test_a_start_waits_too_and_a_clock_that_is_ahead_does_not() -> None:
    lines = [raising(1, at_ms=T0_MS - 60_000)]
    assert not ready(lines, {}, T0_MS + 4_999, **WAIT, started_ms=T0_MS)[0]
    assert list(ready(lines, {}, T0_MS + 5_000, **WAIT, started_ms=T0_MS)[0]) == lines
    assert list(ready([raising(1, at_ms=T0_MS + 9_000)], {}, T0_MS, **WAIT)[0])


def test_after_a_start_a_p1_and_a_call_out_wait_too() -> None:
    """What was raised while nobody judged may be about to be hidden; later a P1 does not wait."""
    called = entry(what="summoned", from_state="UNACK", to_state="UNACK", priority=1)
    for line in (raising(1, 1, T0_MS - 60_000), Judgeable(1, called, an_alert("A-1", 2))):
        over = Judgeable(0, entry(what="cleared", from_state="UNACK", to_state="RTNUN"), an_alert("A-1", 2))
        for now_ms, told in ((T0_MS + 4_999, False), (T0_MS + 5_000, True)):
            found, _ = ready([over, line], {}, now_ms, **WAIT, started_ms=T0_MS)
            assert (line in found) is told
            waiting = [raising(2, 2, now_ms), line]
            assert (line in ahead(waiting, 0, now_ms, **WAIT, started_ms=T0_MS)) is told


def test_what_raises_nothing_does_not_wait() -> None:
    over = Judgeable(1, entry(what="cleared", from_state="UNACK", to_state="RTNUN"), an_alert("A-1", 2))
    assert list(ready([over], {}, T0_MS, **WAIT)[0]) == [over]


def test_a_line_about_a_silence_waits_for_no_alert() -> None:
    line = Judgeable(1, entry(alert_id="S-1", key="silence|S-1", what="silence-ending", version=0), None)
    assert not line.behind
    assert list(ready([line], {}, T0_MS)[0]) == [line]
    assert news([line], province(LOGGED), T0_MS) == []


def test_what_was_hidden_or_over_within_the_wait_was_never_news() -> None:
    hidden = raising(1, suppression="by-design")
    over = raising(2, closed=True, active=False)
    ended = Judgeable(3, structs.replace(over.entry, what="closed", from_state="UNACK", to_state="NORM"), over.alert)
    urgent = raising(4, 1, suppression="by-design")
    stands = raising(5)
    told = news([hidden, over, ended, urgent, stands], province(LOGGED), T0_MS)
    assert [one.alert_id for one in told] == ["A-4", "A-5"]
    at_once = structs.replace(BASE, dispatch=Dispatch(channels=CHANNELS, routes=(LOGGED,), group_wait_s=0))
    assert len(news([hidden, over, ended, urgent, stands], at_once, T0_MS)) == 5


def test_what_was_explained_before_anybody_heard_of_it_is_not_told_to_be_over() -> None:
    """The end comes in a later call than the beginning."""
    begun_, ended = raising(1, suppression="by-design"), raising(1, closed=True, active=False)
    over = structs.replace(
        ended.entry, what=HIDDEN_OCCURRENCE, from_state="DSUPR", to_state="NORM", version=3, event_ms=T0_MS
    )
    line = Judgeable(3, over, ended.alert)
    assert occasions(over, ended.alert) == ("over",)  # type: ignore[arg-type]
    assert news([begun_], province(LOGGED), T0_MS) == []
    assert news([line], province(LOGGED), T0_MS) == []
    assert len(news([line], province(LOGGED), T0_MS, {"A-1"})) == 1, "who heard of it hears of its end"


def test_what_became_p1_within_the_wait_is_told_at_once_and_in_order() -> None:
    held, raised = raising(1), raising(2, priority=1)
    first = structs.replace(raised, entry=structs.replace(raised.entry, priority=2))
    worse = structs.replace(raised.entry, what="escalated", from_state="UNACK", priority=1, version=2, id="A-2/2/x")
    lines = [held, first, Judgeable(3, worse, raised.alert)]
    alert = structs.replace(first.alert, priority=1)  # type: ignore[type-var]
    lines = [held, *(structs.replace(line, alert=alert) for line in lines[1:])]
    found, _ = ready(lines, {}, T0_MS, **WAIT)
    assert not found
    early = ahead(lines, 0)
    told_early = news(early, province(LOGGED), T0_MS)
    assert [msgspec.json.decode(one.body)["occasion"] for one in told_early] == ["raised", "worse"]
    later = news(list(ready(lines, {}, T0_MS + 5_000, **WAIT)[0]), province(LOGGED), T0_MS + 5_000)
    assert [one.id for one in later[1:]] == [one.id for one in told_early], "the same notices, and so told once"


def test_what_comes_out_of_hiding_is_told_then() -> None:
    hidden = raising(1, suppression="by-design")
    assert hidden.alert is not None
    unmuted = structs.replace(hidden.entry, what="unmuted", from_state="DSUPR", version=3)
    again = Judgeable(2, unmuted, structs.replace(hidden.alert, version=3, suppression="none"))
    assert [len(news(lines, province(LOGGED), T0_MS)) for lines in ([hidden], [again], [hidden, again])] == [0, 1, 1]

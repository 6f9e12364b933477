"""Who is told when an escalation calls people out."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec import structs

from ioc.adapters.notifier_loop import Notifier
from ioc.domain.alerts import LogEntry
from ioc.domain.desk import Summons
from ioc.domain.dispatch import Route
from ioc.pipeline.notices import STALE_AFTER_MS, Delivery, Done, Result, begun, is_outdated, mail_text, notices
from tests.pipeline.test_notices import ALL, entry, province, told
from tests.samples import T0_MS, an_alert

CALL = Summons(number=1, step=0, round=0, whom=("Trực ban 1",), channels=("mail", "log"), at_ms=T0_MS, began_ms=T0_MS)


def call(**changes: Any) -> LogEntry:
    base: dict[str, Any] = {"what": "summoned", "from_state": "UNACK", "priority": 4, "summons": CALL}
    return entry(**(base | changes))


def test_a_call_out_goes_to_the_channels_of_the_step_whatever_the_routes_say() -> None:
    assert told(call()) == ["a@x.example", "b@x.example", "log"]
    assert told(call(), ALL) == ["a@x.example", "b@x.example", "log"], "once, and no route adds anybody"
    assert told(call(summons=structs.replace(CALL, channels=("gone", "log")))) == ["log", ""]
    assert told(call(summons=structs.replace(CALL, whom=(), channels=(), reason="EMPTY_ROSTER")), ALL) == []


def test_a_line_of_an_earlier_step_calls_those_of_that_step() -> None:
    later = structs.replace(an_alert("A-1", 1), version=2, summons=structs.replace(CALL, number=2, channels=("hook",)))
    assert told(call(), alert=later) == ["a@x.example", "b@x.example", "log"]


@pytest.mark.parametrize("state", ["ACKED", "RTNUN", "NORM", "SHLVD", "DSUPR", "OOSRV"])
def test_nobody_is_called_when_it_does_not_ask_any_more(state: str) -> None:
    assert told(call(), ALL, alert=structs.replace(an_alert("A-1", 2), state=state)) == []


def test_a_chain_that_calls_about_what_went_away_does_until_somebody_has_it() -> None:
    gone = structs.replace(CALL, gone=True)
    for state, hears in (("UNACK", 3), ("RTNUN", 3), ("ACKED", 0), ("NORM", 0), ("SHLVD", 0)):
        alert = structs.replace(an_alert("A-1", 1), state=state)
        assert len(told(call(summons=gone), alert=alert)) == hears
    (notice, *_) = notices(call(summons=gone), structs.replace(an_alert("A-1", 1), state="RTNUN"), province(), T0_MS)
    assert [is_outdated(notice, state) for state in ("UNACK", "RTNUN", "ACKED", "NORM")] == [False, False, True, True]


def test_nobody_is_called_in_a_drill_or_hours_later() -> None:
    assert told(call(exercise="dd-1")) == []
    assert told(call(), alert=an_alert("A-1", 1, exercise="dd-1")) == []
    assert told(call(), now_ms=T0_MS + STALE_AFTER_MS + 1) == []


def test_a_call_out_says_what_it_is_and_whom_it_calls() -> None:
    mail, _, line = notices(call(), an_alert("A-1", 1), province(), T0_MS)
    body = msgspec.json.decode(mail.body)
    assert (body["occasion"], body["called"], body["by"]) == ("called", ["Trực ban 1"], None)
    assert body["title"] == "[SIMULATION] P4 Call-out: River level"
    assert msgspec.json.decode(line.body)["title"] == "[MÔ PHỎNG] P4 Gọi trực: Mực nước sông"
    assert "Called: Trực ban 1\n" in mail_text(body, "")
    assert "Gọi: Trực ban 1\n" in mail_text(msgspec.json.decode(line.body), "")
    assert notices(call(), an_alert("A-1", 1), province(), T0_MS + 9)[0] == mail
    other = notices(call(id="A-1/2/summoned"), an_alert("A-1", 1), province(), T0_MS)[0]
    assert other.id != mail.id


@pytest.mark.parametrize("state", ["ACKED", "RTNUN", "NORM", "SHLVD", "DSUPR", "OOSRV"])
def test_a_call_out_is_outdated_when_its_alert_does_not_ask_any_more(state: str) -> None:
    mail = notices(call(), an_alert("A-1", 1), province(), T0_MS)[0]
    assert is_outdated(mail, state)
    assert not is_outdated(mail, "UNACK")
    assert not is_outdated(mail, None), "an alert that is not stored says nothing"
    [news, *_] = notices(entry(), an_alert("A-1", 1), province(ALL), T0_MS)
    assert not is_outdated(news, state), "only calls are about now"
    assert not is_outdated(structs.replace(mail, body="?"), state)


class Counting:
    """A way out that counts."""

    def __init__(self) -> None:
        self.taken = 0

    async def send(self, delivery: Delivery, now_ms: int) -> Result:
        self.taken += 1
        return Done()


def attempted(delivery: Delivery, way: Counting) -> Delivery:
    """What one attempt of the notifier makes of a delivery; without a database."""
    notifier = Notifier("postgresql://nowhere", province(), {"email": way, "log": way}, lambda: T0_MS)

    async def attempt() -> Delivery:
        return await notifier._attempt(delivery, asyncio.Semaphore(1))

    return asyncio.run(attempt())


def test_an_outdated_call_out_is_given_up_with_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    mail, way = notices(call(), an_alert("A-1", 1), province(), T0_MS)[0], Counting()
    found = attempted(structs.replace(begun(mail, T0_MS), attempts=1, outdated=True), way)
    assert (found.state, found.error.partition(":")[0], way.taken) == ("dead", "OUTDATED", 0)
    assert "given up: OUTDATED" in caplog.text
    assert (attempted(begun(mail, T0_MS), way).state, way.taken) == ("done", 1)


def test_a_call_out_by_a_channel_that_is_unknown_leaves_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    line = call(summons=structs.replace(CALL, channels=("gone", "gone")))
    [lost] = notices(line, an_alert("A-1", 1), province(), T0_MS)
    assert (lost.channel, lost.target, lost.alert_id) == ("gone", "", "A-1")
    assert msgspec.json.decode(lost.body)["called"] == ["Trực ban 1"]
    way = Counting()
    found = attempted(begun(lost, T0_MS), way)
    assert (found.state, found.error.partition(":")[0], way.taken) == ("dead", "UNKNOWN_CHANNEL", 0)
    assert "by gone given up: UNKNOWN_CHANNEL" in caplog.text


def test_routes_cannot_ask_for_call_outs() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"channels": ["log"], "on": ["called"]}, Route)

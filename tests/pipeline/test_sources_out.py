"""Feeds, sites and centres out of service: alerting tells the desk, which hands them over until they are heard."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import PartHeard, SourceTold
from ioc.domain.handover import OutOfService
from ioc.domain.profile import Profile
from ioc.domain.times import to_ms
from ioc.pipeline import alerting as alerting_module
from ioc.pipeline.absences import Absences
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.desk import DeskPartition, make_desk
from ioc.pipeline.desk_handover import HandoverPart
from ioc.pipeline.effects import InRecord
from ioc.pipeline.sources_out import SourcesOut
from ioc.wire import codec
from tests.pipeline.small_province import MIN, NORTH, S, T
from tests.pipeline.test_absent_feed import FEED, SILENCE, SITE, Town
from tests.pipeline.test_absent_feed import province as with_centre

OUT_S = 900.0
TOMORROW = to_ms(datetime(2026, 11, 25, 8, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")))


def part_of(desk: DeskPartition) -> HandoverPart:
    [part] = [one for one in desk.parts if isinstance(one, HandoverPart)]
    return part


def out(town: Town) -> dict[str, OutOfService]:
    [desk] = [cell.step for cell in town.runner.cells if isinstance(cell.step, DeskPartition)]
    return {one.key: one for one in part_of(desk).beside(town.runner.now_ms).out_of_service}


def province(feeds_s: float = OUT_S) -> Profile:
    """The centre goes out of service after a quarter of an hour, and its feeds after so long."""
    return with_centre(
        feeds=tuple(
            replace(feed, dead_after_s=OUT_S if feed.id == "heartbeat" else feeds_s, sporadic=feed.id == "calls")
            for feed in NORTH.feeds
        )
    )


def heartbeat_alone() -> Profile:
    """The centre goes out of service long before its feeds."""
    return province(10 * OUT_S)


def test_a_feed_is_out_from_the_end_of_its_alert_until_it_is_heard() -> None:
    town = Town(province())
    town.live(1, "R1", "R2", "G1")
    town.live(13, "R2", "G1")
    assert out(town) == {}
    town.live(4, "R2", "G1")
    [(key, one)] = out(town).items()
    assert (key, one.rule, one.site, one.feed) == ("mute-site|north|R1", "mute-site", "R1", "river")
    assert (one.name_vi, one.name_en) == ("Trạm R1", "Site R1")
    assert (one.since_ms, one.review_ms) == (T + 50 * S, TOMORROW)
    assert abs(one.out_ms - (T + 16 * MIN)) <= 20 * S
    town.live(17, "G1")
    assert list(out(town)) == ["absent|north|river"], "the feed says it of its sites"
    town.live(0.5, "R2", "G1")
    assert list(out(town)) == ["mute-site|north|R1"]
    town.live(0.5, "R1", "G1")
    assert out(town) == {}


def test_a_centre_is_out_until_it_is_heard_and_says_it_of_its_feeds() -> None:
    town = Town(heartbeat_alone())
    town.live(1, "R1", "G1")
    town.live(14, heart=False)
    assert out(town) == {}
    town.live(4, heart=False)
    [(key, one)] = out(town).items()
    assert (key, one.rule, one.feed, one.site) == ("silent|north|north", "silent", "", "")
    assert (one.centre, one.name_vi, one.name_en, one.review_ms) == ("north", "Miền Bắc", "North", TOMORROW)
    town.live(0.5)
    assert out(town) == {}


def test_feeds_of_a_centre_that_is_out_are_not_listed_beside_it() -> None:
    town = Town(province())
    town.live(1, "R1", "G1")
    town.live(19, heart=False)
    assert list(out(town)) == ["silent|north|north"]
    town.live(0.5, "G1")
    assert "absent|north|river" in out(town), "it fell silent with its centre, no alert ever said so"


@pytest.mark.parametrize("gone", ["rule", "again"])
def test_what_no_rule_speaks_of_any_more_is_not_out(gone: str) -> None:
    town = Town(heartbeat_alone())
    town.live(1, "R1", "G1")
    town.live(19, heart=False)
    assert list(out(town)) == ["silent|north|north"]
    if gone == "rule":
        profile = heartbeat_alone()
        town.use(replace(profile, rules=(FEED, SITE)))
        town.live(1.5, heart=False)
        assert out(town) == {}
    else:
        town.use(replace(heartbeat_alone(), rules=(SILENCE, SITE)))
        town.live(1.5, heart=False)
        assert list(out(town)) == ["silent|north|north"]


def test_what_went_out_before_a_rule_speaks_of_it_is_listed_with_the_rule() -> None:
    """Detect has the new rule first, and says only once that a part is out."""
    profile = heartbeat_alone()
    absences, sources = Absences(replace(profile, rules=(SILENCE,))), SourcesOut()
    said = PartHeard(
        key="mute-site|north|R1", rule="mute-site", part="731", word="out", since_ms=T, observed_ms=T + 16 * MIN,
        centre="north", feed="river", site="R1",
    )  # fmt: skip
    absences.take(said, T + 16 * MIN)
    assert list(sources.part(said, absences)) == []
    absences.use(profile)
    [told_now] = sources.sweep({rule.id: rule for rule in profile.rules}, absences)
    assert (told_now.key, told_now.out, told_now.since_ms, told_now.out_ms) == (said.key, True, T, T + 16 * MIN)
    assert list(sources.sweep({rule.id: rule for rule in profile.rules}, absences)) == []


# What travels ---------------------------------------------------------------------------------------------------------


def told(step: AlertingPartition, now_ms: int) -> list[SourceTold]:
    said = [codec.decode_desk_input(e.value) for e in step.tick(now_ms).emits if e.topic == "desk-inputs" and e.value]
    return [one for one in said if isinstance(one, SourceTold)]


def test_alerting_tells_it_again_after_a_start_and_every_ten_minutes() -> None:
    town = Town(province())
    town.live(1, "R1", "G1")
    town.live(19, "G1")
    now_ms = town.runner.now_ms
    steps = [cell.step for cell in town.runner.cells if isinstance(cell.step, AlertingPartition)]
    held = next(step for step in steps if step._out.known)
    again = AlertingPartition(province(), held.partition)
    for told_ in held._out.known.values():
        again.load(f"@out/{told_.key}", codec.encode(told_))
    for key, value in held._absences._held.items():
        again.load(f"@absent/{key}", codec.encode(value))
    assert {one.key for one in told(again, now_ms)} == set(held._out.known)
    assert told(again, now_ms + MIN) == []
    assert told(again, now_ms + alerting_module.TELL_DESK_EVERY_MS) != []


SAID = SourceTold(
    key="absent|north|river", rule="absent", centre="north", feed="river", out=True, since_ms=T, out_ms=T + MIN
)


def desk_with(*said: SourceTold) -> tuple[DeskPartition, dict[str, bytes]]:
    desk = make_desk(province())
    desk.step([InRecord(n, 0, None, codec.encode(one)) for n, one in enumerate(said)], T)
    rows = {key: value for key, value in desk.take_dirty() if value is not None and key.startswith("@handover/")}
    return desk, rows


def test_the_desk_keeps_it_over_a_restart_and_what_is_told_again_changes_nothing() -> None:
    _, rows = desk_with(SAID, SAID)
    again = make_desk(province())
    for key, value in rows.items():
        again.load(key, value)
    assert [one.key for one in part_of(again).beside(T).out_of_service] == [SAID.key]
    again.step([InRecord(0, 0, None, codec.encode(SAID))], T)
    assert again.take_dirty() == []
    again.step([InRecord(0, 0, None, codec.encode(replace(SAID, out=False)))], T)
    assert part_of(again).beside(T).out_of_service == ()
    assert again.take_dirty() == [(f"@handover/out/{SAID.key}", None)]
    again.step([InRecord(0, 0, None, codec.encode(replace(SAID, out=False)))], T)
    assert again.take_dirty() == []


def test_what_the_profile_does_not_have_is_not_handed_over() -> None:
    desk, _ = desk_with(replace(SAID, centre="south", key="absent|south|river"), replace(SAID, feed="other"))
    assert part_of(desk).beside(T).out_of_service == ()

"""Absence rules through the jobs: parts in several partitions, the centre's silence, restarts, other rules, drills."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ioc.domain.alerts import Alert, CentreSilent, PartHeard
from ioc.domain.profile import Area, Centre, Profile, Rule
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.desk import DeskPartition
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import InRecord
from ioc.pipeline.runner import Runner
from ioc.wire import codec
from tests.pipeline.small_province import MIN, NORTH, PROFILE, RULES, S, T, event, make_rule

OUT_S = 3_600.0
SILENCE = next(rule for rule in RULES if rule.kind == "silence")
FEED = make_rule(
    "absent", "absence", "*", scope="feed", after_s=300.0, title_vi="{feed} của {centre} từ {since}", title_en="{site}"
)
SITE = make_rule("mute-site", "absence", "hydro.level", scope="site", after_s=300.0, title_vi="{site} {area}")


def province(*rules: Rule, **centre: Any) -> Profile:
    """North with a second area, R2 in it, feeds that go out of service after an hour, and these rules."""
    north: Centre = replace(
        NORTH,
        areas=("731", "732"),
        feeds=tuple(replace(feed, dead_after_s=OUT_S, sporadic=feed.id == "calls") for feed in NORTH.feeds),
        sites=tuple(replace(site, area="732") if site.id == "R2" else site for site in NORTH.sites),
    )
    areas = (*PROFILE.areas, Area(code="732", name_vi="Huyện", name_en="Town", kind="city"))
    return replace(PROFILE, rules=rules or (SILENCE, FEED, SITE), areas=areas, centres=(replace(north, **centre),))


class Town:
    """The runner, and a centre that sends heartbeats and what it is told to every 10 s."""

    def __init__(self, profile: Profile) -> None:
        self.runner = Runner(profile, T, tick_every_ms=1_000, with_intake=False)

    def live(self, minutes: float, *sites: str, heart: bool = True, **more: Any) -> None:
        for _ in range(round(minutes * 6)):
            now_ms = self.runner.now_ms
            sent = [self.of(site, now_ms, **more) for site in sites]
            if heart:
                sent.append(("north/731/heartbeat", event("NORTH", now_ms, {"seq": 1, "lag_s": 0.0})))
            self.runner.events(sent)
            self.runner.advance(10_000)

    @staticmethod
    def of(site: str, now_ms: int, **more: Any) -> tuple[str, bytes]:
        data = {"R": {"level_m": 1.0}, "G": {"mm_10min": 0.0, "mm_1h": 0.0, "mm_24h": 0.0}}[site[0]]
        area = "732" if site == "R2" else "731"
        body = msgspec.json.decode(event(site, now_ms, data, **more)) | {"area": area, "subject": area}
        return f"north/{area}/{body['feed']}", msgspec.json.encode(body)

    def alerts(self, rule: str = "absent") -> dict[str, Alert]:
        """Newest episode of each object."""
        found = sorted(self.runner.alerts().values(), key=lambda alert: alert.started_ms)
        return {alert.key.split("|")[2]: alert for alert in found if alert.rule == rule}

    def use(self, profile: Profile) -> None:
        for cell in self.runner.cells:
            assert isinstance(cell.step, DetectPartition | AlertingPartition | DeskPartition)
            cell.take(cell.step.use(profile, self.runner.now_ms))
        self.runner.settle()


@pytest.fixture
def town() -> Town:
    return Town(province())


def test_a_feed_is_absent_when_it_is_in_all_its_areas_and_a_site_by_itself(town: Town) -> None:
    town.live(1, "R1", "R2", "G1")
    town.live(6, "R2", "G1")
    assert not town.alerts()
    assert list(town.alerts("mute-site")) == ["R1"]
    town.live(6, "G1")
    [(obj, alert)] = town.alerts().items()
    assert (obj, alert.active, alert.reason, alert.centre, alert.feed) == (
        "river", True, "NOTHING_SENT", "north", "river",
    )  # fmt: skip
    assert alert.title_vi == "river của Miền Bắc từ 10:06:50"
    assert alert.started_ms == T + 7 * MIN - 10 * S
    assert sorted(town.alerts("mute-site")) == ["R1", "R2"]
    assert town.alerts("mute-site")["R2"].title_vi == "Trạm R2 Huyện"
    town.live(0.5, "R1", "G1")
    assert (town.alerts()["river"].active, town.alerts()["river"].reason) == (False, "HEARD_AGAIN")
    assert town.alerts("mute-site")["R2"].active


def test_a_feed_that_was_never_heard_and_a_sporadic_one_raise_nothing(town: Town) -> None:
    call = event("C114", T, {"number": "114", "kind": "fire"}, type_="emergency.call", feed="calls")
    town.runner.events([("north/731/calls", call)])
    town.live(70, "G1")
    assert not town.alerts()
    assert not town.alerts("mute-site")


def test_out_of_service_it_asks_no_longer_and_the_next_absence_is_an_episode_of_its_own(town: Town) -> None:
    town.live(1, "R1", "G1")
    town.live(62, "G1")
    first = town.alerts()["river"]
    assert (first.active, first.state, first.reason) == (False, "RTNUN", "OUT_OF_SERVICE")
    town.live(1, "R1", "G1")
    town.live(6, "G1")
    again = town.alerts()["river"]
    assert again.active
    assert again.id != first.id
    assert len([alert for alert in town.runner.alerts().values() if alert.rule == "absent"]) == 2


def test_a_centre_out_of_service_still_mutes_and_its_return_is_known() -> None:
    feeds = tuple(replace(feed, dead_after_s=OUT_S if feed.id == "heartbeat" else 10 * OUT_S) for feed in NORTH.feeds)
    town = Town(province(feeds=feeds))
    town.live(1, "R1", "G1")
    town.live(6, "G1")
    river = town.alerts()["river"]
    town.live(70, heart=False)
    [silence] = town.alerts("silent").values()
    assert (silence.active, silence.reason) == (False, "OUT_OF_SERVICE")
    assert list(town.alerts()) == ["river"]  # the rain is absent only because its centre is
    muted = town.alerts()["river"]
    assert (muted.id, muted.active, muted.muted_by, muted.reason) == (river.id, True, silence.id, "CENTRE_SILENT")
    town.live(1, "R1")
    assert not town.alerts()["river"].active
    town.live(6, "R1")  # the rain does not come back with its centre
    assert town.alerts()["rain"].active


def test_the_silence_rule_removed_while_its_centre_is_out_of_service_unmutes() -> None:
    feeds = tuple(replace(feed, dead_after_s=OUT_S if feed.id == "heartbeat" else 10 * OUT_S) for feed in NORTH.feeds)
    town = Town(province(feeds=feeds))
    town.live(1, "R1", "G1")
    town.live(6, "G1")
    town.live(70, heart=False)
    assert town.alerts()["river"].muted_by
    town.use(province(FEED, feeds=feeds))
    assert (town.alerts()["river"].active, town.alerts()["river"].muted_by) == (True, "")


@pytest.mark.parametrize("job", ["events", "alert-inputs"])
def test_a_restart_of_a_job_in_the_silence_lets_no_alert_of_a_feed_slip_through(town: Town, job: str) -> None:
    town.live(1, "R1", "G1")
    town.live(6, "G1")
    town.live(2, heart=False)
    assert town.alerts()["river"].muted_by
    town.runner.crash(job)
    town.live(10, heart=False)
    assert list(town.alerts()) == ["river"]
    town.runner.crash(job)
    town.live(1, "R1", "G1")
    assert not town.alerts()["river"].active
    assert len(town.runner.alerts()) == 3  # the river, the site, the centre: each once


def test_a_job_that_was_stopped_calls_nothing_absent_that_waits_in_the_queue(town: Town) -> None:
    town.live(1, "R1", "G1")
    town.runner.crash("events")
    late = [town.of(site, town.runner.now_ms + at * MIN) for at in range(30) for site in ("R1", "G1")]
    town.runner.now_ms += 30 * MIN  # nobody was called meanwhile
    town.runner.events(late)
    town.live(4, "R1", "G1")
    assert not town.alerts()


def test_a_drill_is_no_sign_of_life_and_is_not_judged(town: Town) -> None:
    town.live(1, "R1")
    town.live(6, "R1", exercise="flood-drill")
    assert town.alerts()["river"].active
    assert not [alert for alert in town.runner.alerts().values() if alert.exercise]


def test_a_site_that_leaves_the_registry_by_date_is_not_absent_any_more() -> None:
    base = province(SILENCE, SITE)
    sites = tuple(replace(site, valid_to="2026-11-25") if site.id == "R1" else site for site in base.centres[0].sites)
    town = Town(province(SILENCE, SITE, sites=sites))
    town.runner.advance(0)
    town.runner.now_ms = T + 13 * 60 * MIN + 50 * MIN  # 23:50
    town.live(2, "R1", "R2")
    town.live(7, "R2")
    assert town.alerts("mute-site")["R1"].active
    town.live(3, "R2")
    assert (town.alerts("mute-site")["R1"].active, town.alerts("mute-site")["R1"].reason) == (False, "SITE_REMOVED")


def test_a_rule_that_is_removed_ends_its_alerts_and_a_new_one_learns_what_is_silent(town: Town) -> None:
    town.live(1, "R1", "G1")
    town.live(6, "G1")
    town.use(province(SILENCE))
    assert (town.alerts()["river"].active, town.alerts()["river"].reason) == (False, "RULE_REMOVED")
    town.live(2, heart=False)
    town.use(province(SILENCE, FEED))
    town.live(20, heart=False)
    assert not [alert for alert in town.alerts().values() if alert.active]  # the centre was silent before the rule
    town.live(6, "G1")
    assert town.alerts()["river"].active  # absent since before, its clock says so
    assert "rain" not in town.alerts()


def test_the_silence_rule_removed_unmutes(town: Town) -> None:
    town.live(1, "R1")
    town.live(6)
    town.live(2, heart=False)
    assert town.alerts()["river"].muted_by
    town.use(province(FEED))
    assert (town.alerts()["river"].active, town.alerts()["river"].muted_by) == (True, "")


def test_alerting_that_has_the_rule_later_than_detect_loses_nothing() -> None:
    step = AlertingPartition(province(SILENCE), 0)

    def told(word: str, part: str, at_ms: int) -> InRecord:
        given = PartHeard(
            key="absent|north|river", rule="absent", part=part, word=word, since_ms=at_ms, observed_ms=at_ms + 5 * MIN,  # type: ignore[arg-type]
            centre="north", feed="river",
        )  # fmt: skip
        return InRecord(0, 0, None, codec.encode(given))

    assert not step.step([told("heard", "731", T), told("absent", "732", T)], T).emits
    step.tick(T + 61 * S)
    assert not [e for e in step.use(province(), T + 90 * S).emits if e.topic == "alerts"]
    raised = step.step([told("absent", "731", T)], T + 91 * S)
    assert [e for e in raised.emits if e.topic == "alerts"]


def test_every_partition_of_alerting_is_told_of_a_silent_centre(town: Town) -> None:
    town.live(1)
    town.live(1, heart=False)
    told = [codec.decode_alert_input(record.value or b"") for record in town.runner.records("alert-inputs")]
    silent = [one for one in told if isinstance(one, CentreSilent)]
    assert len(silent) == town.runner.topics.partitions("alert-inputs")
    [alert] = town.alerts("silent").values()
    assert {one.alert_id for one in silent} == {alert.id}


def test_without_an_absence_rule_no_part_is_told_of() -> None:
    town = Town(province(SILENCE))
    town.live(1, "R1")
    town.live(8, heart=False)
    told = [codec.decode_alert_input(record.value or b"") for record in town.runner.records("alert-inputs")]
    assert not [one for one in told if isinstance(one, PartHeard)]

"""A whole centre falls silent, on the profile of the package: one alert says so, nothing else is raised for absence,
what was on is shown as unknown; silent for too long it is out of service with a date of review, and comes back alone.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import Alert
from ioc.domain.desk import AUDIT_RULE
from ioc.domain.times import to_ms
from ioc.pipeline.runner import Runner
from ioc.services.picture import Feeds
from ioc.wire import codec
from simulators.formats import encode
from simulators.readings import Reading

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
OUT_AFTER_S = 3600.0  # instead of a day, so that the test need not tick through one
FRIDAY = to_ms(datetime(2023, 11, 24, 16, 20, tzinfo=ZONE))
HEARTS = {"bien-hoa": "731", "long-khanh": "732", "tinh": "75"}
# feed, site, type, period, payload: the river is above its second limit, the rest is calm
SENT = (
    ("hydro", "BIENHOA", "hydro.level", 30, {"level_m": 2.1}),
    ("traffic", "CAM-BH-001", "traffic.flow", 10, {"intensity_veh_h": 800.0, "speed_km_h": 40.0}),
    ("rain", "RG-BH-001", "rain.gauge", 30, {"mm_10min": 0.0, "mm_1h": 0.0, "mm_24h": 1.0}),
)


class Province:
    """The three centres; ``live`` lets them send."""

    def __init__(self) -> None:
        profile = load_profile("dongnai-2023")
        self.profile = msgspec.structs.replace(
            profile,
            centres=tuple(
                msgspec.structs.replace(
                    centre,
                    feeds=tuple(msgspec.structs.replace(feed, dead_after_s=OUT_AFTER_S) for feed in centre.feeds),
                )
                for centre in profile.centres
            ),
        )
        self.runner = Runner(self.profile, FRIDAY, tick_every_ms=5_000)
        self.seq = 0

    def live(self, minutes: float, *silent: str) -> None:
        for _ in range(round(minutes * 6)):
            for centre, area in HEARTS.items():
                if centre not in silent:
                    self.send(centre, "heartbeat", centre.upper(), area, "source.heartbeat", {"seq": self.seq})
            if "bien-hoa" not in silent:
                for feed, site, type_, period_s, data in SENT:
                    if self.seq * 10 % period_s == 0:
                        self.send("bien-hoa", feed, site, "731", type_, dict(data))
            self.seq += 1
            self.runner.advance(10_000)

    def send(
        self, centre: str, feed: str, site: str, area: str, type_: str, data: dict[str, object], late_s: int = 0
    ) -> None:
        reading = Reading(
            centre=centre,
            feed=feed,
            site=site,
            area=area,
            type=type_,
            time_ms=self.runner.now_ms // 1000 * 1000 - late_s * 1000,
            seq=self.seq,
            data=data,
            id=f"{site}-{self.seq}",
        )
        self.runner.native(centre, *encode(self.profile, reading))

    def alerts(self, centre: str = "bien-hoa") -> list[Alert]:
        assert not self.runner.dead()
        return [
            alert
            for alert in self.runner.alerts().values()
            if alert.centre == centre and alert.rule != AUDIT_RULE  # nobody answers here, and that is told
        ]

    def feed(self, feed: str, centre: str = "bien-hoa") -> tuple[str, int | None]:
        feeds = Feeds()
        for record in self.runner.records("feeds"):
            if (record.key or b"").startswith(b"@"):
                continue
            assert record.key is not None
            feeds.apply(record.key.decode(), codec.decode_feed(record.value or b""))
        view = feeds.live[f"{centre}/{feed}"]
        return view.state, view.review_ms


@pytest.fixture(scope="module")
def story() -> dict[str, list[Alert]]:
    """Alerts of the centre: alive, silent, after so long a silence that it is out of service, back, silent again."""
    province, seen = Province(), {}
    province.live(10)
    seen["alive"] = province.alerts()
    province.live(15, "bien-hoa")
    seen["silent"] = province.alerts()
    assert province.feed("hydro") == ("silent", None)
    province.live(50, "bien-hoa")
    seen["out"] = province.alerts()
    # Last heard at 16:30 on Friday, out an hour later: looked at again on Monday morning.
    monday = to_ms(datetime(2023, 11, 27, 8, 0, tzinfo=ZONE))
    assert province.feed("hydro") == ("out_of_service", monday)
    assert province.feed("heartbeat") == ("out_of_service", monday)
    assert province.feed("heartbeat", "tinh") == ("on_time", None)
    province.live(5)
    seen["back"] = province.alerts()
    assert province.feed("hydro") == ("on_time", None)
    province.live(2, "bien-hoa")
    seen["again"] = province.alerts()
    assert not [alert for centre in ("long-khanh", "tinh") for alert in province.alerts(centre)]
    return seen


def rules(alerts: list[Alert]) -> list[str]:
    return sorted(alert.rule for alert in alerts)


def test_one_alert_says_that_the_centre_is_silent_and_what_was_on_is_unknown(story: dict[str, list[Alert]]) -> None:
    assert rules(story["alive"]) == ["hydro-level"]
    assert rules(story["silent"]) == ["hydro-level", "source-silent"]
    found = {alert.rule: alert for alert in story["silent"]}
    assert (found["source-silent"].active, found["source-silent"].reason) == (True, "NO_HEARTBEAT")
    assert found["hydro-level"].active  # nobody knows that the water fell


def test_silent_for_too_long_it_is_out_of_service_and_asks_no_longer(story: dict[str, list[Alert]]) -> None:
    found = {alert.rule: alert for alert in story["out"]}
    assert rules(story["out"]) == ["hydro-level", "source-silent"]
    alert = found["source-silent"]
    assert (alert.active, alert.state, alert.reason) == (False, "RTNUN", "OUT_OF_SERVICE")
    assert alert.cleared_ms is not None
    assert abs(alert.cleared_ms - (FRIDAY + 600_000 + OUT_AFTER_S * 1000)) <= 20_000


def test_it_comes_back_by_itself_and_the_next_silence_is_an_episode_of_its_own(story: dict[str, list[Alert]]) -> None:
    assert not [alert for alert in story["back"] if alert.rule == "source-silent" and alert.active]
    active = [alert for alert in story["again"] if alert.rule == "source-silent" and alert.active]
    assert [alert.reason for alert in active] == ["NO_HEARTBEAT"]
    assert active[0].id not in {alert.id for alert in story["out"]}

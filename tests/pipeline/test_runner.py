"""From a centre's own bytes to an acknowledged alert, in memory; and the same again with crashes in between."""

from __future__ import annotations

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import Command
from ioc.pipeline.runner import Runner
from ioc.wire import codec
from simulators.formats import encode
from simulators.readings import Reading

PROFILE = load_profile("dongnai-2023")
T = 1_795_489_200_000
S = 1_000
HEARTS = (("bien-hoa", "BIEN-HOA", "731"), ("long-khanh", "LONG-KHANH", "732"), ("tinh", "TINH", "75"))


class Field:
    """Simulated instruments on a runner."""

    def __init__(self, batch_max: int = 500) -> None:
        self.runner = Runner(PROFILE, T, batch_max)
        self.sent = 0

    def send(self, centre: str, feed: str, site: str, area: str, type_: str, **data: object) -> None:
        self.sent += 1
        reading = Reading(
            centre=centre,
            feed=feed,
            site=site,
            area=area,
            type=type_,
            time_ms=self.runner.now_ms,
            seq=self.sent,
            data=data,
            id=f"{site}-{self.sent}",
        )
        key, value = encode(PROFILE, reading)
        self.runner.native(centre, key, value)

    def hearts(self, but: str = "") -> None:
        for centre, site, area in HEARTS:
            if centre != but:
                self.send(centre, "heartbeat", site, area, "source.heartbeat", seq=self.sent, lag_s=0.1)

    def minute(self, but: str = "") -> None:
        """A minute of normal life, heartbeats every 10 s."""
        for _ in range(6):
            self.hearts(but)
            self.runner.advance(10 * S)


def story(field: Field, crash: bool) -> None:
    """A flood level, an acknowledgement, a silent centre, and both over again."""

    def perhaps_crash() -> None:
        if crash:
            field.runner.crash("events")
            field.runner.crash("alert-inputs")

    field.minute()
    field.send("tinh", "hydro", "TALAI", "734", "hydro.level", level_m=112.6)
    perhaps_crash()  # the reading waits for its neighbours
    field.runner.advance(3 * S)
    perhaps_crash()
    (alert,) = field.runner.alerts().values()
    command = Command(
        key=alert.key,
        command_id="one",
        op="ack",
        alert_id=alert.id,
        expected_version=alert.version,
        actor="lan",
        actor_display="Lan",
    )
    field.runner.command(alert.key, codec.encode(command))
    perhaps_crash()
    field.minute(but="long-khanh")
    perhaps_crash()
    for _ in range(12):
        field.send("tinh", "hydro", "TALAI", "734", "hydro.level", level_m=111.0)
        perhaps_crash()
        field.minute()


def test_from_native_bytes_to_a_closed_alert() -> None:
    field = Field()
    story(field, crash=False)
    runner = field.runner
    assert runner.dead() == []
    by_rule = {alert.rule: alert for alert in runner.alerts().values()}
    assert set(by_rule) == {"hydro-level", "source-silent"}
    river, silent = by_rule["hydro-level"], by_rule["source-silent"]
    assert (river.state, river.acked_by, river.level, river.site) == ("NORM", "lan", "BĐ2", "TALAI")
    assert "Tà Lài" in river.place_vi
    assert (silent.state, silent.centre, silent.priority) == ("RTNUN", "long-khanh", 2)
    assert silent.title_vi.startswith("Nguồn Long Khánh im lặng từ 10:00:5")
    told = [entry.what for entry in runner.log() if entry.alert_id == river.id]
    assert told == ["raised", "ack", "closed"]
    minutes = [r for r in runner.rollups().values() if r.type == "hydro.level" and r.final]
    assert sum(r.n for r in minutes) >= 10
    assert len({signal.revision for signal in runner.signals() if signal.rule == "hydro-level"}) == len(
        [signal for signal in runner.signals() if signal.rule == "hydro-level"]
    )


def test_crashes_change_nothing() -> None:
    plain, crashed = Field(), Field(batch_max=1)
    story(plain, crash=False)
    story(crashed, crash=True)
    assert {a.id for a in plain.runner.alerts().values()} == {a.id for a in crashed.runner.alerts().values()}
    assert plain.runner.rollups() == crashed.runner.rollups()
    assert [e.id for e in plain.runner.log() if e.what == "raised"] == [
        e.id for e in crashed.runner.log() if e.what == "raised"
    ]

"""Alarms of the security operations centre: clusters (Neyman and Scott), nearly all of them low.

Modelling choices all: Poisson clusters, 95 % low; two single alarms an hour and a cluster every
four hours, of five alarms on average within a quarter of an hour.
"""

from __future__ import annotations

import math

from msgspec import Struct

from simulators.draw import choose, draw, poisson
from simulators.local_time import HOUR_MS, MINUTE_MS
from simulators.model import arrivals
from simulators.parts.setting import Happenings, Setting
from simulators.shapes.systems import CyberAttack

SINGLES_PER_HOUR, CLUSTERS_PER_HOUR, CLUSTER_MEAN, CLUSTER_SPREAD_MS = 2.0, 0.25, 5.0, 6 * MINUTE_MS
SEVERITIES = {"low": 0.95, "medium": 0.04, "high": 0.009, "critical": 0.001}
KINDS: dict[str, dict[str, float]] = {
    "low": {"scan": 0.5, "brute_force": 0.3, "phishing": 0.2},
    "medium": {"brute_force": 0.4, "phishing": 0.35, "denial_of_service": 0.25},
    "high": {"malware_beacon": 0.65, "denial_of_service": 0.25, "data_leak": 0.1},
    "critical": {"defacement": 0.5, "malware_beacon": 0.3, "data_leak": 0.2},
}
RULES = {  # invented names of detections
    "scan": "NET-SCAN-01",
    "brute_force": "AUTH-BRUTE-02",
    "phishing": "MAIL-PHISH-03",
    "denial_of_service": "NET-FLOOD-04",
    "malware_beacon": "EDR-BEACON-05",
    "data_leak": "DLP-OUT-06",
    "defacement": "WEB-DEFACE-07",
}
ASSETS = {  # invented inventory names
    "SRV-MOTCUA-01": 0.15, "SRV-MAIL-01": 0.2, "SRV-WEB-CONG": 0.2, "FW-WAN-01": 0.25, "SRV-VANBAN-01": 0.1,
    "VPN-HUYEN-01": 0.1,
}  # fmt: skip
BLOCKED_SHARE = {"low": 0.97, "medium": 0.85, "high": 0.6, "critical": 0.3}
ORDER = ("low", "medium", "high", "critical")


class Alarm(Struct, frozen=True):
    """One alarm."""

    time_ms: int
    kind: str
    rule: str
    asset: str
    severity: str
    blocked: bool
    index: str


class Cyber:
    """The alarms of the government's network."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._attacks = setting.all_of(CyberAttack)
        self._born: Happenings[str, Alarm] = Happenings(2 * HOUR_MS, self._begun_in, 64)
        self._scripted: Happenings[str, Alarm] = Happenings(MINUTE_MS, self._of_attacks, 1024)

    def alarms(self, from_ms: int, to_ms: int) -> list[Alarm]:
        """Alarms in ``[from_ms, to_ms)``, by time."""
        found = self._born.between("", from_ms, to_ms)
        if self._attacks:
            found += self._scripted.between("", from_ms, to_ms)
        return sorted(found, key=lambda alarm: (alarm.time_ms, alarm.index))

    def _begun_in(self, _: str, bucket: int) -> list[Alarm]:
        """Singles and clusters of two hours; what a cluster leaves over the edge is cut off (about one in 500)."""
        seed, from_ms = self._setting.seed, bucket * 2 * HOUR_MS
        found = [
            self._alarm(from_ms + int(draw(seed, "cyber/at", bucket, i) * 2 * HOUR_MS), None, f"N{i}")
            for i in range(poisson(2 * SINGLES_PER_HOUR, seed, "cyber/n", bucket))
        ]
        for c in range(poisson(2 * CLUSTERS_PER_HOUR, seed, "cyber/clusters", bucket)):
            begin_ms = from_ms + int(draw(seed, "cyber/cluster", bucket, c) * 2 * HOUR_MS)
            asset = choose(ASSETS, seed, "cyber/cluster/asset", bucket, c)
            stays = 1 - 1 / CLUSTER_MEAN  # geometric with the wanted mean
            size = 1 + int(math.log(1 - draw(seed, "cyber/size", bucket, c)) / math.log(stays))
            for i in range(min(size, 100)):
                late_ms = -math.log(1 - draw(seed, "cyber/late", bucket, c, i)) * CLUSTER_SPREAD_MS
                at_ms = begin_ms + int(late_ms)
                if at_ms < from_ms + 2 * HOUR_MS:
                    found.append(self._alarm(at_ms, asset, f"K{c}-{i}"))
        return found

    def _alarm(self, at_ms: int, asset: str | None, index: str) -> Alarm:
        seed = self._setting.seed
        severity = choose(SEVERITIES, seed, "cyber/severity", at_ms, index)
        kind = choose(KINDS[severity], seed, "cyber/kind", at_ms, index)
        where = asset or choose(ASSETS, seed, "cyber/asset", at_ms, index)
        blocked = draw(seed, "cyber/blocked", at_ms, index) < BLOCKED_SHARE[severity]
        return Alarm(at_ms, kind, RULES[kind], where, severity, blocked, index)

    def _of_attacks(self, _: str, minute: int) -> list[Alarm]:
        seed, t_s = self._setting.seed, self._setting.since_s(minute * MINUTE_MS)
        begun = self._setting.begun(CyberAttack, minute * MINUTE_MS, (minute + 1) * MINUTE_MS)
        found = []
        for number, attack in enumerate(self._attacks):
            begin_ms = [at_ms for at_ms, _, shape in begun if shape is attack]
            instants = arrivals.in_minute(attack.per_minute * attack.weight(t_s), seed, minute, "attack", number)
            for i, at_ms in enumerate([*begin_ms, *instants]):
                leads = i < len(begin_ms) or draw(seed, "attack/leads", number, at_ms) < 0.1
                severity = attack.severity if leads else ORDER[max(0, ORDER.index(attack.severity) - 1)]
                found.append(
                    Alarm(
                        at_ms, attack.what, RULES[attack.what], attack.asset, severity, attack.blocked, f"S{number}-{i}"
                    )
                )
        return found

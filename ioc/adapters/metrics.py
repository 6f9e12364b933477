"""Figures of the gateway for Prometheus, in a registry of their own: ``/metrics`` shows nothing but these."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from ioc.pipeline.escalation_audit import Audit


class GatewayMetrics:
    """Counters and gauges of one gateway process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.connections = Gauge("ioc_live_connections", "Open websockets", registry=r)
        self.opened = Counter("ioc_live_opened", "Websockets accepted", registry=r)
        self.closed = Counter(
            "ioc_live_closed", "Websockets that the gateway closed, by close code", ["code"], registry=r
        )
        self.frames_in = Counter("ioc_live_frames_in", "Frames received", registry=r)
        self.frames_out = Counter("ioc_live_frames_out", "Frames sent", registry=r)
        self.bytes_out = Counter("ioc_live_bytes_out", "Payload bytes sent", registry=r)
        self.errors = Counter("ioc_live_errors", "Frames answered with an error, by code", ["code"], registry=r)
        self.commands = Counter("ioc_commands", "Commands answered, by outcome", ["outcome"], registry=r)
        self.sign_ins = Counter("ioc_sign_ins", "Attempts to sign in, by result", ["result"], registry=r)
        self.records = Counter("ioc_hub_records", "Records taken from the bus, by topic", ["topic"], registry=r)
        self.skipped = Gauge(
            "ioc_hub_records_unreadable", "Records that could not be read, by topic", ["topic"], registry=r
        )
        self.entities = Gauge("ioc_hub_entities", "Entities of the picture, by kind", ["kind"], registry=r)
        self.late = Gauge(
            "ioc_feed_late_events",
            "Events of the last hour for a minute that was final (late) or beyond correction (too_late), by feed",
            ["feed", "lateness"],
            registry=r,
        )
        self.detected = Gauge(
            "ioc_detect_events",
            "What detect did with events, all partitions, since the installation began: records taken, undecodable, "
            "too_late for their window, out_of_turn (judged after younger ones), hurried (judged early: too many "
            "waited), others (counted for the common object)",
            ["what"],
            registry=r,
        )
        self.lag_s = Gauge("ioc_picture_lag_seconds", "How far the picture is behind the bus; NaN: unknown", registry=r)
        self.degraded = Gauge("ioc_degraded", "1 for each part that is away or behind", ["part"], registry=r)
        self.canary_s = Gauge(
            "ioc_canary_age_seconds",
            "Since when the newest canary that was seen at a stage had been sent",
            ["stage"],
            registry=r,
        )
        self.rules_broken = Gauge(
            "ioc_rules_file_broken", "1 while rules.toml is refused and older rules run", registry=r
        )
        self.files_broken = Gauge(
            "ioc_profile_file_broken",
            "1 while suppression.toml, incidents.toml or duty.toml is refused and an older one runs",
            ["file"],
            registry=r,
        )
        self.standing = Gauge("ioc_alerts_standing", "Alerts whose condition is there", ["priority"], registry=r)
        self.unacknowledged = Gauge("ioc_alerts_unacknowledged", "Alerts that nobody has", registry=r)
        self.stale = Gauge("ioc_alerts_stale", "Alerts that have been there for more than a day", registry=r)
        self.hidden = Gauge("ioc_alerts_hidden", "Alerts that are shelved or suppressed", ["state"], registry=r)
        self.announced = Gauge(
            "ioc_alert_announcements", "Times that alerts asked for somebody; NaN: unknown", ["window"], registry=r
        )
        self.flood_share = Gauge(
            "ioc_alert_flood_share", "Share of the ten minutes of a day with more than ten; NaN: unknown", registry=r
        )
        self.chattering = Gauge(
            "ioc_alert_chattering_objects", "Objects that chattered within a day, at most 10; NaN: unknown", registry=r
        )
        self.bad_actor_share = Gauge(
            "ioc_alert_bad_actor_share", "Share of the ten most frequent objects of a day; NaN: unknown", registry=r
        )
        self.answer_s = Gauge(
            "ioc_alert_duration_seconds",
            "Quantiles of a day until alerts were acknowledged or over: of all, by priority, by centre",
            ["until", "by", "name", "quantile"],
            registry=r,
        )
        self.deliveries = Gauge(
            "ioc_notices", "Notices of the last day, by channel and state", ["channel", "state"], registry=r
        )
        self.notice_waits_s = Gauge(
            "ioc_notice_oldest_due_seconds", "Since when the oldest notice waits; NaN: unknown", registry=r
        )
        self.escalation = Gauge(
            "ioc_escalation_alerts",
            "Alerts that ask, by how their escalation stands: running, finished, without_step (none is due), overdue, "
            "unanswered (finished, and nobody came); NaN: the desk has not said",
            ["state"],
            registry=r,
        )
        self.escalation_audit_s = Gauge(
            "ioc_escalation_audit_age_seconds", "How old the last audit of the escalation is; NaN: none", registry=r
        )
        self.reconnects = Counter("ioc_bus_reconnects", "Times the bus reader began anew", registry=r)

    def show_escalation(self, audit: Audit | None, now_ms: int) -> None:
        """How the escalation stands by its last audit."""
        unknown = float("nan")
        for state in ("running", "finished", "without_step", "overdue", "unanswered"):
            self.escalation.labels(state).set(unknown if audit is None else getattr(audit, state))
        age_s = unknown if audit is None else max(0, now_ms - audit.as_of_ms) / 1000
        self.escalation_audit_s.set(age_s)

    def text(self) -> bytes:
        """The exposition format, text version 0.0.4."""
        return generate_latest(self.registry)

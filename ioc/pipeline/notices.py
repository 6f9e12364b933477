"""Whom a line of the alert log is told to, in which words, and when the next attempt is.

What has to be said is decided once per line and receiver; the key of a notice is made from both, so that deciding again
finds the same key, and a receiver who hears twice can tell. Nothing is ever said of drills.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.desk_commands import is_about_desk
from ioc.domain.dispatch import Channel, Occasion, Route
from ioc.domain.notice import NoticeAlert, NoticeBody, Word
from ioc.domain.profile import Profile
from ioc.domain.times import from_ms, rfc3339
from ioc.pipeline.episodes import HIDDEN_OCCURRENCE

ALERT_WAIT_MS = 60_000  # a line waits so long for its alert; the records of alerts are in another topic
STALE_AFTER_MS = 6 * 3_600_000  # older lines are not news any more: the notifier was away, the wall was not
BACKOFF_FIRST_MS = 5_000
BACKOFF_MAX_MS = 15 * 60_000
GIVE_UP_AFTER_MS = 24 * 3_600_000
JITTER = 0.2  # share of the wait, so that what failed together does not come back together
# Words of the log for a condition that went away. A hidden occurrence that only came out of hiding went away before.
GONE = frozenset({"cleared", "closed", HIDDEN_OCCURRENCE})
WORDS: dict[str, dict[Word, str]] = {
    "vi": {"raised": "Cảnh báo mới", "worse": "Nặng hơn", "over": "Đã hết", "acknowledged": "Đã có người nhận"},
    "en": {"raised": "New alert", "worse": "Worse", "over": "Over", "acknowledged": "Acknowledged"},
}
WORDS["vi"]["called"], WORDS["en"]["called"] = "Gọi trực", "Call-out"


class Notice(Struct, frozen=True, kw_only=True):
    """Something to say to one receiver. ``id`` is the key that makes a repeat recognisable."""

    id: str
    channel: str
    target: str
    alert_id: str
    body: str  # JSON, the same in every attempt


class Delivery(Struct, frozen=True, kw_only=True):
    """A notice on its way. ``due_ms``: when it is tried next; ``outdated``: nobody need hear it any more."""

    notice: Notice
    attempts: int
    created_ms: int
    due_ms: int
    state: Literal["due", "done", "dead"] = "due"
    error: str = ""
    outdated: bool = False


class Done(Struct, frozen=True):
    """The receiver has it."""


class Again(Struct, frozen=True):
    """The receiver may take it later, not before ``wait_ms`` if it said so."""

    reason: str
    wait_ms: int = 0


class Never(Struct, frozen=True):
    """The receiver, or this side, refuses it for good."""

    reason: str


Result = Done | Again | Never


class Judgeable(Struct, frozen=True):
    """A line of the log at its position, and its alert as it is stored; None: not yet."""

    position: int
    entry: LogEntry
    alert: Alert | None

    @property
    def urgent(self) -> bool:
        """Is it about a P1, then or by now?"""
        return self.entry.priority == 1 or (self.alert is not None and self.alert.priority == 1)

    @property
    def behind(self) -> bool:
        """Is the alert not stored yet as the line made it? A refused command made nothing, a silence has no alert."""
        if not self.entry.accepted or is_about_desk(self.entry):
            return False
        return self.alert is None or self.alert.version < self.entry.version


def ready(
    lines: Sequence[Judgeable],
    met: Mapping[int, int],
    now_ms: int,
    *,
    group_wait_ms: int = 0,
    started_ms: int | None = None,
) -> tuple[Sequence[Judgeable], dict[int, int]]:
    """The lines that can be judged now, and since when those that are behind their alerts are known to be.

    A line waits for its alert at most ``ALERT_WAIT_MS`` from when it was first met so, not from when it was made: after
    an outage of the database lines are old when they come, and their alerts may come later still. One that raises an
    alert of P2 to P4 waits the group wait too.

    Args:
        lines: in the order of the log.
        met: what the last call returned; empty when the database was away since.
        now_ms: present.
        group_wait_ms: of ``dispatch.toml``.
        started_ms: when this process began; what was raised before waits from then on, a P1 too.

    Returns:
        The lines before the first that has to wait, and for the next call, by position, when lines were met.
    """
    since = {line.position: min(met.get(line.position, now_ms), now_ms) for line in lines if line.behind}
    for i, line in enumerate(lines):
        behind = line.behind and now_ms - since[line.position] < ALERT_WAIT_MS
        if behind or _waits_for_group(line, now_ms, group_wait_ms, started_ms):
            return lines[:i], since
    return lines, since


def ahead(
    lines: Sequence[Judgeable], judged: int, now_ms: int = 0, *, group_wait_ms: int = 0, started_ms: int | None = None
) -> list[Judgeable]:
    """Lines about P1 behind the first ``judged`` ones: they do not wait for what waits before them.

    They come again with the others; deciding again finds the same notices. What raised an alert that has become P1 goes
    along, so that the last word about it is not the milder one. After a start they wait as all others do: see
    :func:`ready`.
    """
    return [
        line
        for line in lines[judged:]
        if line.urgent and not line.behind and not _waits_for_group(line, now_ms, group_wait_ms, started_ms)
    ]


def _waits_for_group(line: Judgeable, now_ms: int, group_wait_ms: int, started_ms: int | None) -> bool:
    """Is it too early to tell that an alert asks? A line from the future (a clock that is ahead) does not wait."""
    entry = line.entry
    if not (_begins(entry) or entry.what == "summoned") or now_ms - entry.at_ms > STALE_AFTER_MS:
        return False
    if started_ms is not None and 0 <= now_ms - started_ms < group_wait_ms:
        return True
    return _may_be_muted(entry) and not line.urgent and 0 <= now_ms - entry.at_ms < group_wait_ms


def _begins(entry: LogEntry) -> bool:
    """Does an alert begin to ask by the line?"""
    return entry.accepted and entry.to_state == "UNACK" != entry.from_state


def _may_be_muted(entry: LogEntry) -> bool:
    """Does the line raise an alert that suppression may hide in a moment? P1 is told at once."""
    return _begins(entry) and entry.priority > 1


def unannounced(entry: LogEntry, alert: Alert) -> bool:
    """Is what the line raises hidden or over by now, so that nobody is told?"""
    return _may_be_muted(entry) and entry.version < alert.version and (alert.suppression != "none" or alert.closed)


def silenced(entry: LogEntry, alert: Alert) -> bool:
    """Does the line raise a P1 that a silence or a window of people hides by now?

    They hide no P1 but those of rules that they name. What another alert explains is told: nobody decided that it is
    not news.
    """
    if not _begins(entry) or entry.priority != 1 or entry.version >= alert.version or alert.state != "DSUPR":
        return False
    return alert.explained is not None and alert.explained.kind in ("silence", "window")


def news(lines: Sequence[Judgeable], profile: Profile, now_ms: int, announced: Collection[str] = ()) -> list[Notice]:
    """Whom to tell about lines that are :func:`ready`.

    What they raise and what is hidden or over by now is told to nobody, and neither is that it is over: with a group
    wait, an alert that something explains a moment later was never news. A P1 does not wait: it is not told when it is
    :func:`silenced` already. ``announced``: ids of alerts of which somebody was told before.
    """
    made: list[Notice] = []
    untold: set[str] = set()
    for line in lines:
        if line.alert is None:
            continue
        name = line.alert.id
        if profile.dispatch.group_wait_s > 0 and unannounced(line.entry, line.alert):
            untold.add(name)
        elif silenced(line.entry, line.alert):
            if name not in announced:  # as it was judged ahead of the others it may not have been hidden yet
                untold.add(name)
        elif line.entry.to_state == "UNACK" or not (name in untold or _never_told(line.entry, announced, made)):
            untold.discard(name)
            made += notices(line.entry, line.alert, profile, now_ms)
    return made


def _never_told(entry: LogEntry, announced: Collection[str], made: Sequence[Notice]) -> bool:
    """Was it explained before anybody heard of it, so that its end is no news?"""
    if entry.from_state != "DSUPR":
        return False
    return entry.alert_id not in announced and all(notice.alert_id != entry.alert_id for notice in made)


def occasions(entry: LogEntry, alert: Alert, *, latching: bool = False) -> tuple[Occasion, ...]:
    """What a line of the log means to people outside, the weightier first; mostly nothing.

    =================  ===============================================================================================
    ``raised``         it comes to UNACK, by a signal, by time or by a command: it asks, or asks anew
    ``worse``          of a higher priority, and nobody hid it
    ``over``           it went away, hidden or not; a latched one when it is reset or closed
    ``acknowledged``   somebody acknowledged it, or closed what nobody had acknowledged
    =================  ===============================================================================================

    What is hidden asks nobody, so nothing is raised or worse there. A new episode that takes over is no end.

    Args:
        entry: the line.
        alert: as it stands then or later.
        latching: of the rule: a line that closes an alert leaves nothing in the alert that says it was latched.
    """
    if not entry.accepted:
        return ()
    if entry.to_state == "UNACK":
        if entry.what == "escalated" and entry.from_state in ("UNACK", "ACKED"):
            return ("worse",)
        return () if entry.from_state == "UNACK" else ("raised",)
    found: list[Occasion] = []
    if _ended_by_hand(entry, latching) if entry.kind == "command" else _went_away(entry, alert):
        found.append("over")
    unseen = entry.from_state in ("UNACK", "RTNUN")
    if (
        entry.kind == "command"
        and entry.outcome == "DONE"
        and (entry.what == "ack" or (entry.what == "close" and unseen))
    ):
        found.append("acknowledged")
    return tuple(found)


def _went_away(entry: LogEntry, alert: Alert) -> bool:
    if entry.what not in GONE or entry.from_state in ("NORM", "RTNUN"):
        return False
    if entry.what == HIDDEN_OCCURRENCE and entry.event_ms is None:
        return False
    if alert.latched or entry.to_state == "ACKED":
        return False  # it waits for its reset
    # What was raised on a shelf that was there before was never told.
    told = alert.hidden is None or alert.hidden.since_ms >= alert.raised_ms
    return told or entry.to_state not in ("SHLVD", "OOSRV")


def _ended_by_hand(entry: LogEntry, latching: bool) -> bool:
    if entry.to_state != "NORM":
        return False
    from_latched = entry.from_state == "ACKED" or (latching and entry.from_state == "RTNUN")
    return entry.what == "reset" or (entry.what == "close" and from_latched)


def notices(entry: LogEntry, alert: Alert, profile: Profile, now_ms: int) -> list[Notice]:
    """Whom to tell about a line of the log, each receiver once; ``alert`` as it stands then or later.

    Who wants to hear of several occasions of one line hears of the weightiest.
    """
    if entry.exercise is not None or alert.exercise is not None or now_ms - entry.at_ms > STALE_AFTER_MS:
        return []
    if entry.what == "summoned":
        return _call_out(entry, alert, profile)
    latching = any(rule.latching for rule in profile.rules if rule.id == alert.rule)
    wanted: dict[str, Occasion] = {}
    for what in occasions(entry, alert, latching=latching):
        for route in profile.dispatch.routes:
            if applies(route, entry, alert, what):
                for name in route.channels:
                    wanted.setdefault(name, what)
    channels = {channel.id: channel for channel in profile.dispatch.channels}
    return [
        _notice(entry, alert, what, channels[name], target, profile)
        for name, what in wanted.items()
        for target in _targets(channels[name])
    ]


def _call_out(entry: LogEntry, alert: Alert, profile: Profile) -> list[Notice]:
    """A step of an escalation goes to the channels of those who are called, whatever the routes say.

    Nobody is called when the alert, as it is stored now, does not ask any more; one that went away unseen does where
    the step is of a chain that calls about such. For a channel that the profile does not have there is a notice without
    a receiver: its attempt fails and leaves a trace.
    """
    asking = ("UNACK", "RTNUN") if entry.summons is not None and entry.summons.gone else ("UNACK",)
    if entry.summons is None or alert.state not in asking:
        return []
    known = {channel.id for channel in profile.dispatch.channels}
    called = [channel for channel in profile.dispatch.channels if channel.id in entry.summons.channels]
    reached = [(channel, target) for channel in called for target in _targets(channel)]
    missing = [
        (Channel(id=name, kind="log"), "") for name in dict.fromkeys(entry.summons.channels) if name not in known
    ]
    return [_notice(entry, alert, "called", channel, target, profile) for channel, target in (*reached, *missing)]


def applies(route: Route, entry: LogEntry, alert: Alert, what: Occasion) -> bool:
    """Whether a route is about this. The priority is the line's, that is, as it was then."""
    return (
        what in route.on
        and entry.priority <= route.priority
        and (not route.centres or alert.centre in route.centres)
        and (not route.areas or alert.area in route.areas)
        and (not route.rules or alert.rule in route.rules)
        and (not route.types or alert.type in route.types)
    )


def _targets(channel: Channel) -> tuple[str, ...]:
    return {"webhook": (channel.url,), "email": channel.to, "log": ("log",)}[channel.kind]


def _notice(entry: LogEntry, alert: Alert, what: Word, channel: Channel, target: str, profile: Profile) -> Notice:
    key = sha256(f"{entry.id}|{channel.id}|{target}".encode()).hexdigest()[:32]
    body = NoticeBody(
        id=key,
        occasion=what,
        at=rfc3339(entry.at_ms),
        centre=profile.id,
        language=channel.language,
        title=subject(entry, alert, what, channel.language, profile),
        by=entry.actor_display or entry.actor,
        called=entry.summons.whom if entry.summons is not None else (),
        simulated=any(c.simulated for c in profile.centres if c.id == alert.centre),
        alert=_of_alert(entry, alert),
        gone=True if entry.summons is not None and entry.summons.gone else UNSET,
    )
    return Notice(id=key, channel=channel.id, target=target, alert_id=alert.id, body=msgspec.json.encode(body).decode())


def _of_alert(entry: LogEntry, alert: Alert) -> NoticeAlert:
    return NoticeAlert(
        id=alert.id,
        version=entry.version,
        priority=entry.priority,
        rule=alert.rule,
        type=alert.type,
        centre=alert.centre,
        area=alert.area,
        site=alert.site,
        level=alert.level,
        title_vi=alert.title_vi,
        title_en=alert.title_en,
        place_vi=alert.place_vi,
        place_en=alert.place_en,
        lon=alert.lon,
        lat=alert.lat,
        started=rfc3339(alert.started_ms),
        raised=rfc3339(alert.raised_ms),
    )


def subject(entry: LogEntry, alert: Alert, what: Word, language: str, profile: Profile) -> str:
    """One line for people; what a simulator says is marked."""
    title, place = (alert.title_vi, alert.place_vi) if language == "vi" else (alert.title_en, alert.place_en)
    simulated = any(c.simulated for c in profile.centres if c.id == alert.centre)
    mark = {"vi": "[MÔ PHỎNG] ", "en": "[SIMULATION] "}[language] if simulated else ""
    return f"{mark}P{entry.priority} {WORDS[language][what]}: {title or alert.rule}" + (f" – {place}" if place else "")


def is_outdated(notice: Notice, state: str | None) -> bool:
    """Is it a call-out about an alert that does not ask any more?

    ``state`` is that of the alert as it is stored now; None: it is not stored, and nothing is known against the call.
    """
    if state is None or state == "UNACK":
        return False
    try:
        body = msgspec.json.decode(notice.body)
    except msgspec.MsgspecError:
        return False
    if not isinstance(body, dict) or (state == "RTNUN" and body.get("gone") is True):
        return False
    return body.get("occasion") == "called"


def begun(notice: Notice, now_ms: int) -> Delivery:
    """A delivery that is due at once."""
    return Delivery(notice=notice, attempts=0, created_ms=now_ms, due_ms=now_ms)


def after(delivery: Delivery, result: Result, now_ms: int) -> Delivery:
    """The delivery after an attempt: done, dead, or due again later.

    The wait doubles from 5 s up to 15 min; a longer one that the receiver asked for counts, up to 15 min too. A day
    after the notice was made it is given up.
    """
    attempts = delivery.attempts + 1
    if isinstance(result, Done):
        return msgspec.structs.replace(delivery, attempts=attempts, state="done", error="")
    if isinstance(result, Never) or now_ms - delivery.created_ms >= GIVE_UP_AFTER_MS:
        return msgspec.structs.replace(delivery, attempts=attempts, state="dead", error=result.reason[:300])
    wait_ms = min(BACKOFF_FIRST_MS * 2 ** min(attempts - 1, 20), BACKOFF_MAX_MS)
    wait_ms = int(wait_ms * (1 + JITTER * _fraction(f"{delivery.notice.id}|{attempts}")))
    wait_ms = max(wait_ms, min(result.wait_ms, BACKOFF_MAX_MS))
    return msgspec.structs.replace(delivery, attempts=attempts, due_ms=now_ms + wait_ms, error=result.reason[:300])


def mail_text(body: dict[str, Any], timezone_text: str) -> str:
    """The plain text of an e-mail; ``timezone_text`` is the local time of the occasion."""
    alert = body["alert"]
    word = body["language"]
    place = alert[f"place_{word}"]
    lines = [
        body["title"],
        "",
        f"{'Lúc' if word == 'vi' else 'At'}: {timezone_text}",
        *([f"{'Nơi' if word == 'vi' else 'Place'}: {place}"] if place else []),
        *([f"{'Gọi' if word == 'vi' else 'Called'}: {', '.join(body['called'])}"] if body.get("called") else []),
        *([f"{'Người thực hiện' if word == 'vi' else 'By'}: {body['by']}"] if body["by"] else []),
        f"{'Mã' if word == 'vi' else 'Id'}: {alert['id']} v{alert['version']}",
    ]
    return "\n".join(lines) + "\n"


def local_time(ms: int, timezone: str) -> str:
    """``24/11/2026 10:00:00`` in the zone of the profile."""
    from zoneinfo import ZoneInfo

    return f"{from_ms(ms).astimezone(ZoneInfo(timezone)):%d/%m/%Y %H:%M:%S}"


def _fraction(text: str) -> float:
    """A number in [0, 1) that is always the same for a text: chance without a generator."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big") / 2**32

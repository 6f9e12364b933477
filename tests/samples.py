"""Records as the jobs write them, for tests of what reads them."""

from __future__ import annotations

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.measures import DeadLetter, FeedHealth, Rollup
from ioc.domain.times import rfc3339
from ioc.wire import codec

T0_MS = 1_795_489_200_000  # 2026-11-24T03:00:00Z


def event_record(
    event_id: str, *, centre: str = "bien-hoa", time_ms: int = T0_MS, data: str = '{"level_m":1.83}'
) -> bytes:
    """A canonical event; ``event_id`` and ``data`` go into the JSON text as they are."""
    return (
        f'{{"specversion":"1.0","id":"{event_id}","source":"/{centre}/hydro/BIENHOA","type":"hydro.level",'
        f'"subject":"731","time":"{rfc3339(time_ms)}","recordedtime":"{rfc3339(time_ms + 410)}","centre":"{centre}",'
        f'"area":"731","feed":"hydro","sequence":"000000000042","datacontenttype":"application/json","data":{data}}}'
    ).encode()


def an_alert(alert_id: str, version: int, *, raised_ms: int = T0_MS, exercise: str | None = None) -> Alert:
    """An alert of a river level."""
    return Alert(
        id=alert_id,
        key="hydro-level|bien-hoa|BIENHOA",
        rule="hydro-level",
        version=version,
        state="UNACK" if version < 3 else "ACKED",
        active=True,
        acked=version >= 3,
        priority=2,
        centre="bien-hoa",
        area="731",
        site="BIENHOA",
        feed="hydro",
        type="hydro.level",
        title_vi="Mực nước sông",
        title_en="River level",
        started_ms=raised_ms - 1000,
        raised_ms=raised_ms,
        updated_ms=raised_ms + version,
        observed_ms=raised_ms,
        exercise=exercise,
    )


def alert_record(alert_id: str, version: int, *, raised_ms: int = T0_MS, exercise: str | None = None) -> bytes:
    """The same as bytes."""
    return codec.encode(an_alert(alert_id, version, raised_ms=raised_ms, exercise=exercise))


def log_record(entry_id: str, alert_id: str, *, at_ms: int = T0_MS) -> bytes:
    """A line of the audit trail."""
    return codec.encode(
        LogEntry(
            id=entry_id,
            alert_id=alert_id,
            key="hydro-level|bien-hoa|BIENHOA",
            kind="transition",
            what="raised",
            accepted=True,
            at_ms=at_ms,
            version=1,
        )
    )


def rollup_record(revision: int, *, window_start_ms: int = T0_MS, n: int = 6, mean: float | None = 2.0) -> bytes:
    """A one-minute summary; ``mean`` None is a type that is only counted."""
    total = None if mean is None else mean * n
    return codec.encode(
        Rollup(
            key=f"bien-hoa/731/hydro/hydro.level/{window_start_ms}/60000",
            centre="bien-hoa",
            area="731",
            feed="hydro",
            type="hydro.level",
            window_start_ms=window_start_ms,
            window_ms=60_000,
            n=n,
            sum=total,
            min=None if mean is None else mean - 1,
            max=None if mean is None else mean + 1,
            last=mean,
            revision=revision,
            final=True,
        )
    )


def dead_record(offset: int, *, received_ms: int = T0_MS) -> bytes:
    """A refused input."""
    return codec.encode(
        DeadLetter(
            id=f"ioc.raw.bien-hoa/0/{offset}",
            code="malformed",
            path="",
            detail="not JSON",
            centre="bien-hoa",
            topic="ioc.raw.bien-hoa",
            partition=0,
            offset=offset,
            received_ms=received_ms,
            refused_ms=T0_MS,
            size_bytes=3,
            sha256="0" * 64,
            key_b64=None,
            sample_b64="e30K",
        )
    )


def feed_record(updated_ms: int, state: str = "on_time", accepted: int = 10) -> bytes:
    """The health of a feed."""
    return codec.encode(
        FeedHealth(
            key="bien-hoa/hydro/0",
            centre="bien-hoa",
            feed="hydro",
            partition=0,
            state=state,  # type: ignore[arg-type]
            since_ms=T0_MS,
            last_event_ms=T0_MS,
            last_received_ms=None,
            rate_per_min=6.0,
            expected_period_s=10.0,
            accepted=accepted,
            rejected=0,
            duplicates=0,
            watermark_ms=None,
            updated_ms=updated_ms,
        )
    )

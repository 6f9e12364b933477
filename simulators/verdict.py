"""The judge: what a scenario expects against the alerts that its run raised. Pure.

All times are event time relative to the scenario's start, so a run at any speed, on any day, live or in memory, is
judged alike. An alert is *raised* at the time of the reading that decided.

An alert serves one expectation. Alerts are given to expectations so that as many as possible are met; only then is
said what is wrong with the others: nothing like it (``missing``), at another time (``early``, ``late``), right at first
but not afterwards (``wrong``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from ioc.domain.spans import LASTS_MAX_MS, Span, clock
from simulators.episodes import Episode, Moment, since
from simulators.expect import Bounds, Expect, Forbid, Reach, Which, written

SLOT_MS = 600_000
LIVE_ONLY = "holds for the live picture only, where late readings raise nothing"

Kind = Literal["met", "missing", "early", "late", "wrong", "unexpected", "forbidden", "bounds", "not judged"]


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the verdict.

    Attributes:
        kind: what was found; ``met`` and ``not judged`` hold, the others do not.
        what: which alert it is about.
        expected: what the scenario says; empty for an alert that nobody expected.
        seen: what the run showed; empty when there was nothing.
        reason: one sentence.
        at_ms: when the alert was raised; None when there was none.
        off_s: how far from its span, seconds; below 0 is early. None when it has none.
    """

    kind: Kind
    what: str
    expected: str = ""
    seen: str = ""
    reason: str = ""
    at_ms: int | None = None
    off_s: float | None = None

    @property
    def holds(self) -> bool:
        """Is this as the scenario says?"""
        return self.kind in ("met", "not judged")


class Verdict(Struct, frozen=True, kw_only=True):
    """The judgement of one run.

    Attributes:
        holds: everything that was judged is as the scenario says.
        findings: one per expectation, then what is against it.
        alerts: alerts of the run.
        judged: findings that say something: all but those that are not judged. With 0 of them nothing is known.
        by_rule: how many of each rule.
        busiest_10_min: most alerts that were raised within ten minutes.
    """

    holds: bool
    findings: tuple[Finding, ...]
    judged: int
    alerts: int
    by_rule: dict[str, int]
    busiest_10_min: int


def judge(
    expect: Sequence[Expect],
    forbid: Sequence[Forbid],
    bounds: Bounds,
    found: Sequence[Episode],
    *,
    from_ms: int = 0,
    upto_ms: int | None = None,
    drill: bool = False,
) -> Verdict:
    """Judge a run.

    Args:
        expect, forbid, bounds: what the scenario says.
        found: the alerts of the run; those raised before the scenario began, or before ``from_ms``, are left out.
        from_ms: where the run began, since the start. What begins before is not judged.
        upto_ms: where the run ended early, since the start; None when it was played to its end. What could still be
            met or broken after that is not judged; what was broken before is said.
        drill: leave out what holds for the live picture only.
    """
    found = [one for one in found if one.raised_ms >= from_ms]
    findings: list[Finding] = []
    slots: list[tuple[Expect, int]] = []
    for one in expect:
        if drill and not one.in_drills:
            findings.append(Finding(kind="not judged", what=one.name, expected=one.says, reason=LIVE_ONLY))
        elif one.raised_span.from_ms < from_ms:
            reason = f"the run began at {clock(from_ms)}, inside or after its span"
            findings.append(Finding(kind="not judged", what=one.name, expected=one.says, reason=reason))
        else:
            slots += [(one, nth) for nth in range(one.at_least)]
    given = _assign([one for one, _ in slots], found, upto_ms)
    left = [n for n in range(len(found)) if n not in given.values()]
    for number, (one, nth) in enumerate(slots):
        name = one.name if one.at_least == 1 else f"{one.name}, {nth + 1} of {one.at_least}"
        index = given.get(number)
        if index is None and upto_ms is not None and one.raised_span.to_ms > upto_ms:
            reason = f"the run ended at {clock(max(0, upto_ms))}, before the end of its span"
            findings.append(Finding(kind="not judged", what=name, expected=one.says, reason=reason))
            continue
        if index is not None:
            at = found[index]
            kind, reason, _ = _fault_of(one, at, upto_ms) or ("met", "", None)
            findings.append(
                Finding(kind=kind, what=name, expected=one.says, seen=str(at), reason=reason, at_ms=at.raised_ms)
            )
            continue
        near = min((n for n in left if _is(one, found[n])), key=lambda n: abs(_off_ms(one, found[n])), default=None)
        if near is None:
            reason = f"no such alert; {_instead(one, found)}"
            findings.append(Finding(kind="missing", what=name, expected=one.says, reason=reason))
        else:
            left.remove(near)
            findings.append(_missed(one, name, found[near], upto_ms))
    findings += _too_early(expect, found, from_ms)
    for never in forbid:
        expected = f"none {written(never.span)}"
        broken = [] if drill and not never.in_drills else list(_broken(never, found))
        if broken:
            findings += broken
        elif doubt := _doubt(never, drill, from_ms, upto_ms):
            findings.append(Finding(kind="not judged", what=f"no {never.name}", expected=expected, reason=doubt))
        else:
            findings.append(Finding(kind="met", what=f"no {never.name}", expected=expected, seen="none"))
    if bounds.others == "refused":
        findings += [
            Finding(
                kind="unexpected",
                what=found[n].name,
                seen=str(found[n]),
                reason="no expectation names this alert",
                at_ms=found[n].raised_ms,
            )
            for n in left
        ]
    busiest = _busiest([one.raised_ms for one in found])
    findings += _out_of_bounds(bounds, len(found), busiest, whole=from_ms == 0 and upto_ms is None)
    by_rule: dict[str, int] = {}
    for episode in found:
        by_rule[episode.rule] = by_rule.get(episode.rule, 0) + 1
    return Verdict(
        holds=all(finding.holds for finding in findings),
        findings=tuple(findings),
        judged=sum(finding.kind != "not judged" for finding in findings),
        alerts=len(found),
        by_rule=dict(sorted(by_rule.items())),
        busiest_10_min=busiest,
    )


def _is(which: Which, episode: Episode) -> bool:
    """Is this one of the alerts that are meant, as it was raised?"""
    return _concerns(which, episode) and _stands_at(which, episode.moments[0])


def _stands_at(which: Which | Reach, moment: Moment) -> bool:
    return which.level in (None, moment.level) and which.priority in (None, moment.priority)


def _concerns(which: Which, episode: Episode) -> bool:
    """Is it an alert of this rule, place and object, whatever its level?"""
    return (
        which.rule in (None, episode.rule)
        and which.centre in (None, episode.centre)
        and which.area in (None, episode.area)
        and which.site in (None, episode.site)
        and which.object in (None, episode.object)
    )


def _reached(step: Reach, episode: Episode, from_ms: int) -> int | None:
    """When the alert first stood at the level, from ``from_ms`` on; None when it never did."""
    return next((m.at_ms for m in episode.moments if m.active and m.at_ms >= from_ms and _stands_at(step, m)), None)


def _fault_of(expect: Expect, episode: Episode, upto_ms: int | None) -> tuple[Kind, str, float | None] | None:
    """What is wrong with an alert as an answer to an expectation; None when it is right.

    ``not judged`` when nothing is wrong by ``upto_ms``, where the run ended early, but the rest was not played.
    """
    off_ms = _off_ms(expect, episode)
    if off_ms:
        kind: Kind = "early" if off_ms < 0 else "late"
        reason = f"raised {clock(abs(off_ms))} too {kind}"
        return kind, reason, off_ms / 1000
    at_ms = episode.raised_ms
    early_end = LASTS_MAX_MS if upto_ms is None else upto_ms
    ended = f"raised in time; the run ended at {clock(max(0, early_end))}, before the rest could be seen"
    for step in expect.steps:
        reached_ms = _reached(step, episode, at_ms)
        if reached_ms is None and step.span.to_ms > early_end and episode.cleared_ms is None:
            return "not judged", ended, None
        if reached_ms is None:
            had = ", ".join(f"{_height(m)} at {since(m.at_ms)}" for m in _rising(episode))
            return "wrong", f"did not reach {step.name} within {written(step.span)}; it was {had}", None
        if by_ms := _outside(step.span, reached_ms):
            word = "early" if by_ms < 0 else "late"
            reason = f"reached {step.name} at {since(reached_ms)}, {clock(abs(by_ms))} too {word}"
            return "wrong", reason, by_ms / 1000
        at_ms = reached_ms
    cleared_ms, wanted = episode.cleared_ms, expect.cleared_span
    if expect.cleared == "never" and cleared_ms is not None:
        return "wrong", f"was cleared at {since(cleared_ms)}, but should last to the end", None
    if wanted is not None:
        if cleared_ms is None and wanted.to_ms > early_end:
            return "not judged", ended, None
        if cleared_ms is None:
            return "wrong", "was never cleared", None
        if by_ms := _outside(wanted, cleared_ms):
            word = "early" if by_ms < 0 else "late"
            return "wrong", f"was cleared {clock(abs(by_ms))} too {word}", by_ms / 1000
    if expect.cleared == "never" and upto_ms is not None:
        return "not judged", ended, None
    return None


def _rising(episode: Episode) -> list[Moment]:
    """The moments at which the level changed."""
    found: list[Moment] = []
    for moment in episode.moments:
        if moment.active and (not found or (found[-1].level, found[-1].priority) != (moment.level, moment.priority)):
            found.append(moment)
    return found


def _outside(span: Span, at_ms: int) -> int:
    """How far a time is from a span, milliseconds; below 0 is early."""
    return at_ms - span.from_ms if at_ms < span.from_ms else max(0, at_ms - span.to_ms)


def _off_ms(expect: Expect, episode: Episode) -> int:
    return _outside(expect.raised_span, episode.raised_ms)


def _missed(expect: Expect, name: str, episode: Episode, upto_ms: int | None) -> Finding:
    fault = _fault_of(expect, episode, upto_ms)
    assert fault is not None, "an alert that is right would have been given to the expectation"
    kind, reason, off_s = fault
    return Finding(
        kind=kind,
        what=name,
        expected=expect.says,
        seen=str(episode),
        reason=reason,
        at_ms=episode.raised_ms,
        off_s=off_s,
    )


def _assign(expect: Sequence[Expect], found: Sequence[Episode], upto_ms: int | None) -> dict[int, int]:
    """Expectation → the alert that meets it, each alert once, as many as possible (augmenting paths).

    An alert with which nothing is wrong as far as the run was played meets it too, after those that are right.
    """
    fits: list[list[int]] = []
    for one in expect:
        faults = {n: _fault_of(one, at, upto_ms) for n, at in enumerate(found) if _is(one, at)}
        good = [n for n, fault in faults.items() if fault is None]
        fits.append(good + [n for n, fault in faults.items() if fault is not None and fault[0] == "not judged"])
    holder: dict[int, int] = {}

    def place(number: int, tried: set[int]) -> bool:
        for n in fits[number]:
            if n not in tried:
                tried.add(n)
                if n not in holder or place(holder[n], tried):
                    holder[n] = number
                    return True
        return False

    for number in range(len(expect)):
        place(number, set())
    return {number: n for n, number in holder.items()}


def _instead(expect: Expect, found: Sequence[Episode]) -> str:
    """What there was of the same rule, as a hint."""
    same = [one for one in found if one.rule == expect.rule]
    if not same:
        return f"the run raised no {expect.rule} at all"
    places = ", ".join(dict.fromkeys(one.site or one.area or one.centre for one in same))
    return f"{expect.rule} was raised for {places[:120]}"


def _too_early(expect: Sequence[Expect], found: Sequence[Episode], from_ms: int) -> Iterable[Finding]:
    for one in expect:
        earliest_ms = one.not_before_ms
        if earliest_ms is None or one.raised_span.from_ms < from_ms:
            continue
        for episode in found:
            if _is(one, episode) and episode.raised_ms < earliest_ms:
                yield Finding(
                    kind="early",
                    what=one.name,
                    expected=f"not before {clock(earliest_ms)}",
                    seen=str(episode),
                    reason=f"raised {clock(earliest_ms - episode.raised_ms)} before it may be",
                    at_ms=episode.raised_ms,
                    off_s=(episode.raised_ms - earliest_ms) / 1000,
                )


def _broken(one: Forbid, found: Sequence[Episode]) -> Iterable[Finding]:
    """The alerts that are there although they are forbidden."""
    for episode in found:
        if (against := _against(one, episode)) is None:
            continue
        at_ms, moment = against
        risen = f", {_height(moment)} at {since(at_ms)}" if at_ms != episode.raised_ms else ""
        yield Finding(
            kind="forbidden",
            what=f"no {one.name}",
            expected=f"none {written(one.span)}",
            seen=f"{episode}{risen}",
            reason=one.why or "must not appear",
            at_ms=at_ms,
        )


def _doubt(one: Forbid, drill: bool, from_ms: int, upto_ms: int | None) -> str:
    """Why it is not known that none came, when none was seen; empty when it is known."""
    if drill and not one.in_drills:
        return LIVE_ONLY
    if one.span.from_ms < from_ms:
        return f"the run began at {clock(from_ms)}, inside or after its span"
    if upto_ms is not None and one.span.to_ms > upto_ms:
        return f"the run ended at {clock(max(0, upto_ms))}, before the end of its span"
    return ""


def _against(one: Forbid, episode: Episode) -> tuple[int, Moment] | None:
    """When an alert is first what is forbidden, and how it stood then; None when it never is.

    Without level and priority it is forbidden to be raised within the span; with one of them, to stand at it at any
    time within the span, also when it rose to it later or before.
    """
    if not _concerns(one, episode):
        return None
    if one.level is None and one.priority is None:
        return (episode.raised_ms, episode.moments[0]) if episode.raised_ms in one.span else None
    for n, moment in enumerate(episode.moments):
        if not moment.active or not _stands_at(one, moment):
            continue
        at_ms = max(moment.at_ms, one.span.from_ms)
        over = n + 1 < len(episode.moments) and episode.moments[n + 1].at_ms <= at_ms
        if at_ms in one.span and (at_ms == moment.at_ms or not over):
            return at_ms, moment
    return None


def _height(moment: Moment) -> str:
    return moment.level or f"P{moment.priority}"


def _busiest(raised_ms: Sequence[int]) -> int:
    """Most alerts of any stretch of ten minutes."""
    times = sorted(raised_ms)
    most = first = 0
    for last, at_ms in enumerate(times):
        while at_ms - times[first] >= SLOT_MS:
            first += 1
        most = max(most, last - first + 1)
    return most


def _out_of_bounds(bounds: Bounds, count: int, busiest: int, *, whole: bool) -> Iterable[Finding]:
    for what, number, least, most in (
        ("alerts of the run", count, bounds.least, bounds.most),
        ("alerts in the busiest 10 minutes", busiest, bounds.in_10_min_least, bounds.in_10_min_most),
    ):
        part = "only a part of the scenario was played"
        if most is not None:
            kind: Kind = "bounds" if number > most else "met" if whole else "not judged"
            reason = f"{number - most} too many" if number > most else "" if whole else part
            yield Finding(kind=kind, what=what, expected=f"at most {most}", seen=str(number), reason=reason)
        if least is not None and not whole:
            yield Finding(kind="not judged", what=what, expected=f"at least {least}", seen=str(number), reason=part)
        elif least is not None:
            kind = "met" if number >= least else "bounds"
            reason = "" if kind == "met" else f"{least - number} too few"
            yield Finding(kind=kind, what=what, expected=f"at least {least}", seen=str(number), reason=reason)

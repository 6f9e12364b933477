"""Claims of a scenario that cannot hold together, whatever the run shows: found before it is played."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.expect import Expect, Forbid, Which
from simulators.plan import Scenario


def contradictions(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """(place, reason) of every claim that contradicts another one; spans are known to be readable."""
    wanted = sum(expect.at_least for expect in scenario.expect)  # each is met by an alert of its own
    if scenario.alerts.most is not None and wanted > scenario.alerts.most:
        yield "alerts.most", f"is fewer than the {wanted} alerts that are expected"
    for n, expect in enumerate(scenario.expect):
        where = f"expect[{n}]"
        yield from _steps(where, expect)
        for m, forbid in enumerate(scenario.forbid):
            if _forbids(forbid, expect):
                yield f"forbid[{m}]", f"forbids what {where} expects ({expect.name})"


def _steps(where: str, expect: Expect) -> Iterator[tuple[str, str]]:
    """Steps are reached one after the other."""
    earliest_ms, before = expect.raised_span.from_ms, ""
    for n, step in enumerate(expect.steps):
        if before and step.span.to_ms < earliest_ms:
            yield f"{where}.steps[{n}].within", f"ends before {before} can be reached: steps are reached in their order"
        if step.span.from_ms >= earliest_ms:
            earliest_ms, before = step.span.from_ms, step.name


def _forbids(forbid: Forbid, expect: Expect) -> bool:
    """Is everything forbidden that would meet the expectation?

    A span of the prohibition that leaves out a part of the one in which the alert is expected leaves it room.
    """
    for field in Which.__struct_fields__:
        wanted = getattr(forbid, field)
        if wanted is not None and wanted != getattr(expect, field):
            return False
    never, raised = forbid.span, expect.raised_span
    return never.from_ms <= raised.from_ms and raised.to_ms <= never.to_ms

"""Other rules while intake runs."""

from __future__ import annotations

from msgspec.structs import replace

from ioc.domain.profile import WindowSpec
from ioc.pipeline.intake import IntakePartition
from tests.pipeline.made_up import NOW, level, profile, record


def test_a_longer_window_that_comes_with_new_rules_is_followed_without_a_restart() -> None:
    day = WindowSpec(type="feedback.1022", size_s=86_400, hop_s=3_600)
    voice = {"what": "report", "by": 1, "odd.key": ["roads"], "at": NOW, "where": None}
    first, second = (level(n, **voice, meta__kind=7, meta__station="v-1") for n in (1, 2))
    step = IntakePartition(profile(), "alpha", 0)
    assert step.step([record(first)], NOW).emits
    assert step.use(replace(profile(), windows=(day,)), NOW).emits == []
    assert step.step([record(second)], NOW).emits
    later_ms = NOW + 23 * 3_600_000
    assert step.step([record(second, at_ms=later_ms)], later_ms).emits == []
    assert step.step([record(first, at_ms=later_ms)], later_ms).emits  # it came when 70 minutes were enough
    step.use(profile(), later_ms)
    assert step.step([record(level(9, **voice, meta__kind=7, meta__station="v-1"), at_ms=later_ms)], later_ms).emits

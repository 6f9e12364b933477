"""The simulators make every type of the catalogue."""

from __future__ import annotations

import msgspec
import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.catalogue import PAYLOADS
from ioc.errors import BadInput
from simulators import feeds

PROFILE = load_profile("dongnai-2023", with_rules=False)


def makes() -> set[str]:
    return set(feeds.PERIODIC) | feeds.BY_CHANCE


def test_every_type_is_made() -> None:
    assert makes() == set(PAYLOADS)
    assert not set(feeds.PERIODIC) & feeds.BY_CHANCE


def test_the_wanted_rate_of_the_whole_province_is_reached() -> None:
    sources = feeds.build(PROFILE, seed=1, rate=100.0)
    assert sum(source.per_second for source in sources) == pytest.approx(100.0, rel=0.05)


def test_a_type_that_is_not_made_is_named() -> None:
    centre = PROFILE.centres[0]
    odd = msgspec.structs.replace(centre.feeds[0], types=("no.such",))
    wrong = msgspec.structs.replace(PROFILE, centres=(msgspec.structs.replace(centre, feeds=(odd,)),))
    with pytest.raises(BadInput, match=r"no simulator makes no\.such"):
        feeds.build(wrong, seed=1)

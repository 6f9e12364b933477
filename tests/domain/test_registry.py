"""Looking up who is known, by native id, code, name and date."""

from __future__ import annotations

from ioc.domain.profile import Area, Centre, Feed, Profile, Site
from ioc.domain.registry import Registry
from ioc.domain.times import parse_rfc3339


def profile() -> Profile:
    feed = Feed(id="rain", name_vi="", name_en="", types=("rain.gauge",), expected_period_s=1, silent_after_s=2)
    sites = (
        Site(id="OLD", feed="rain", area="1", name_vi="", name_en="", native_id="x", valid_to="2024-01-01"),
        Site(id="NEW", feed="rain", area="2", name_vi="", name_en="", native_id="x", valid_from="2024-01-01"),
        Site(id="PLAIN", feed="rain", area="1", name_vi="", name_en=""),
    )
    return Profile(
        id="p",
        name_vi="",
        name_en="",
        title_vi="",
        title_en="",
        timezone="Asia/Ho_Chi_Minh",
        areas=(
            Area(
                code="1", name_vi="Biên Hòa", name_en="Bien Hoa", kind="city", valid_to="2025-07-01", successors=("3",)
            ),
            Area(code="2", name_vi="Hố Nai", name_en="Ho Nai", kind="ward", aliases=("Phường Hố Nai",)),
            Area(code="1", name_vi="Biên Hòa mới", name_en="New Bien Hoa", kind="ward", valid_from="2025-07-01"),
        ),
        centres=(
            Centre(
                id="c",
                name_vi="",
                name_en="",
                kind="city",
                simulated=True,
                areas=("1",),
                feeds=(feed,),
                sites=sites,
                format={},
            ),
        ),
        rules=(),
        targets=(),
    )


def at(text: str) -> int:
    return parse_rfc3339(text)


def test_the_same_native_id_is_another_site_on_another_day() -> None:
    registry = Registry(profile())
    before, first = at("2023-12-31T23:59:59.999+07:00"), at("2024-01-01T00:00:00+07:00")
    assert registry.site("c", "x", before).id == "OLD"  # type: ignore[union-attr]
    assert registry.site("c", "x", first).id == "NEW"  # type: ignore[union-attr]
    assert registry.site("c", "PLAIN", first).id == "PLAIN"  # type: ignore[union-attr]


def test_strangers_are_not_known() -> None:
    registry = Registry(profile())
    assert registry.site("c", "y", 0) is None
    assert registry.site("d", "x", 0) is None
    assert registry.centre("d") is None
    assert registry.feed("c", "hydro") is None
    assert registry.area("9") is None


def test_an_area_resolves_by_date_and_stays_known_afterwards() -> None:
    registry = Registry(profile())
    assert registry.area("1", at("2023-05-01T00:00:00+07:00")).name_vi == "Biên Hòa"  # type: ignore[union-attr]
    assert registry.area("1", at("2025-07-01T00:00:00+07:00")).kind == "ward"  # type: ignore[union-attr]
    assert registry.area("2", at("2050-01-01T00:00:00Z")).name_vi == "Hố Nai"  # type: ignore[union-attr]

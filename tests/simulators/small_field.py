"""A small profile built by hand, so that these tests do not move when the real one gains a site."""

from __future__ import annotations

from ioc.domain.profile import Area, Centre, Feed, Profile, Site, Target

DAY_MS = 86_400_000
NOON_MS = 1_700_024_400_000  # 2023-11-15T05:00:00Z, 12:00 local


def feed(id_: str, *types: str, period_s: float = 60.0) -> Feed:
    return Feed(id=id_, name_vi=id_, name_en=id_, types=types, expected_period_s=period_s, silent_after_s=3 * period_s)


def site(id_: str, feed_: str, area: str, lon: float | None = None, lat: float | None = None, name: str = "") -> Site:
    return Site(id=id_, feed=feed_, area=area, name_vi=name or id_, name_en=name or id_, lon=lon, lat=lat)


def profile() -> Profile:
    bien_hoa = Centre(
        id="bien-hoa",
        name_vi="Biên Hòa",
        name_en="Biên Hòa",
        kind="city",
        simulated=True,
        areas=("731",),
        feeds=(
            feed("traffic", "traffic.flow", "traffic.incident"),
            feed("rain", "rain.gauge"),
            feed("hydro", "hydro.level"),
            feed("air", "air.quality"),
            feed("feedback", "feedback.1022"),
            feed("heartbeat", "source.heartbeat", period_s=10),
        ),
        sites=(
            site("BH-T1", "traffic", "731", 106.93, 10.92, "QL51 – ngã tư Vũng Tàu"),
            site("BH-T2", "traffic", "731", 106.88, 10.97),
            site("BH-T3", "traffic", "731", 106.85, 10.91),
            site("BH-R1", "rain", "731", 106.90, 10.93),
            site("BH-R2", "rain", "731", 106.95, 10.90),
            site("BIENHOA", "hydro", "731", 106.81667, 10.95),
            site("BH-A1", "air", "731", 106.86, 10.92),
            site("BH-1022", "feedback", "731"),
            site("BIEN-HOA", "heartbeat", "731"),
        ),
        format={},
    )
    long_khanh = Centre(
        id="long-khanh",
        name_vi="Long Khánh",
        name_en="Long Khánh",
        kind="city",
        simulated=True,
        areas=("732",),
        feeds=(
            feed("traffic", "traffic.flow", "traffic.incident"),
            feed("air", "air.quality"),
            feed("feedback", "feedback.1022"),
            feed("heartbeat", "source.heartbeat", period_s=10),
        ),
        sites=(
            site("LK-T1", "traffic", "732", 107.24, 10.93),
            site("LK-A1", "air", "732", 107.22, 10.92),
            site("LK-1022", "feedback", "732"),
            site("LONG-KHANH", "heartbeat", "732"),
        ),
        format={},
    )
    province = Centre(
        id="tinh",
        name_vi="Toàn tỉnh",
        name_en="Province",
        kind="province",
        simulated=True,
        areas=("75",),
        feeds=(
            feed("emergency", "emergency.call"),
            feed("hydro", "hydro.level"),
            feed("kpi", "service.kpi"),
            feed("heartbeat", "source.heartbeat", period_s=10),
        ),
        sites=(
            site("T113", "emergency", "75"),
            site("T114", "emergency", "75"),
            site("T115", "emergency", "75"),
            site("TALAI", "hydro", "75", 107.38, 11.4),
            site("TRIAN", "hydro", "75", 107.04, 11.09),
            site("DTI_RANK", "kpi", "75"),
            site("DVC_ONLINE_PCT", "kpi", "75"),
            site("TINH", "heartbeat", "75"),
        ),
        format={},
    )
    return Profile(
        id="small",
        name_vi="Thử",
        name_en="Trial",
        title_vi="Thử",
        title_en="Trial",
        timezone="Asia/Ho_Chi_Minh",
        areas=(
            Area(code="75", name_vi="Đồng Nai", name_en="Đồng Nai", kind="province"),
            Area(code="731", name_vi="Biên Hòa", name_en="Biên Hòa", kind="city", parent="75"),
            Area(code="732", name_vi="Long Khánh", name_en="Long Khánh", kind="city", parent="75"),
        ),
        centres=(bien_hoa, long_khanh, province),
        rules=(),
        targets=(
            Target(
                indicator="dvc_online_pct",
                pillar="government",
                name_vi="x",
                name_en="x",
                unit="%",
                better="higher",
                target=40,
            ),
        ),
    )

"""Reports of citizens to the 1022 hotline, the app and the mailbox."""

from __future__ import annotations

from typing import Any

from ioc.domain.times import rfc3339
from simulators.draw import choose, draw
from simulators.feeds.base import Place, make_reading
from simulators.local_time import DAY_MS, MINUTE_MS
from simulators.model import arrivals
from simulators.readings import Reading
from simulators.world import World

CHANNELS = {"phone": 0.55, "app": 0.33, "web": 0.08, "mail": 0.04}  # modelling choice
TEXTS = {  # invented examples
    "hanh-chinh": (
        "Hỏi về thủ tục cấp đổi giấy tờ",
        "Hồ sơ một cửa chậm trả kết quả",
        "Không nộp được hồ sơ qua mạng",
    ),
    "ha-tang-do-thi": ("Đèn đường không sáng", "Mặt đường hư hỏng, nhiều ổ gà", "Nắp cống bị mất"),
    "lan-chiem-tieng-on": ("Lấn chiếm vỉa hè để buôn bán", "Tiếng ồn quá giờ quy định"),
    "xe-buyt": ("Xe buýt bỏ trạm", "Xe buýt chạy không đúng giờ"),
    "ngap-nuoc": ("Đường ngập sau mưa, xe không qua được",),
    "khac": ("Phản ánh khác", "Góp ý về dịch vụ công"),
}


class Reports:
    """``feedback.1022`` of one centre; ``factor`` scales the calibrated daily number."""

    def __init__(self, places: tuple[Place, ...], factor: float) -> None:
        self._places = places
        per_day = arrivals.FEEDBACK_PER_DAY.get(places[0].centre, arrivals.FEEDBACK_PER_DAY_OTHER)
        self._per_minute = per_day * factor / 1440

    @property
    def per_second(self) -> float:
        return self._per_minute / 60

    def between(self, world: World, from_ms: int, to_ms: int) -> list[Reading]:
        centre = self._places[0].centre
        found = []
        for minute in range(from_ms // MINUTE_MS, (to_ms - 1) // MINUTE_MS + 1):
            start_ms = minute * MINUTE_MS
            raining = world.rain_mm(centre, world.cities[centre], start_ms - 60 * MINUTE_MS, start_ms) > 0.5
            mean = self._per_minute * arrivals.feedback_shape(start_ms, raining)
            for index, t_ms in enumerate(arrivals.in_minute(mean, world.seed, minute, "1022", centre)):
                if from_ms <= t_ms < to_ms:
                    found.append(self._report(world, t_ms, index, raining))
        return found

    def _report(self, world: World, t_ms: int, index: int, raining: bool) -> Reading:
        what = (self._places[0].centre, t_ms, index)
        place = self._places[int(draw(world.seed, "1022/site", *what) * len(self._places))]
        fields = arrivals.RAIN_FIELDS if raining else arrivals.FEEDBACK_FIELDS
        field = choose(fields, world.seed, "1022/field", *what)
        texts = TEXTS[field]
        lon, lat = world.near(place.centre, 4.0, "1022", *what)
        data: dict[str, Any] = {
            "channel": choose(CHANNELS, world.seed, "1022/channel", *what),
            "field": field,
            "text": texts[int(draw(world.seed, "1022/text", *what) * len(texts))],
            "due_at": rfc3339(t_ms + arrivals.FEEDBACK_SLA_DAYS * DAY_MS),
            "lon": lon,
            "lat": lat,
        }
        return make_reading(place, "feedback.1022", t_ms, t_ms, data, f"C{index}")

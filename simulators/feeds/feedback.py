"""Reports of citizens to the 1022 hotline, the app and the mailbox, and those that pass their due time.

Modelling choice: in the days before a scenario as many were reported as on ordinary days; which of those without a
particular cause are late is drawn for each; the others (flooded roads, outages) are handled in time.
"""

from __future__ import annotations

from typing import Any

from ioc.domain.times import rfc3339
from simulators.draw import choose, draw
from simulators.feeds.base import Place, make_reading
from simulators.local_time import DAY_MS
from simulators.model import arrivals
from simulators.parts.voices import Report
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
    "ngap-nuoc": ("Đường ngập sau mưa, xe không qua được", "Nước tràn vào nhà", "Xe chết máy giữa chỗ ngập"),
    "mat-dien": ("Khu phố mất điện", "Mất điện từ nãy đến giờ chưa có lại"),
    "mat-nuoc": ("Nước máy yếu, tầng trên không có nước", "Ống nước vỡ, nước chảy ra đường"),
    "khac": ("Phản ánh khác", "Góp ý về dịch vụ công"),
}


class Reports:
    """``feedback.1022`` of one centre; ``factor`` scales the calibrated daily number."""

    def __init__(self, places: tuple[Place, ...], factor: float) -> None:
        self._places = places
        per_day = arrivals.FEEDBACK_PER_DAY.get(places[0].centre, arrivals.FEEDBACK_PER_DAY_OTHER)
        self._calibrated = per_day  # of the days before: more than that came in none of them
        self._factor = factor
        self._per_minute = per_day * factor / 1440

    @property
    def per_second(self) -> float:
        return self._per_minute / 60

    def between(self, world: World, from_ms: int, to_ms: int) -> list[Reading]:
        centre = self._places[0].centre
        reports = world.voices.ordinary_reports(centre, self._per_minute * 1440, from_ms, to_ms)
        reports += [r for r in world.voices.caused_reports(centre, from_ms, to_ms) if self._kept(world, r)]
        term_ms = arrivals.FEEDBACK_SLA_DAYS * DAY_MS
        before = world.voices.ordinary_reports(centre, self._calibrated, from_ms - term_ms, to_ms - term_ms)
        late = [report for report in before if self._is_late(world, report) and self._kept(world, report)]
        return [self._reading(world, report) for report in reports] + [self._overdue(world, report) for report in late]

    def _kept(self, world: World, report: Report) -> bool:
        """A factor below 1 thins what has a cause, and what is overdue, too; one above 1 does not repeat it."""
        return self._factor >= 1 or draw(world.seed, "1022/thin", report.time_ms, report.index) < self._factor

    def _is_late(self, world: World, report: Report) -> bool:
        what = (self._places[0].centre, report.time_ms, report.index)
        return draw(world.seed, "1022/late", *what) < arrivals.FEEDBACK_LATE_SHARE

    def _overdue(self, world: World, report: Report) -> Reading:
        """The message of a report at the moment when its due time passes without a result."""
        came = self._reading(world, report)
        due_ms = report.time_ms + arrivals.FEEDBACK_SLA_DAYS * DAY_MS
        place = next(place for place in self._places if place.site == came.site)
        data = came.data | {"state": "overdue"}
        return make_reading(place, "feedback.1022", due_ms, due_ms, data, f"QH-{report.index}")

    def _reading(self, world: World, report: Report) -> Reading:
        what = (self._places[0].centre, report.time_ms, report.index)
        place = self._places[int(draw(world.seed, "1022/site", *what) * len(self._places))]
        texts = TEXTS[report.field]
        data: dict[str, Any] = {
            "channel": choose(CHANNELS, world.seed, "1022/channel", *what),
            "field": report.field,
            "text": texts[int(draw(world.seed, "1022/text", *what) * len(texts))],
            "due_at": rfc3339(report.time_ms + arrivals.FEEDBACK_SLA_DAYS * DAY_MS),
            "state": "received",
            "lon": report.at[0],
            "lat": report.at[1],
        }
        return make_reading(place, "feedback.1022", report.time_ms, report.time_ms, data, report.index)

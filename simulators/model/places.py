"""Rough middles of districts and of their forests, for what is known by district only, and where QL51 runs.

General knowledge, rounded to 0.05 degrees; good enough for whether a storm passes over a district, and for no more.
"""

from __future__ import annotations

ROUGH_MIDDLES: dict[str, tuple[float, float]] = {  # unit code → lon, lat
    "734": (107.40, 11.30),  # Tân Phú
    "735": (107.05, 11.25),  # Vĩnh Cửu
    "736": (107.30, 11.20),  # Định Quán
    "737": (107.05, 10.95),  # Trảng Bom
    "738": (107.15, 11.00),  # Thống Nhất
    "739": (107.25, 10.80),  # Cẩm Mỹ
    "740": (107.00, 10.80),  # Long Thành
    "741": (107.40, 10.95),  # Xuân Lộc
    "742": (106.90, 10.70),  # Nhơn Trạch
}

# The highway QL51 inside Biên Hòa, from the Vũng Tàu junction to the edge of the city: two ends of a straight line.
QL51_ENDS = ((106.905, 10.925), (106.945, 10.840))
QL51_WITHIN_KM = 1.3  # a counting place so near is taken to count the highway; modelling choice


def on_ql51(at: tuple[float, float], km_per_deg: tuple[float, float] = (109.3, 110.6)) -> bool:
    """Is a place so near the highway that it counts it?"""
    (ax, ay), (bx, by) = ((x * km_per_deg[0], y * km_per_deg[1]) for x, y in QL51_ENDS)
    px, py = at[0] * km_per_deg[0], at[1] * km_per_deg[1]
    along = ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    along = min(1.0, max(0.0, along))
    return float(((px - ax - along * (bx - ax)) ** 2 + (py - ay - along * (by - ay)) ** 2) ** 0.5) <= QL51_WITHIN_KM

"""Two dispatchers, one alert: one wins, everybody sees who and when, the other is told.

Real Kafka, Faust workers, TimescaleDB, gateway and Chromium; nothing is replaced.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Pages, sign_in
from tests.system import System

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(300)]


def row_of(page: Page, text: str, place: str = "") -> str:
    """Id of the queue row that shows ``text`` and ``place``, once it is there."""
    rows = page.get_by_test_id("queue-row").filter(has_text=text).filter(has_text=place)
    if rows.count() == 0:
        page.keyboard.press("Escape")
    row = rows.first
    expect(row).to_be_visible()
    found = row.get_attribute("data-alert-id")
    assert found
    return found


def test_a_river_over_level_two_is_seen_acknowledged_and_contested(system: System, pages: Pages, shots: Path) -> None:
    accounts = system.accounts()
    assert {"lan", "minh"} <= set(accounts), system.output()

    wall = pages.open(system.base + "/wall")
    expect(wall.get_by_test_id("wall-mode")).to_have_attribute("data-mode", "live")
    lan = pages.open(system.base + "/console", 1440, 900)
    sign_in(lan, "lan", accounts["lan"])
    minh = pages.open(system.base + "/console", 1440, 900)
    sign_in(minh, "minh", accounts["minh"])

    system.cli("sim", "inject", "hydro.level", "--site", "BIENHOA", "level_m=2.05")
    river = wall.get_by_test_id("river-BIENHOA")
    expect(river).to_contain_text("2,05")
    expect(
        wall.get_by_test_id("matrix-river-bien-hoa").locator("[data-priority='2'][data-acked='false']")
    ).to_have_count(1)
    wall.screenshot(path=shots / "wall-alert.png")

    alert_id = row_of(lan, "BĐ2", "Biên Hòa")
    assert row_of(minh, "BĐ2", "Biên Hòa") == alert_id

    lan.locator(f"[data-alert-id='{alert_id}']").click()
    # The title follows the readings, and the next one of the station may be there already.
    expect(lan.get_by_test_id("detail-title")).to_contain_text("BĐ2")
    minh.locator(f"[data-alert-id='{alert_id}']").click()
    minh.get_by_test_id("ack-button").wait_for()

    lan.keyboard.press("a")
    expect(lan.get_by_test_id("detail-acked-by")).to_contain_text("Lan")
    expect(lan.get_by_test_id("detail-acked-by")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))

    expect(minh.get_by_test_id("detail-acked-by")).to_contain_text("Lan")
    expect(
        wall.get_by_test_id("matrix-river-bien-hoa").locator("[data-priority='2'][data-acked='true']")
    ).to_have_count(1)

    # Minh acknowledges all the same: the answer is a conflict that names the winner.
    minh.keyboard.press("a")
    expect(minh.get_by_test_id("conflict")).to_contain_text("Lan đã tiếp nhận lúc")
    minh.screenshot(path=shots / "console-conflict.png")
    lan.screenshot(path=shots / "console-acked.png")
    wall.screenshot(path=shots / "wall-acked.png")
    assert not pages.errors, pages.errors


def test_one_shelves_and_the_other_sees_until_when_and_takes_it_back(system: System, pages: Pages, shots: Path) -> None:
    accounts = system.accounts()
    lan = pages.open(system.base + "/console", 1440, 900)
    sign_in(lan, "lan", accounts["lan"])
    minh = pages.open(system.base + "/console", 1440, 900)
    sign_in(minh, "minh", accounts["minh"])
    system.cli("sim", "inject", "hydro.level", "--site", "PHUHIEP", "level_m=105.6")
    alert_id = row_of(lan, "105,60")

    lan.locator(f"[data-alert-id='{alert_id}']").click()
    lan.get_by_test_id("do-shelve").click()
    lan.get_by_test_id("action-text").fill("đang sửa cảm biến")
    lan.get_by_test_id("action-send").click()
    expect(lan.get_by_test_id("detail-hidden")).to_contain_text("đang sửa cảm biến")

    minh.get_by_test_id("tab-hidden").click()
    row = minh.locator(f"[data-alert-id='{alert_id}']")
    expect(row).to_have_attribute("data-state", "hidden")
    row.click()
    expect(minh.get_by_test_id("detail-hidden")).to_contain_text("Lan tạm gác")
    minh.screenshot(path=shots / "console-hidden.png")
    minh.get_by_test_id("do-unshelve").click()
    expect(lan.get_by_test_id("detail-hidden")).to_have_count(0)
    expect(lan.get_by_test_id("ack-button")).to_be_visible()
    assert pages.errors == []

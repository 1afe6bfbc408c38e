"""The pages in a headless Chromium: they load nothing, run only their own script, and can be used with the keyboard alone."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsgauge.model.results import ArticleScore, InputFailure

pytest.importorskip("jinja2", reason="the extra [report] is not installed")
pytest.importorskip("matplotlib", reason="the extra [report] is not installed")
pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from newsgauge.report.collection import Collection
from newsgauge.report.pages import Copies, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
if not CHROMIUM or not CHROMEDRIVER:
    pytest.skip("Chromium or chromedriver is not installed", allow_module_level=True)

AXE = Path(os.environ.get("NEWSGAUGE_AXE", Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"))
"""What ``npm install axe-core`` leaves in the checkout."""
ARGUMENTS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --window-size=1200,900"""
ATTACK = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 1'><svg onload='window.hit = 1'> =1+1"
CONTROLS = "a[href], button, input, select, summary, [tabindex]"

Build = Callable[..., ArticleScore]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ARGUMENTS.split():
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options, webdriver.ChromeService(CHROMEDRIVER))
    made.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    yield made
    made.quit()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, article: ArticleScore, build: Build) -> Path:
    """One article; ``folder.html`` of 60, of which the first is hostile and the third retells the second; ``small.html`` of these three."""
    folder = tmp_path_factory.mktemp("reports")
    attack = {"text": ATTACK, "label": "accusation", "confident": True, "probabilities": {"accusation": 0.99}}
    hostile = replace(build(attack, source=f"=HYPERLINK({ATTACK})"), model=ATTACK)
    retold = replace(article, source="south/retold.txt")
    others = [build(f"The bridge has {n} piers.", source=f"north/{n}.txt", verdict=(n / 1000, False)) for n in range(57)]
    first = [hostile, article, retold]
    for name, articles in (("article", [article]), ("small", first), ("folder", [*first, *others])):
        with Collection() as collection:
            for one in articles:
                collection.add(one)
            cluster = list(range(len(articles)))
            spun_from = [-1] * len(articles)
            if len(articles) > 1:
                cluster[2] = spun_from[2] = 1
                collection.add(InputFailure(ATTACK, "format", ATTACK))
            write_report(collection, Copies(cluster, spun_from), folder / f"{name}.html")
    return folder


@pytest.fixture
def open_page(driver: Any, reports: Path) -> Callable[[str], Any]:
    def go(name: str) -> Any:
        driver.get("about:blank")
        for log in ("browser", "performance"):
            driver.get_log(log)
        driver.get((reports / name).as_uri())
        return driver

    return go


def run(driver: Any, script: str, *arguments: Any) -> Any:
    return driver.execute_script(script, *arguments)


def texts(driver: Any, selector: str) -> list[str]:
    visible = "[...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())"
    found = run(driver, f"return {visible}.map(e => e.innerText)", selector)
    return [str(text) for text in found]


@pytest.mark.parametrize("name", ["article.html", "folder.html"])
def test_a_page_opens_without_complaint_and_asks_for_nothing(name: str, open_page: Callable[[str], Any], reports: Path) -> None:
    driver = open_page(name)
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert asked == {(reports / name).as_uri()}
    assert run(driver, "return document.documentElement.classList.contains('js')"), "the policy lets its own script run"
    assert run(driver, "return getComputedStyle(document.querySelector('.c')).borderTopLeftRadius") != "0px", "and its own style"


def test_an_injected_script_does_not_run(open_page: Callable[[str], Any]) -> None:
    driver = open_page("folder.html")
    driver.find_element("css selector", "[data-table=articles] tbody a").click()
    time.sleep(0.2)
    assert run(driver, "return window.hit") is None
    assert ATTACK in run(driver, "return document.querySelector('#a0').textContent")
    run(driver, "const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s)")
    run(driver, "document.body.insertAdjacentHTML('beforeend', arguments[0])", ATTACK)
    time.sleep(0.2)
    assert run(driver, "return window.hit") is None, "not even one that gets into the page"


def test_filters_show_what_they_say(open_page: Callable[[str], Any]) -> None:
    driver = open_page("article.html")

    def shown() -> list[int]:
        found = run(driver, "return [...document.querySelectorAll('.s')].filter(e => e.checkVisibility()).map(e => e.id)")
        return [int(str(name).removeprefix("a0s")) for name in found]

    def toggle(selector: str) -> None:
        driver.find_element("css selector", f".filters {selector}").click()

    assert shown() == [0, 1, 2, 3, 4, 5]
    toggle("input[value$=E]")
    assert shown() == [1, 2, 3, 4, 5]
    toggle("input[name=rest]")
    assert shown() == [1, 2, 3] and "3 of 6 sentences shown" in texts(driver, ".filters .count")
    toggle("input[name=garbled]")
    assert shown() == [2, 3]
    toggle("input[name=uncertain]")
    assert shown() == [3]
    toggle("input[name=garbled]")
    toggle("input[name=uncertain]")
    toggle("input[value$=E]")
    toggle("input[name=rest]")
    assert shown() == [0, 1, 2, 3, 4, 5]


def test_a_sentence_is_copied_with_its_citation(open_page: Callable[[str], Any]) -> None:
    driver = open_page("article.html")
    driver.find_element("css selector", "#a0s2 button").click()
    time.sleep(0.2)
    wanted = (
        "“Of pier the owner made denial hard.” (pier.txt, characters 57–92, denial (probability 0.70), flagged as garbled, "
        "by newsgauge toy@0123456789ab)"
    )
    assert texts(driver, "#told") == [f"Copied: {wanted}"]
    copied = driver.execute_async_script("const done = arguments[0]; navigator.clipboard.readText().then(done, e => done(String(e)))")
    assert copied == wanted


def test_the_strip_leads_to_the_sentence_and_arrows_move_in_it(open_page: Callable[[str], Any]) -> None:
    driver = open_page("article.html")
    driver.find_element("css selector", ".strip a").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert run(driver, "return document.activeElement.getAttribute('href')") == "#a0s2"
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    time.sleep(0.2)
    assert run(driver, "return document.activeElement.parentNode.id") == "a0s2"
    why = run(driver, "return getComputedStyle(document.activeElement, '::after').content")
    assert "denial 0.70" in why and "garbled 0.94, flagged" in why, "its figures are shown on focus"
    driver.switch_to.active_element.send_keys(Keys.TAB)
    assert "unlike written English" in run(driver, "return getComputedStyle(document.activeElement, '::after').content")


def column(driver: Any, number: int) -> list[str]:
    return texts(driver, f"[data-table=articles] tbody tr > :nth-child({number})")


def test_the_table_is_sorted_searched_and_paged(open_page: Callable[[str], Any]) -> None:
    driver = open_page("folder.html")
    assert len(column(driver, 1)) == 50 and "60 of 60 shown" in texts(driver, "[data-count=articles]")
    header = driver.find_element("css selector", "th[data-key=verdict] button")
    header.click()
    assert column(driver, 1)[:2] == ["pier.txt", "south/retold.txt"]
    assert run(driver, "return document.querySelector('th[data-key=verdict]').ariaSort") == "descending"
    header.click()
    assert column(driver, 1)[:3] == ["north/0.txt", "north/1.txt", "north/2.txt"]
    driver.find_element("css selector", "th[data-key=source] button").click()
    names = column(driver, 1)
    assert names.index("north/2.txt") < names.index("north/10.txt"), "numbers are sorted as numbers"
    search = driver.find_element("css selector", "[data-search=articles]")
    search.send_keys("SOUTH")
    assert column(driver, 1) == ["south/retold.txt"]
    search.clear()
    search.send_keys(Keys.SPACE, Keys.BACKSPACE)
    forth = driver.find_element("css selector", "[data-pager=articles] button:last-child")
    forth.click()
    assert len(column(driver, 1)) == 10 and not forth.is_enabled()
    assert texts(driver, "[data-pager=articles] span") == ["Page 2 of 2"]
    driver.find_element("css selector", "[data-choice=articles] option[value='1']").click()
    assert sorted(column(driver, 1)) == ["pier.txt", "south/retold.txt"]


def test_a_link_of_the_table_opens_the_text(open_page: Callable[[str], Any]) -> None:
    driver = open_page("folder.html")
    driver.find_element("css selector", "[data-table=claims] a[href='#a1s2']").click()
    time.sleep(0.3)
    assert run(driver, "return document.querySelector('#a1').open") is True
    assert run(driver, "return document.activeElement.parentNode.id") == "a1s2"


def test_csv_is_saved_with_formulas_made_harmless(open_page: Callable[[str], Any], tmp_path: Path) -> None:
    driver = open_page("folder.html")
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    driver.find_element("css selector", "[data-csv=articles]").click()
    path = tmp_path / "articles.csv"
    for _ in range(50):
        if path.exists():
            break
        time.sleep(0.1)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == 61 and rows[0][0] == "source" and len(set(map(len, rows))) == 1
    assert rows[1][0] == f"'=HYPERLINK({ATTACK})"
    assert rows[2] == ["pier.txt", ".", "en", "4", "1", "1", "1", "1", "2", "1", "0.8125", "true", "1", "first"]


@pytest.mark.parametrize("name", ["article.html", "small.html"])
def test_the_keyboard_reaches_every_control(name: str, open_page: Callable[[str], Any]) -> None:
    driver = open_page(name)
    number = """[...document.querySelectorAll(arguments[0])].filter(e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility())"""
    wanted = run(driver, f"const found = {number}; found.forEach((e, i) => {{ e.dataset.stop = i }}); return found.length", CONTROLS)
    run(driver, "window.reached = new Set(); addEventListener('focusin', e => reached.add(e.target.dataset.stop))")
    driver.find_element("css selector", "body").send_keys(Keys.TAB)
    for _ in range(wanted // 20 + 2):
        # After the last control comes the first again.
        driver.switch_to.active_element.send_keys(Keys.TAB * 20)
    missed = "[...document.querySelectorAll('[data-stop]')].filter(e => !reached.has(e.dataset.stop))"
    assert run(driver, f"return {missed}.map(e => e.outerHTML.slice(0, 200))") == []


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("name", ["article.html", "small.html"])
def test_nothing_is_wider_than_the_window(name: str, width: int, open_page: Callable[[str], Any], driver: Any) -> None:
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False})
    try:
        open_page(name)
        assert run(driver, "return document.documentElement.scrollWidth") <= width
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["article.html", "small.html"])
def test_axe_finds_no_serious_fault(name: str, scheme: str, open_page: Callable[[str], Any], driver: Any) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there; run npm install axe-core in the checkout")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        open_page(name)
        run(driver, "document.querySelectorAll('#a1, #a0, .cluster').forEach(e => { e.open = true })")
        run(driver, AXE.read_text(encoding="utf-8") + "; window.axe = axe;")
        found = driver.execute_async_script("const done = arguments[0]; axe.run().then(r => done(r.violations), e => done(String(e)))")
        serious = [
            (one["id"], one["impact"], [(node["html"][:200], node["failureSummary"][:300]) for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_without_scripts_the_page_can_be_read(open_page: Callable[[str], Any], driver: Any) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page("folder.html")
        assert len(driver.find_elements("css selector", "[data-table=articles] tbody tr")) == 50
        assert not driver.find_element("css selector", "[data-search=articles]").is_displayed()
        assert "Without JavaScript the first 50 articles are listed" in driver.find_element("css selector", "noscript").text
        text = driver.find_element("css selector", "#a1")
        text.find_element("css selector", "summary").click()
        assert "The contractor hid it, divers say." in text.text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

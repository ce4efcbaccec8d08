"""The console's reports in a real browser: what was picked, coverage, the experiment."""

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.console.browsing import Beside, Browser
from tests.whole.services import SALES, SUPPORT


@pytest.fixture
def reports(browser: Browser, service: Beside) -> Browser:
    """The browser at the reports, once it shows the first by itself."""
    browser.open(service.url, "reports")
    browser.wait_for("#report", SALES)
    return browser


def row(browser: Browser, first: str) -> list[str]:
    """The cells of the report's row that begins so."""
    rows = "[...document.querySelectorAll('#report tbody tr')]"
    cells = f"{rows}.map((tr) => [...tr.cells].map((cell) => cell.innerText))"
    return next(list(each) for each in browser.run(f"return {cells}") if each[0] == first)


def test_a_report_counts_picks_and_answers_by_what_is_chosen(reports: Browser) -> None:
    interval = "100.0 %\n20.7 % – 100.0 %"
    results = ["1", "0", "0", "0", "0", "0"]
    assert row(reports, SALES)[:-1] == [SALES, "4", "1", interval, *results, "2 min"]
    assert len(reports.driver.find_elements("css selector", "#report .chart svg")) == 2
    reports.tab_to("by")
    reports.press(Keys.ARROW_DOWN)
    reports.wait_for("#report thead", "Callee’s province")
    assert row(reports, "Sichuan")[2:4] == ["1", interval]
    reports.press(Keys.END)
    reports.wait_for("#report tbody", "02855500000")
    assert row(reports, "02855500000")[1:3] == ["2", "1"]
    dates = "return ['from', 'to'].map((name) => document.forms['report-form'][name].value)"
    first, last = reports.run(dates)
    assert first == last


def test_a_report_is_saved_as_csv(reports: Browser, tmp_path: Path) -> None:
    into = {"behavior": "allow", "downloadPath": str(tmp_path)}
    reports.driver.execute_cdp_cmd("Browser.setDownloadBehavior", into)
    reports.find("#report-csv").send_keys(Keys.ENTER)
    (file,) = reports.wait(lambda: list(tmp_path.glob("report-skill_group-*.csv")))
    head, *rows = file.read_text("utf-8-sig").splitlines()
    assert head.startswith("day,skill_group,picks,answered,")
    assert any(f",{SALES},4,1," in each for each in rows)


def test_a_report_that_is_refused_says_why(reports: Browser) -> None:
    reports.run("document.forms['report-form'].from.value = '2030-01-02'")
    reports.run("document.forms['report-form'].to.value = '2030-01-01'")
    reports.find("#report-form [type=submit]").send_keys(Keys.ENTER)
    reports.wait_for("#report .bad", "a field is wrong: ")


def test_a_plan_says_what_to_buy_after_the_calls_that_were_counted(
    reports: Browser, service: Beside
) -> None:
    for _ in range(3):
        service.do(service.service.pick(called_number="13888888888", skill_group_ids=[SUPPORT]))
    reports.tab_to("buy")
    reports.press(Keys.BACKSPACE, Keys.BACKSPACE, Keys.BACKSPACE, "5", Keys.ENTER)
    reports.wait_for("#coverage tbody", "昆明")
    rows = reports.text("#coverage tbody tr").split("\n")
    (kunming,) = (each for each in rows if "昆明" in each)
    assert kunming.split("\t")[0] == SUPPORT
    assert kunming.endswith("any 3")


def test_the_experiment_says_how_both_arms_stand(reports: Browser) -> None:
    reports.find("#ask-experiment").send_keys(Keys.ENTER)
    reports.wait_for("#experiment", "nobody is held out")
    rows = reports.text("#experiment tbody tr").split("\n")
    assert rows == ["local numbers\t0\t0\t–", "numbers from anywhere\t0\t0\t–"]
    assert reports.text("#experiment .hint") == "Too few calls to tell."

"""The console's reports in a real browser: coverage, the experiment."""

from selenium.webdriver.common.keys import Keys

from tests.console.browsing import Beside, Browser
from tests.whole.services import SUPPORT


def test_a_plan_says_what_to_buy_after_the_calls_that_were_counted(
    browser: Browser, service: Beside
) -> None:
    for _ in range(3):
        service.do(service.service.pick(called_number="13888888888", skill_group_ids=[SUPPORT]))
    browser.open(service.url, "reports")
    browser.wait_for("#refreshed", "Updated")
    browser.tab_to("buy")
    browser.press(Keys.BACKSPACE, Keys.BACKSPACE, Keys.BACKSPACE, "5", Keys.ENTER)
    browser.wait_for("#coverage", "any 3")
    rows = browser.text("#coverage tbody tr").split("\n")
    assert rows[0].split("\t")[0] == SUPPORT
    assert "昆明" in rows[0]
    assert rows[0].endswith("2\t3\tany 3")


def test_the_experiment_says_how_both_arms_stand(browser: Browser, service: Beside) -> None:
    browser.open(service.url, "reports")
    browser.wait_for("#refreshed", "Updated")
    browser.find("#ask-experiment").send_keys(Keys.ENTER)
    browser.wait_for("#experiment", "nobody is held out")
    rows = browser.text("#experiment tbody tr").split("\n")
    assert rows == ["local numbers\t0\t0\t–", "numbers from anywhere\t0\t0\t–"]
    assert browser.text("#experiment .hint") == "Too few calls to tell."

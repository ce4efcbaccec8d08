"""The console's overview in a real browser: the map, the sweep, a trial pick, the last picks."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from service.emulator import Emulator, Faults
from tests.console.browsing import Beside, Browser, beside
from tests.console.operated import NUMBERS, operated, rows
from tests.whole.services import emulator_of

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

SICHUAN, BEIJING = '#map [data-key="四川"]', '#map [data-key="北京"]'


def test_each_province_shows_its_numbers_their_use_and_who_is_parked(
    browser: Browser, service: Beside
) -> None:
    browser.open(service.url)
    browser.wait(lambda: "2 parked" in browser.name(SICHUAN))
    told = "Sichuan 10 / 12 available / may call out, 2 parked, used today 4 of 24"
    assert browser.name(SICHUAN) == told
    assert browser.name(BEIJING).startswith("Beijing 2 / 2 available / may call out, 0 parked")
    assert browser.name('#map [data-key="西藏"]') == "Tibet – no numbers"
    assert len(browser.text("#map .name").split("\n")) == 34
    assert "In-memory ledger" in browser.text("#states")


def test_a_province_says_from_the_keyboard_alone_why_it_has_no_number_and_what_to_do(
    browser: Browser, service: Beside
) -> None:
    browser.open(service.url)
    browser.wait_for("#figures", "20")
    browser.tab_to("北京")
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    assert browser.focused() == "山西"
    browser.press(Keys.ENTER)
    browser.wait_for("#province", "No number is of this province")
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ENTER)
    browser.wait_for("#province", "2 of the 2 numbers that may call out are available")
    assert "never in rotation 1" in browser.text("#province-reasons")
    assert browser.focused() == "北京"
    assert browser.find(BEIJING).get_attribute("aria-pressed") == "true"
    browser.tab_to("everywhere")
    browser.press(Keys.ENTER)
    browser.wait(lambda: not browser.find("#province").is_displayed())
    assert browser.focused() == "北京"


@pytest.fixture
def mended() -> Iterator[tuple[Emulator, Beside]]:
    """A service whose CCC refuses everything, until a test mends it."""
    emulator = emulator_of(rows())
    emulator.faults = Faults(forbidden=True)
    with beside(operated(emulator, ready=False)) as service:
        yield emulator, service


def test_an_empty_instance_says_what_to_do_until_a_sweep_fills_it_and_a_loss_is_accepted(
    browser: Browser, mended: tuple[Emulator, Beside]
) -> None:
    emulator, service = mended

    def numbers() -> int:
        return int(service.do(service.service.get("/v1/inventory"))[1]["data"][0]["numbers"])

    browser.open(service.url)
    browser.wait_for("#missing", "they could not be read from CCC")
    browser.wait_for("#last-sweep", "Forbidden")
    assert "failed" in browser.text("#states")
    emulator.faults, emulator.numbers["ccc-test"] = Faults(), []
    browser.tab_to("sweep")
    browser.press(Keys.ENTER)
    browser.wait_for("#missing", "CCC lists no numbers of this instance")
    emulator.numbers["ccc-test"] = rows()
    browser.tab_to("sweep")
    browser.press(Keys.ENTER)
    browser.wait_for("#last-sweep", "found 20 numbers, 20 new and 0 gone")
    assert (numbers(), browser.find("#missing").is_displayed()) == (20, False)
    del emulator.numbers["ccc-test"][6:]
    browser.press(Keys.ENTER)
    browser.wait_for("#last-sweep", "lacks 14 numbers; it is not believed yet")
    assert numbers() == 20
    browser.tab_to("accept")
    browser.press(Keys.ENTER)
    browser.wait_for("#dialog", "Accept that 6 numbers are left?")
    browser.press(Keys.ENTER)
    browser.wait_for("#last-sweep", "found 6 numbers, 0 new and 14 gone")
    assert numbers() == 6


def test_a_tried_number_shows_where_it_was_looked_for_and_why(
    browser: Browser, service: Beside
) -> None:
    browser.open(service.url)
    browser.wait_for("#figures", "20")
    browser.find("[name=called_number]").send_keys("138 8000 1234", Keys.ENTER)
    browser.wait_for("#trial", "Would show 02855500002 (Sichuan 成都), match: city")
    told = browser.text("#trial")
    assert "Called 138****1234: Sichuan 成都 · area code 028" in told
    assert "12 numbers\nparked: daily cap 2 (of 12 looked at)" in told
    assert "02855500002 city" in browser.text("#trial table").replace("\t", " ")


def test_a_tried_number_that_nobody_may_call_says_what_is_in_the_way(
    browser: Browser, service: Beside
) -> None:
    browser.open(service.url, language="zh-CN")
    browser.wait_for("#figures", "20")
    browser.type("[name=called_number]", "110", Keys.ENTER)
    browser.wait_for("#trial .bad", "被叫号码不对")
    browser.type("[name=called_number]", "13800010000")
    browser.type("#try [name=skill_group_ids]", "nobody@ccc-test", Keys.ENTER)
    browser.wait_for("#trial", "没有号码可用：没有可用号码")
    assert "真实选号会询问 CCC" in browser.text("#trial")


def test_the_last_picks_are_there_with_their_explanations_and_masked(
    browser: Browser, service: Beside
) -> None:
    service.do(service.service.pick(called_number="13800010000", skill_group_ids=["x@ccc-test"]))
    browser.open(service.url)
    browser.wait_for("#picks tbody", "138****1234")
    assert "no eligible number" in browser.text("#picks tbody tr")
    browser.find("#picks summary").send_keys(Keys.ENTER)
    browser.wait_for("#picks details[open]", "028****000")
    assert "taken" in browser.text("#picks details[open]")
    assert not {"13880001234", "13800010000", *NUMBERS} & set(browser.text("#picks").split())

"""The console's numbers in a real browser; what a control does is read back through the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.console.browsing import Beside, Browser, beside
from tests.console.operated import NUMBERS, USED_UP, operated
from tests.whole.services import SUPPORT

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

BEIJING = ["01055500000", "01055500001", "01055500002"]
FREE = NUMBERS[5]


def parks(service: Beside, state: str = "operator") -> dict[str, list[dict[str, Any]]]:
    """What keeps numbers out, of those in a state."""
    path = f"/v1/numbers?state={state}&page_size=100"
    _, page = service.do(service.service.get(path))
    return {one["number"]: one["parked"] for one in page["data"]}


@pytest.fixture
def listed(browser: Browser, service: Beside) -> Iterator[Browser]:
    """The browser at the list of numbers; afterwards nothing is parked that it parked."""
    browser.open(service.url, "numbers")
    browser.wait(lambda: BEIJING[0] in browser.shown())
    yield browser
    lift = service.service.client.post(
        f"{service.url}/v1/numbers/unpark", json={"numbers": [*NUMBERS, *BEIJING]}
    )
    service.do(_done(lift))


async def _done(request: Any) -> None:
    async with request as response:
        assert response.status == 200


def choose(browser: Browser, name: str, value: str) -> None:
    """Choose in a select of the filter from the keyboard, as typing its first letters does."""
    browser.find(f"#filter [name={name}]").send_keys(value)


def test_numbers_are_filtered_by_each_field_and_cleared(listed: Browser) -> None:
    listed.type("#filter [name=q]", "0105", Keys.ENTER)
    listed.wait(lambda: listed.shown() == BEIJING)
    listed.find("#clear-filter").send_keys(Keys.ENTER)
    listed.wait(lambda: len(listed.shown()) == 20)
    choose(listed, "province", "Beijing")
    listed.wait(lambda: listed.shown() == BEIJING)
    choose(listed, "usage", "inbound")
    listed.wait(lambda: listed.shown() == BEIJING[2:])
    listed.find("#clear-filter").send_keys(Keys.ENTER)
    listed.type("#filter [name=city]", "成都", Keys.ENTER)
    listed.wait(lambda: listed.shown() == NUMBERS)
    listed.find("#clear-filter").send_keys(Keys.ENTER)
    listed.type("#filter [name=skill_group_id]", SUPPORT, Keys.ENTER)
    listed.wait(lambda: len(listed.shown()) == 5)
    assert listed.text("#numbers-total") == "5 in all"


def test_numbers_are_filtered_by_state_and_sorted_by_use(listed: Browser) -> None:
    assert "daily cap 2" in listed.text("#reasons")
    listed.find('[data-key="state max_per_day"]').send_keys(Keys.ENTER)
    listed.wait(lambda: listed.shown() == USED_UP)
    assert listed.focused() == "state max_per_day"
    assert "daily cap" in listed.text("#numbers tbody")
    listed.find('[data-key="state "]').send_keys(Keys.ENTER)
    listed.wait(lambda: len(listed.shown()) == 20)
    choose(listed, "sort", "most used today")
    listed.wait(lambda: listed.shown()[:2] == USED_UP)


def test_a_number_is_parked_with_words_and_lifted_from_the_keyboard_alone(
    listed: Browser, service: Beside
) -> None:
    listed.tab_to(f"park {FREE}")
    listed.press(Keys.ENTER)
    listed.wait_for("#dialog", f"Park {FREE}?")
    listed.press(Keys.ESCAPE)
    listed.wait(lambda: listed.focused() == f"park {FREE}")
    listed.press(Keys.ENTER, Keys.TAB, "busy line", Keys.ENTER)
    listed.wait_for("#told", f"{FREE} is parked")
    (park,) = parks(service)[FREE]
    assert (park["reason"], park["note"]) == ("operator", "busy line")
    listed.wait_for("#numbers tbody", "“busy line”")
    assert listed.focused() == f"park {FREE}"
    listed.press(Keys.TAB)
    assert listed.focused() == f"unpark {FREE}"
    listed.press(Keys.ENTER)
    listed.wait_for("#dialog", f"Lift {FREE}?")
    listed.press(Keys.TAB, Keys.TAB, Keys.ENTER)
    listed.wait_for("#told", f"{FREE} is back")
    assert parks(service) == {}


def test_ticked_numbers_are_parked_together(listed: Browser, service: Beside) -> None:
    for number in NUMBERS[6:8]:
        listed.find(f'[data-key="tick {number}"]').send_keys(Keys.SPACE)
    assert listed.text("#bulk-count") == "2 ticked"
    listed.find("#park-many").send_keys(Keys.ENTER)
    listed.wait_for("#dialog", "Park these 2 numbers?")
    listed.confirm()
    listed.wait_for("#told", "parked 2")
    assert sorted(parks(service)) == NUMBERS[6:8]
    assert not listed.find("#untick").is_displayed()


def test_what_the_filter_leaves_is_parked_and_lifted_together(
    listed: Browser, service: Beside
) -> None:
    listed.type("#filter [name=q]", "0105", Keys.ENTER)
    listed.wait_for("#bulk-count", "3 fit the filter")
    listed.find("#park-many").send_keys(Keys.ENTER)
    listed.wait_for("#dialog", "Park these 3 numbers?")
    listed.confirm()
    listed.wait_for("#told", "parked 2, never in rotation 1")
    assert sorted(parks(service)) == BEIJING[:2]
    listed.wait_for("#reasons", "by an operator 2")
    listed.find('[data-key="state operator"]').send_keys(Keys.ENTER)
    listed.wait_for("#bulk-count", "2 fit the filter")
    listed.find("#unpark-many").send_keys(Keys.ENTER)
    listed.wait_for("#dialog", "Lift these 2 numbers?")
    listed.find("#dialog [name=reason]").send_keys("by an operator")
    listed.confirm()
    listed.wait_for("#told", "lifted 2")
    assert parks(service) == {}


def test_a_refusal_stays_in_the_dialog_in_the_services_own_words(
    listed: Browser, service: Beside
) -> None:
    listed.find(f'[data-key="park {FREE}"]').send_keys(Keys.ENTER)
    listed.run("document.querySelector('#dialog option').value = '0'")
    listed.confirm()
    listed.wait_for("#dialog .refused", "a field is wrong: ")
    assert listed.find("#dialog").is_displayed()
    assert parks(service) == {}
    listed.press(Keys.ESCAPE)


def test_a_province_leads_to_its_numbers_in_a_state(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    browser.wait_for("#figures", "20")
    browser.find('#map [data-key="四川"]').send_keys(Keys.ENTER)
    browser.wait_for("#province-reasons", "daily cap 2")
    browser.find('#province-reasons [data-key="state max_per_day"]').send_keys(Keys.ENTER)
    browser.wait(lambda: browser.shown() == USED_UP)
    assert browser.find("#filter [name=province]").get_attribute("value") == "四川"
    assert browser.run("return location.href") == f"{service.url}/console#numbers"


def test_numbers_are_added_from_a_list_and_a_file_and_say_what_became_of_each(
    browser: Browser, tmp_path: Path
) -> None:
    with beside(operated()) as service:
        browser.open(service.url, "numbers")
        browser.wait(lambda: BEIJING[0] in browser.shown())
        browser.type("#adding [name=numbers]", "02155500001, 02155500002 # two of Shanghai")
        browser.find("#adding [type=submit]").send_keys(Keys.ENTER)
        browser.wait_for("#dialog", "Add these 2 numbers?")
        browser.confirm()
        browser.wait_for("#added", "added 2")
        file = tmp_path / "numbers.csv"
        file.write_text("\ufeff02155500003\r\n", "utf-8")
        browser.find("#adding-file").send_keys(str(file))
        field = "return document.querySelector('#adding textarea').value"
        browser.wait(lambda: "02155500003" in browser.run(field))
        browser.type("#adding [name=skill_group_ids]", SUPPORT)
        browser.find("#adding [type=submit]").send_keys(Keys.ENTER)
        browser.wait_for("#dialog", f"bound to: {SUPPORT}")
        browser.confirm()
        browser.wait_for("#added", "02155500003")
        _, page = service.do(service.service.get("/v1/numbers?q=0215550000"))
        groups = {one["number"]: one["skill_group_ids"] for one in page["data"]}
    assert groups == {"02155500001": [], "02155500002": [], "02155500003": [SUPPORT]}

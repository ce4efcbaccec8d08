"""The console's callees in a real browser; what a control does is read back through the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.console.browsing import Beside, Browser
from tests.whole.services import SUPPORT

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

CALLEE, OTHERS = "13980007777", ("13980007778", "13980007779")


def stop_of(service: Beside, number: str) -> dict[str, Any] | None:
    """The stop of a callee, None for none."""
    status, callee = service.do(service.service.get(f"/v1/callees/{number}"))
    assert status == 200
    stop: dict[str, Any] | None = callee["stop"]
    return stop


@pytest.fixture
def callees(browser: Browser, service: Beside) -> Iterator[Browser]:
    """The browser at the callees; afterwards their numbers are nowhere that lasts."""
    browser.open(service.url, "callees")
    browser.wait_for("#refreshed", "Updated")
    yield browser
    kept = "return location.href + history.length + JSON.stringify([localStorage, sessionStorage])"
    assert "139800" not in browser.run(kept)
    assert browser.run("return location.href") == f"{service.url}/console#callees"


def test_a_callee_is_looked_up_stopped_and_let_again_from_the_keyboard_alone(
    callees: Browser, service: Beside
) -> None:
    status, answer = service.do(
        service.service.pick(called_number=CALLEE, skill_group_ids=[SUPPORT])
    )
    assert status == 200
    callees.tab_to("number")
    callees.press(CALLEE, Keys.ENTER)
    callees.wait_for("#callee-result", "139****7777 (Sichuan 成都) may be called now")
    assert "1 / 9" in callees.text("#callee-result")
    assert answer["data"][0]["caller"]["number"] in callees.text("#callee-result")
    callees.tab_to("Stop")
    callees.press(Keys.ENTER, Keys.TAB, "asked not to be called", Keys.ENTER)
    callees.wait_for("#told", "139****7777 is stopped")
    callees.wait_for("#callee-result", "“asked not to be called”")
    stop = stop_of(service, CALLEE)
    assert stop is not None
    assert stop["reason"] == "asked not to be called"
    assert (
        service.do(service.service.pick(called_number=CALLEE, skill_group_ids=[SUPPORT]))[0] == 429
    )
    callees.tab_to("Let again")
    callees.press(Keys.ENTER)
    callees.wait_for("#dialog", "Let 139****7777 be called again?")
    callees.press(Keys.ENTER)
    callees.wait_for("#told", "may be called again")
    assert stop_of(service, CALLEE) is None


def test_a_list_is_stopped_from_a_file_and_let_again(
    callees: Browser, service: Beside, tmp_path: Path
) -> None:
    file = tmp_path / "callees.txt"
    file.write_text("\n".join([*OTHERS, "12"]), "utf-8")
    callees.find("#stops-file").send_keys(str(file))
    callees.wait(
        lambda: "12" in callees.run("return document.querySelector('#stops textarea').value")
    )
    callees.find("#stops [type=submit]").send_keys(Keys.ENTER)
    callees.wait_for("#dialog", "Stop these 3 numbers?")
    callees.confirm()
    callees.wait_for("#stopped-many", "stopped 2, cannot be read 1")
    assert all(stop_of(service, number) for number in OTHERS)
    callees.find("#let-many").send_keys(Keys.ENTER)
    callees.wait_for("#dialog", "Let these 3 numbers be called again?")
    callees.press(Keys.ENTER)
    callees.wait_for("#stopped-many", "let again 2")
    assert not any(stop_of(service, number) for number in OTHERS)


def test_what_is_no_number_is_told_in_the_services_own_words(callees: Browser) -> None:
    callees.type("#look-up [name=number]", "12", Keys.ENTER)
    callees.wait_for("#callee-result .bad", "not a number to be called: ")

"""The operator's page in a real browser, in front of a whole service."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from selenium.webdriver.common.keys import Keys

from service.emulator import phone_number, running, skill_groups
from service.ledger import failover
from service.settings import Auth, CallerLimits, Client, Secret, Selection
from tests.console.browsing import Beside, Browser, beside
from tests.whole.services import SALES, Running, emulator_of, settings_for, started

SICHUAN, BEIJING = '#map [data-key="四川"]', '#map [data-key="北京"]'
MARKUP = "<img src=x onerror=document.title='run'>"
TWICE_A_DAY = Selection(caller=CallerLimits(max_per_day=2))
ALL_BUT_TWO = [f"028555{last:05d}" for last in range(2, 12)]
HURRIED = """
performance.setResourceTimingBufferSize(100000);
const later = setTimeout;
window.setTimeout = (work, milliseconds) => later(work, milliseconds / 100);
"""
CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")
OPERATOR = Client(name="operator", token=Secret("开门"), scopes=("admin",))
DIALER = Client(name="dialer", token=Secret("dialer-token"), scopes=("pick",))


def numbers() -> list[dict[str, Any]]:
    """Twelve in Chengdu, three in Beijing of which one only receives, one of a strange provider."""
    chengdu, beijing = ("028555", "四川", "成都"), ("010555", "北京", "北京")
    listed = [
        phone_number(
            Number=f"{prefix}{last:05d}",
            Province=province,
            City=city,
            SkillGroups=skill_groups(SALES),
            Usage="Inbound" if prefix == "010555" and last == 2 else "Outbound",
        )
        for (prefix, province, city), count in ((chengdu, 12), (beijing, 3))
        for last in range(count)
    ]
    listed[0]["Provider"] = MARKUP
    return listed


@asynccontextmanager
async def a_service(redis_url: str = "", **changes: Any) -> AsyncIterator[Running]:
    async with running(emulator_of(numbers())) as address:
        settings = settings_for(f"http://{address}", redis_url, TWICE_A_DAY)
        async with started(replace(settings, **changes)) as service:
            yield service


@pytest.fixture
def service() -> Iterator[Beside]:
    with beside(a_service()) as service:
        yield service


def name(browser: Browser, selector: str) -> str:
    """What a screen reader says of an element."""
    return browser.find(selector).accessible_name


def pick_four_times(service: Beside) -> None:
    """Use up the day's cap of the first two numbers in Chengdu."""
    for _ in range(4):
        status, _ = service.do(service.service.pick(exclude=ALL_BUT_TWO, explain=True))
        assert status == 200


def tab_to(browser: Browser, key: str) -> None:
    """Press Tab until the focus is there."""
    for _ in range(100):
        if browser.focused() == key:
            return
        browser.press(Keys.TAB)
    raise AssertionError(f"Tab does not come to {key}")


def shown(browser: Browser, table: str) -> list[str]:
    """The numbers in a table."""
    rows = browser.text(f"{table} tbody td:first-child").split("\n")
    return [row for row in rows if row.isdigit()]


def test_each_province_shows_its_numbers_their_use_and_who_is_parked(
    browser: Browser, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "KEEP_UP_SECONDS", 0.1)
    with beside(a_service(redis_url)) as service:
        pick_four_times(service)
        browser.open(service.url)
        browser.wait(lambda: "2 parked" in name(browser, SICHUAN))
        told = "Sichuan 10 / 12 available / may call out, 2 parked, used today 4 of 24"
        assert name(browser, SICHUAN) == told
        assert name(browser, BEIJING).startswith("Beijing 2 / 2 available / may call out, 0 parked")
        assert name(browser, '#map [data-key="西藏"]') == "Tibet – no numbers"
        assert len(browser.text("#map .name").split("\n")) == 34
        browser.wait_for("#reasons", "daily cap 2")
        browser.wait(lambda: shown(browser, "#parked") == ["02855500000", "02855500001"])
        assert "daily cap\nuntil" in browser.text("#parked tbody")
        assert "Redis up" in browser.text("#states")


def test_a_province_is_chosen_from_the_keyboard_alone(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    browser.wait(lambda: len(shown(browser, "#numbers")) == 10)
    tab_to(browser, "北京")
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    assert browser.focused() == "山西"
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ENTER)
    browser.wait(lambda: len(shown(browser, "#numbers")) == 3)
    assert browser.find(BEIJING).get_attribute("aria-pressed") == "true"
    assert browser.focused() == "北京"
    browser.press(Keys.ENTER)
    browser.wait(lambda: len(shown(browser, "#numbers")) == 10)


def test_a_number_is_parked_and_unparked_from_the_keyboard_alone(
    browser: Browser, service: Beside
) -> None:
    number = "02855500003"
    browser.open(service.url)
    browser.wait(lambda: number in shown(browser, "#numbers"))
    tab_to(browser, number)
    browser.press(Keys.ENTER)
    browser.wait_for("#confirm", f"Park {number}?")
    browser.press(Keys.ESCAPE)
    browser.wait(lambda: browser.focused() == number)
    browser.press(Keys.ENTER, Keys.TAB, "busy line", Keys.ENTER)
    browser.wait(lambda: shown(browser, "#parked") == [number])
    assert "by an operator\nuntil" in browser.text("#parked tbody")
    browser.wait(lambda: browser.focused() == number)
    assert browser.text("#told") == f"{number} is parked"
    browser.press(Keys.ENTER)
    browser.wait_for("#confirm", f"Unpark {number}?")
    browser.press(Keys.ENTER)
    browser.wait_for("#parked tbody", "No number is parked")


def test_a_tried_number_shows_where_it_was_looked_for_and_why(
    browser: Browser, service: Beside
) -> None:
    pick_four_times(service)
    browser.open(service.url)
    browser.wait_for("#figures", "14")
    browser.find("[name=called_number]").send_keys("138 8000 1234", Keys.ENTER)
    browser.wait_for("#trial", "Would show 02855500002 (Sichuan 成都), match: city")
    told = browser.text("#trial")
    assert "Called 138****1234: Sichuan 成都 · area code 028" in told
    assert "12 numbers\nparked: daily cap 2 (of 12 looked at)" in told
    assert "02855500002 city" in browser.text("#trial table").replace("\t", " ")
    assert len(browser.text("#picks tbody tr").split("138****1234")) == 1 + 4


def test_a_tried_number_that_nobody_may_call_says_what_is_in_the_way(
    browser: Browser, service: Beside
) -> None:
    browser.open(service.url, language="zh-CN")
    browser.wait_for("#figures", "14")
    browser.find("[name=called_number]").send_keys("110", Keys.ENTER)
    browser.wait_for("#trial .bad", "被叫号码不对")
    browser.find("[name=called_number]").clear()
    browser.find("[name=called_number]").send_keys("13800010000")
    browser.find("#try [name=skill_group_ids]").clear()
    browser.find("#try [name=skill_group_ids]").send_keys("nobody@ccc-test", Keys.ENTER)
    browser.wait_for("#trial", "没有号码可用：没有可用号码")
    assert "真实选号会询问 CCC" in browser.text("#trial")


def test_the_last_picks_are_there_with_their_explanations_and_masked(
    browser: Browser, service: Beside
) -> None:
    pick_four_times(service)
    service.do(service.service.pick(called_number="13800010000", skill_group_ids=["x@ccc-test"]))
    browser.open(service.url)
    browser.wait_for("#picks tbody", "138****1234")
    assert "no eligible number" in browser.text("#picks tbody tr:first-child")
    browser.find("#picks summary").send_keys(Keys.ENTER)
    browser.wait_for("#picks details[open]", "028****0001")
    assert "taken" in browser.text("#picks details[open]")
    assert not {"13880001234", "13800010000"} & set(browser.text("body").split())
    assert "02855500001" not in browser.text("#picks")


def test_the_language_is_the_visitors_and_a_choice_is_remembered(
    browser: Browser, service: Beside
) -> None:
    browser.open(service.url, language="zh-CN,zh")
    browser.wait_for("#figures", "号码总数")
    assert browser.find("html").get_attribute("lang") == "zh-CN"
    assert browser.driver.title == "callerid 控制台"
    browser.find("#language").send_keys(Keys.ENTER)
    browser.wait_for("#figures", "May call out")
    assert browser.find("html").get_attribute("lang") == "en"
    assert browser.focused() == "language"
    browser.open(service.url, language="zh-CN,zh")
    browser.wait_for("#figures", "May call out")


def test_every_text_is_there_in_both_languages(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    chinese, english = browser.run(
        "const keys = (tree) => Object.entries(tree).flatMap(([key, value]) =>"
        " typeof value === 'string' ? [key] : keys(value).map((each) => `${key}.${each}`)).sort();"
        "return [keys(TEXTS['zh-CN']), keys(TEXTS.en)]"
    )
    assert chinese == english
    said = browser.run(
        "return [...document.querySelectorAll('[data-text], [data-label]')]"
        ".map((node) => node.dataset.text || node.dataset.label)"
    )
    assert set(said) <= set(english)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_text_stands_out_in_both_schemes(
    browser: Browser, service: Beside, scheme: str, width: int
) -> None:
    pick_four_times(service)
    browser.open(service.url, scheme=scheme)
    browser.size(width, 1600)
    browser.wait_for("#parked tbody", "02855500001")
    browser.find("[name=called_number]").send_keys("13880001234", Keys.ENTER)
    browser.wait_for("#trial", "Would show")
    is_dark = "return matchMedia('(prefers-color-scheme: dark)').matches"
    assert browser.run(is_dark) == (scheme == "dark")
    browser.run(
        "for (const [index, tile] of [...document.querySelectorAll('.tile')].entries())"
        " tile.className = `tile ${index % 6 ? `share-${index % 6 - 1}` : 'none'}`"
    )
    looked, faint = browser.run(CONTRAST)
    assert looked > 150
    assert faint == []


def test_nothing_is_cut_off_on_a_narrow_screen(browser: Browser, service: Beside) -> None:
    pick_four_times(service)
    browser.open(service.url)
    browser.size(360, 800)
    browser.wait_for("#picks tbody", "138****1234")
    sideways = (
        "return [document.documentElement, ...document.querySelectorAll('.scroll')]"
        ".map((node) => node.scrollWidth - node.clientWidth)"
    )
    assert browser.run(sideways) == [0, 0, 0, 0]


def test_what_the_service_says_never_becomes_markup(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    browser.wait_for("#numbers tbody", MARKUP)
    assert browser.run("return document.images.length") == 0
    assert browser.driver.title == "callerid console"


def test_no_request_leaves_the_service(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    browser.wait_for("#numbers tbody", "02855500001")
    asked = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert {f"{service.url}/v1/inventory", f"{service.url}/v1/console/picks"} <= set(asked)
    assert [one for one in asked if not one.startswith((f"{service.url}/", "data:"))] == []
    refused = "return fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.message)"
    assert browser.run(refused) == "Failed to fetch"
    complaints = browser.complaints()
    assert complaints
    assert all("Content Security Policy" in one for one in complaints)


def test_a_token_is_asked_for_and_must_have_the_scope_admin(
    browser: Browser,
) -> None:
    auth = Auth(required="always", clients=(OPERATOR, DIALER))
    with beside(a_service(auth=auth)) as service:
        browser.open(service.url)
        browser.wait_for("#sign-in", "A token is needed")
        assert browser.focused() == "token"
        assert browser.text("#numbers tbody") == ""
        for token, told in (("nonsense", "unknown one"), (DIALER.token, "lacks the scope admin")):
            browser.press(str(token), Keys.ENTER)
            browser.wait_for("#sign-in .refused", told)
        browser.press(str(OPERATOR.token), Keys.ENTER)
        browser.wait_for("#numbers tbody", "02855500001")
        assert browser.run("return Object.values(localStorage)") in ([], ["en"])
        browser.find("#leave").send_keys(Keys.ENTER)
        browser.wait_for("#sign-in", "A token is needed")


@pytest.fixture
def hurried(browser: Browser) -> Iterator[Browser]:
    """A browser whose pages wait a hundredth of the time that they mean to."""
    script = {"source": HURRIED}
    added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    yield browser
    browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def rounds(browser: Browser) -> int:
    """How often the page has asked for everything."""
    path = "location.origin + '/v1/console/picks'"
    return int(browser.run(f"return performance.getEntriesByName({path}).length"))


def goes_on(browser: Browser) -> None:
    """Return once the page has asked again, more than what was under way."""
    before = rounds(browser)
    browser.wait(lambda: rounds(browser) > before + 1)


def stands_still(browser: Browser) -> bool:
    """Whether the page asks no more, for as long as ten rounds take."""

    def wait(milliseconds: int) -> None:
        start = browser.run("return performance.now()")
        browser.wait(lambda: browser.run("return performance.now()") > start + milliseconds)

    wait(250)  # what is under way comes to its end
    before = rounds(browser)
    wait(500)
    return rounds(browser) == before


def test_the_page_asks_again_by_itself_unless_it_is_paused_or_hidden(
    hurried: Browser, service: Beside
) -> None:
    hurried.open(service.url)
    hurried.wait_for("#refreshed", "Updated")
    goes_on(hurried)
    hurried.find("#pause").send_keys(Keys.ENTER)
    hurried.wait_for("#refreshed", "Paused")
    assert stands_still(hurried)
    hurried.find("#pause").send_keys(Keys.ENTER)
    goes_on(hurried)
    hide = (
        "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    hurried.run(hide, True)  # noqa: FBT003 - an argument of the script
    assert stands_still(hurried)
    hurried.run(hide, False)  # noqa: FBT003 - the same
    goes_on(hurried)


def test_a_service_that_is_gone_is_told_of(hurried: Browser) -> None:
    with beside(a_service()) as service:
        hurried.open(service.url)
        hurried.wait_for("#numbers tbody", "02855500001")
    hurried.wait_for("#problem", "The service cannot be reached")


def test_a_plan_says_what_to_buy_after_the_calls_that_were_counted(
    browser: Browser, service: Beside
) -> None:
    for _ in range(3):
        service.do(service.service.pick(called_number="13888888888"))
    browser.open(service.url)
    browser.wait(lambda: len(shown(browser, "#numbers")) == 10)
    tab_to(browser, "buy")
    browser.press(Keys.BACKSPACE, Keys.BACKSPACE, Keys.BACKSPACE, "5", Keys.ENTER)
    browser.wait_for("#coverage", "any 3")
    rows = browser.text("#coverage tbody tr").split("\n")
    assert rows[0].split("\t")[0] == SALES
    assert "昆明" in rows[0]
    assert rows[0].endswith("2\t3\tany 3")


def test_the_experiment_says_how_both_arms_stand(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    browser.wait(lambda: len(shown(browser, "#numbers")) == 10)
    browser.find("#ask-experiment").send_keys(Keys.ENTER)
    browser.wait_for("#experiment", "nobody is held out")
    rows = browser.text("#experiment tbody tr").split("\n")
    assert rows == ["local numbers\t0\t0\t–", "numbers from anywhere\t0\t0\t–"]
    assert browser.text("#experiment .hint") == "Too few calls to tell."

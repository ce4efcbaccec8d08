"""The console's page as a whole, in a real browser: languages, schemes, widths, tokens, policy."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from service.settings import Auth, Client, Secret
from tests.console.browsing import Beside, Browser, beside
from tests.console.operated import MARKUP, NUMBERS, operated

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

VIEWS = ("overview", "numbers", "callees", "reports")
CONTROLS = "[...document.querySelectorAll('button, a, input, select, textarea, summary')]"
SAID = re.compile(
    r"""\btext\("([\w.-]+)"|\b(?:labelled|step)\("(\w+)"|^  \["([a-z]\w+)", """, re.MULTILINE
)
HURRIED = """
performance.setResourceTimingBufferSize(100000);
const later = setTimeout;
window.setTimeout = (work, milliseconds) => later(work, milliseconds / 100);
"""
CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")
OPERATOR = Client(name="operator", token=Secret("开门"), scopes=("admin",))
DIALER = Client(name="dialer", token=Secret("dialer-token"), scopes=("pick",))


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
    browser.run("localStorage.clear()")


def test_every_text_is_there_in_both_languages(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    chinese, english = browser.run(
        "const keys = (tree) => Object.entries(tree).flatMap(([key, value]) =>"
        " typeof value === 'string' ? [key] : keys(value).map((each) => `${key}.${each}`)).sort();"
        "return [keys(CHINESE), keys(ENGLISH)]"
    )
    assert chinese == english
    page = files("service.api.console")
    scripts = "".join(each.read_text("utf-8") for each in page.iterdir() if ".js" in each.name)
    said = SAID.findall(scripts)
    said += re.findall(
        r'data-(?:text|label)="(\w+)"', page.joinpath("page.html").read_text("utf-8")
    )
    keys = {"".join(one) for one in said}
    assert len(keys) > 150
    assert keys <= set(english)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_in_both_schemes(
    browser: Browser, service: Beside, scheme: str
) -> None:
    browser.open(service.url, scheme=scheme)
    browser.wait_for("#picks tbody", "138****1234")
    browser.find("[name=called_number]").send_keys("13880001234", Keys.ENTER)
    browser.wait_for("#trial", "Would show")
    is_dark = "return matchMedia('(prefers-color-scheme: dark)').matches"
    assert browser.run(is_dark) == (scheme == "dark")
    browser.run(
        "for (const [index, tile] of [...document.querySelectorAll('.tile')].entries())"
        " tile.className = `tile ${index % 6 ? `share-${index % 6 - 1}` : 'none'}`;"
        "for (const view of document.querySelectorAll('.view')) view.hidden = false"
    )
    for width in (1280, 390):
        browser.size(width, 1600)
        looked, faint = browser.run(CONTRAST)
        assert looked > 200
        assert faint == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nothing_is_cut_off_on_a_narrow_screen(
    browser: Browser, service: Beside, language: str
) -> None:
    browser.open(service.url, language=language)
    browser.size(390, 800)
    browser.wait_for("#picks tbody", "138****1234")
    browser.find('#map [data-key="四川"]').click()
    sideways = (
        "for (const chip of document.querySelectorAll('.chip'))"
        " chip.textContent = 'this callee was called as often as may be';"
        "return [document.documentElement, ...document.querySelectorAll('.scroll')]"
        ".map((node) => node.scrollWidth - node.clientWidth)"
    )

    def fits() -> bool:
        browser.size(390, 800)  # again: the page is laid out anew
        return set(browser.run(sideways)) == {0}

    browser.wait(fits)
    browser.find("#views a[href='#numbers']").click()
    browser.wait(lambda: NUMBERS[0] in browser.shown())
    browser.find("#tick-page").click()
    browser.wait(fits)
    for view in ("callees", "reports"):
        browser.find(f"#views a[href='#{view}']").click()
        browser.wait(browser.find(f"#view-{view}").is_displayed)
        browser.wait(fits)


def test_each_view_is_come_to_from_the_keyboard_and_by_going_back(
    browser: Browser, service: Beside
) -> None:
    browser.open(service.url)
    browser.wait_for("#figures", "20")
    browser.tab_to("#numbers")
    browser.press(Keys.ENTER)
    browser.wait(lambda: NUMBERS[0] in browser.shown())
    assert browser.find("#views [aria-current=page]").text == "Numbers"
    browser.driver.back()
    browser.wait(lambda: browser.find("#map").is_displayed())
    assert not browser.find("#numbers").is_displayed()


def test_every_control_has_a_name_and_is_reached_by_tab(browser: Browser, service: Beside) -> None:
    browser.open(service.url, "numbers")
    browser.wait(lambda: NUMBERS[0] in browser.shown())
    for view in VIEWS:
        browser.run(f"location.hash = '{view}'")
        browser.wait(browser.find(f"#view-{view}").is_displayed)
        unnamed = browser.run(
            f"return {CONTROLS}.filter((node) => node.checkVisibility() && !(node.ariaLabel"
            " || node.textContent.trim() || node.labels?.[0]?.textContent.trim()))"
            ".map((node) => node.outerHTML)"
        )
        assert unnamed == []
        unreached = browser.run(
            f"return {CONTROLS}.filter((n) => n.tabIndex < 0 && !n.closest('#map')).length"
        )
        assert unreached == 0


def test_what_the_service_says_never_becomes_markup(browser: Browser, service: Beside) -> None:
    browser.open(service.url, "numbers")
    browser.wait_for("#numbers tbody", MARKUP)
    assert browser.run("return document.images.length") == 0
    assert browser.driver.title == "callerid console"


def test_no_request_leaves_the_service(browser: Browser, service: Beside) -> None:
    browser.open(service.url)
    browser.wait_for("#picks tbody", "138****1234")
    asked = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert {f"{service.url}/v1/inventory", f"{service.url}/v1/console/picks"} <= set(asked)
    assert [one for one in asked if not one.startswith((f"{service.url}/", "data:"))] == []
    refused = "return fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.message)"
    assert browser.run(refused) == "Failed to fetch"
    complaints = browser.complaints()
    assert complaints
    assert all("Content Security Policy" in one for one in complaints)


def test_a_token_is_asked_for_and_must_have_the_scope_admin(browser: Browser) -> None:
    auth = Auth(required="always", clients=(OPERATOR, DIALER))
    with beside(operated(auth=auth)) as service:
        browser.open(service.url, "numbers")
        browser.wait_for("#sign-in", "A token is needed")
        assert browser.focused() == "token"
        assert browser.text("#numbers tbody") == ""
        for token, told in (("nonsense", "unknown one"), (DIALER.token, "lacks the scope admin")):
            browser.press(str(token), Keys.ENTER)
            browser.wait_for("#sign-in .refused", told)
        browser.press(str(OPERATOR.token), Keys.ENTER)
        browser.wait_for("#numbers tbody", NUMBERS[0])
        assert browser.run("return Object.values(localStorage)") == []
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
    with beside(operated()) as service:
        hurried.open(service.url)
        hurried.wait_for("#figures", "20")
    hurried.wait_for("#problem", "The service cannot be reached")

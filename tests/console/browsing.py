"""Chromium without a window, at the console of a whole service that runs beside the test."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.programs import program
from tests.whole.services import Running

T = TypeVar("T")

PROGRAMS = ("chromium", "chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHIN = 20  # seconds that a busy machine may take to show something


class Browser:
    """A window, and the few ways in which the tests look at it and use it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self._user_agent = self.run("return navigator.userAgent")

    def open(
        self, url: str, view: str = "overview", *, language: str = "en", scheme: str = "light"
    ) -> None:
        """Open a view as a new visitor does who speaks a language and likes a scheme."""
        self.size(1280, 1600)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        spoken = {"userAgent": self._user_agent, "acceptLanguage": language}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.execute_cdp_cmd("Network.setUserAgentOverride", spoken)
        self.driver.get("about:blank")  # to another view alone the browser would only scroll
        self.driver.get(f"{url}/console#{view}")

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """All text in what fits a selector, as it is shown; "" where nothing fits."""
        told = (
            "return [...document.querySelectorAll(arguments[0])].map(n => n.innerText).join('\\n')"
        )
        return str(self.run(told, selector))

    def wait(self, happened: Callable[[], T]) -> T:
        """What `happened` gives once it is true."""
        return WebDriverWait(self.driver, WITHIN, poll_frequency=0.05).until(lambda _: happened())

    def wait_for(self, selector: str, words: str) -> None:
        """Return once these words are in what fits the selector."""
        try:
            self.wait(lambda: words in self.text(selector))
        except TimeoutException:
            raise AssertionError(f"{words!r} is not in {self.text(selector)!r}") from None

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def tab_to(self, key: str) -> None:
        """Press Tab until the focus is there."""
        for _ in range(100):
            if self.focused() == key:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"Tab does not come to {key}")

    def type(self, selector: str, *keys: str) -> None:
        """Put other text into a field, and press keys in it."""
        field = self.find(selector)
        field.clear()
        field.send_keys(*keys)

    def confirm(self) -> None:
        """Press the button of the dialog that asks whether to do something."""
        self.find("#dialog .primary").send_keys(Keys.ENTER)

    def name(self, selector: str) -> str:
        """What a screen reader says of an element."""
        return self.find(selector).accessible_name

    def shown(self) -> list[str]:
        """The numbers in the list of numbers."""
        cells = "[...document.querySelectorAll('#numbers td.number')]"
        return list(self.run(f"return {cells}.map((cell) => cell.firstChild.data)"))

    def focused(self) -> str:
        """The key of the element that has the focus, or its id or name."""
        told = "dataset.key || n.id || n.name || n.hash || n.tagName"
        return str(self.run(f"const n = document.activeElement; return n.{told}"))

    def complaints(self) -> list[str]:
        """What the page itself did wrong, errors and what its policy forbids, since asked last."""
        logged: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # selenium leaves it so
        return [str(one["message"]) for one in logged if one["source"] != "network"]


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own."""
    binary, driver = (program(name) for name in PROGRAMS)
    options = ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = Chrome(options, Driver(driver))
    try:
        yield Browser(window)
    finally:
        window.quit()


class Beside:
    """A service in a thread of its own, with an event loop in which to ask it."""

    def __init__(self, service: Running, loop: asyncio.AbstractEventLoop) -> None:
        self.service = service
        self.url = service.url
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN)


@contextmanager
def beside(context: AbstractAsyncContextManager[Running]) -> Iterator[Beside]:
    """The service of a context, entered and left in a thread of its own."""
    ready: Future[Beside] = Future()
    over = asyncio.Event()

    async def live() -> None:
        try:
            async with context as service:
                ready.set_result(Beside(service, asyncio.get_running_loop()))
                await over.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    async def leave() -> None:
        over.set()

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    try:
        service = ready.result()
        try:
            yield service
        finally:
            service.do(leave())
    finally:
        thread.join(WITHIN)

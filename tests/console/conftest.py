"""One browser for all tests of the console; each opens the page of a service of its own."""

from collections.abc import Iterator

import pytest

from tests.console.browsing import Browser, chromium


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The browser; afterwards it may have complained of nothing."""
    window.complaints()
    yield window
    complaints = window.complaints()
    window.driver.get("about:blank")
    assert not complaints

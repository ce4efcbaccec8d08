"""One browser for all tests of the console, and one service for those of a file.

Each test puts back what it changes. A service that outlived its file would log into other tests.
"""

from collections.abc import Iterator

import pytest

from tests.console.browsing import Beside, Browser, beside, chromium
from tests.console.operated import operated, use_up


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


@pytest.fixture(scope="module")
def service() -> Iterator[Beside]:
    """A service two of whose numbers have been used as often as a day may."""
    with beside(operated()) as service:
        service.do(use_up(service.service))
        yield service

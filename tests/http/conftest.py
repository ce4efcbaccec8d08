"""A service for each test that needs none of its own, and a look at its express lane."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.api.express import Connection
from service.api.lane import Answerer
from tests.http.http_fixtures import Service, serving


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(Service()) as running:
        yield running


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that went by the express lane."""
    bodies: list[bytes] = []
    answer = Connection._answer

    async def noted(connection: Connection, answerer: Answerer, *about: Any) -> None:
        bodies.append(about[-1])
        await answer(connection, answerer, *about)

    monkeypatch.setattr(Connection, "_answer", noted)
    return bodies

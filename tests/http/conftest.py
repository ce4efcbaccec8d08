"""A service for each test that needs none of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.http.http_fixtures import Service, serving


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(Service()) as running:
        yield running

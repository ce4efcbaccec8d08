"""A service for each test that needs none of its own, and a look at its express lane."""

from collections.abc import AsyncIterator

import pytest

from service.api.heads import KnownHead
from service.api.lane import Lane, Work
from tests.http.http_fixtures import Service, serving


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(Service()) as running:
        yield running


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that went by the express lane."""
    bodies: list[bytes] = []
    answer = Lane.answer

    def noted(
        lane: Lane, known: KnownHead, arrived: float, request_id: str, body: bytes
    ) -> Work | None:
        work = answer(lane, known, arrived, request_id, body)
        if work is not None:
            bodies.append(body)
        return work

    monkeypatch.setattr(Lane, "answer", noted)
    return bodies

"""What the tests of the client share: a server that records what it is asked."""

from collections.abc import AsyncIterator

import pytest

from tests.ccc.recording import RecordingServer


@pytest.fixture
async def recorder() -> AsyncIterator[RecordingServer]:
    server = RecordingServer()
    await server.start()
    yield server
    await server.stop()

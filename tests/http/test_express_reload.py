"""What the express lane forgets, and does not learn, when others are let in."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from msgspec.structs import replace

from service import api
from service.api.parts import API, Api
from service.settings import Auth, Server, Settings
from tests.http.http_fixtures import Service, client_with, picked, settings_with

OPEN = settings_with()
GUARDED = settings_with(clients=(client_with("known", "pick"),), required="always")


class Running(NamedTuple):
    """A service whose parts a test can have let in others."""

    service: Service
    parts: Api


@pytest.fixture
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    service = Service(request.param)
    app = service.app()
    runner = api.make_runner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.port = runner.addresses[0][1]
    service.address = f"http://127.0.0.1:{service.port}"
    yield Running(service, app[API])
    await runner.cleanup()


async def in_flight(running: Running, settings: Settings, **headers: Any) -> int:
    """A pick's status, during which the configuration is read again."""
    running.service.picker.gate.clear()
    asked = len(running.service.picker.asked)
    task = asyncio.create_task(picked(running.service, **headers))
    while len(running.service.picker.asked) == asked:
        await asyncio.sleep(0.001)
    running.parts.admit_by(settings)
    running.service.picker.gate.set()
    return (await task).status


@pytest.mark.parametrize("running", [GUARDED], indirect=True)
async def test_a_client_dropped_while_its_pick_is_decided_gets_that_one_and_no_other(
    running: Running,
) -> None:
    dropped = replace(
        GUARDED, auth=Auth(required="always", clients=(client_with("other", "pick"),))
    )
    assert await in_flight(running, dropped, Authorization="Bearer known") == 200
    for _ in range(2):
        assert (await picked(running.service, Authorization="Bearer known")).status == 401


@pytest.mark.parametrize("running", [OPEN], indirect=True)
async def test_a_host_dropped_while_its_pick_is_decided_gets_that_one_and_no_other(
    running: Running,
) -> None:
    fewer = replace(OPEN, server=Server())
    assert await in_flight(running, fewer, Host="x") == 200
    for _ in range(2):
        assert (await picked(running.service, Host="x")).status == 403
    assert (await picked(running.service)).status == 200

"""The whole service in this process, in front of an emulator of CCC, over signed HTTP."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from random import Random
from typing import Any, NamedTuple

import aiohttp
from msgspec.structs import replace

from service.app import Service, listening
from service.emulator import Emulator, phone_number, running, skill_groups
from service.emulator.command import locate_with
from service.locality import Locator
from service.settings import (
    CccSettings,
    InstanceCcc,
    InstanceSettings,
    Redis,
    Secret,
    Selection,
    Server,
    Settings,
)
from tests.waiting import eventually

SALES, SUPPORT = "sales@ccc-test", "support@ccc-test"
KEY, SECRET = "test-key", "test-secret"
CHENGDU_MOBILE = "13880001234"


class Running(NamedTuple):
    """A service, where it listens, and a client to ask it with."""

    service: Service
    url: str
    client: aiohttp.ClientSession

    async def pick(self, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Ask for a caller; what is not said is a mobile in Chengdu and the sales group."""
        question = {"called_number": CHENGDU_MOBILE, "skill_group_ids": [SALES], **fields}
        async with self.client.post(f"{self.url}/v1/pick", json=question) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        async with self.client.get(f"{self.url}{path}") as response:
            return response.status, await response.json(content_type=None)


def chengdu_numbers(count: int) -> list[dict[str, Any]]:
    return [
        phone_number(
            Number=f"0285550{last:04d}",
            Province="四川",
            City="成都",
            SkillGroups=skill_groups(SALES),
            Usage="Outbound",
        )
        for last in range(count)
    ]


def emulator_of(numbers: list[dict[str, Any]]) -> Emulator:
    phone_dat = resources.files("phone").joinpath("phone.dat").read_bytes()
    return Emulator(
        {"ccc-test": numbers},
        {KEY: SECRET},
        locate=locate_with(Locator(phone_dat)),
        clock=time.time,
        randomness=Random(1),
    )


def settings_for(
    endpoint: str, redis_url: str = "", selection: Selection | None = None
) -> Settings:
    # A busy machine must not make a pick degraded that is to be decided in Redis.
    selection = replace(selection or Selection(), pick_timeout_ms=3000)
    key = InstanceCcc(access_key_id=KEY, access_key_secret=Secret(SECRET))
    return replace(
        Settings(),
        server=Server(port=0, drain_seconds=0),
        redis=Redis(url=Secret(redis_url), timeout_ms=1000),
        ccc=CccSettings(endpoint=endpoint, timeout_ms=5000, max_requests_per_second=1000),
        selection=selection,
        instances=(InstanceSettings(id="ccc-test", ccc=key, selection=selection),),
    )


@asynccontextmanager
async def started(settings: Settings, *, ready: bool = True) -> AsyncIterator[Running]:
    """A service; with `ready`, once it has an inventory and reaches its ledger."""
    async with (
        listening(settings) as (service, url),
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client,
    ):
        if ready:
            await eventually(lambda: service.health().is_ready)
        yield Running(service, url, client)


@asynccontextmanager
async def service_over(
    emulator: Emulator, redis_url: str = "", selection: Selection | None = None
) -> AsyncIterator[Running]:
    """A service in front of a running emulator."""
    async with (
        running(emulator) as address,
        started(settings_for(f"http://{address}", redis_url, selection)) as service,
    ):
        yield service

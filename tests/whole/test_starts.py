"""A start reads Redis's cached inventory before it listens, and waits for nothing longer."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from service import app
from service.emulator import Emulator, Faults, running
from service.settings import InstanceSettings, Settings
from tests.conftest import RedisServer
from tests.proxy import Proxy
from tests.waiting import STARTING_SECONDS, eventually
from tests.whole.processes import command
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)
from tests.whole.test_commands import configuration, free_port

INSTANCES = tuple(f"instance-{n}" for n in range(4))
NUMBERS = {row["Number"] for row in chengdu_numbers(5)}


def emulator_for_all() -> Emulator:
    emulator = emulator_of([])
    emulator.numbers = {name: chengdu_numbers(5) for name in INSTANCES}
    return emulator


def settings_for_all(address: str, redis_url: str) -> Settings:
    settings = settings_for(f"http://{address}", redis_url)
    ccc = settings.instances[0].ccc
    return replace(settings, instances=tuple(InstanceSettings(id=n, ccc=ccc) for n in INSTANCES))


@asynccontextmanager
async def cached(redis_url: str) -> AsyncIterator[tuple[Emulator, str]]:
    """Fill Redis's cache for all instances, then take CCC's list away; yield CCC's address."""
    emulator = emulator_for_all()
    async with running(emulator) as address:
        async with started(settings_for_all(address, redis_url)) as service:
            await eventually(lambda: "missing" not in service.service.health().inventory.values())
        emulator.faults = Faults(denied_actions="ListPhoneNumbers")
        yield emulator, address


async def first_answer(port: int) -> dict[str, Any]:
    """Pick over a connection of its own, as soon as there is a port to connect to."""
    question = {"called_number": CHENGDU_MOBILE, "skill_group_ids": [SALES]}
    async with aiohttp.ClientSession() as client, asyncio.timeout(STARTING_SECONDS):
        while True:
            with suppress(aiohttp.ClientConnectorError):
                async with client.post(f"http://127.0.0.1:{port}/v1/pick", json=question) as answer:
                    return dict(await answer.json())
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("delay", [0.0, 0.05])
async def test_the_first_picks_after_a_start_come_from_the_cache(
    own_redis: RedisServer, delay: float
) -> None:
    async with cached(own_redis.url) as (emulator, address), Proxy(own_redis.port) as proxy:
        proxy.delay = delay  # of each reply: a snapshot takes several
        settings = settings_for_all(address, f"redis://127.0.0.1:{proxy.port}")
        async with started(settings, ready=False) as service:
            picks = await asyncio.gather(*(service.pick(instance_id=n) for n in INSTANCES))
    for status, answer in picks:
        assert (status, answer["source"]) in {(200, "redis"), (200, "degraded")}
        assert answer["data"][0]["caller"]["number"] in NUMBERS
    assert emulator.calls["PickOutboundNumbers"] == 0


async def test_until_the_cache_is_read_no_pick_goes_to_ccc(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SETTLE_SECONDS", 0.01)
    async with cached(own_redis.url) as (emulator, address), Proxy(own_redis.port) as proxy:
        proxy.delay = 0.05
        settings = settings_for_all(address, f"redis://127.0.0.1:{proxy.port}")
        async with started(settings, ready=False) as service:
            status, answer = await service.pick(instance_id=INSTANCES[0])
            assert (status, answer["code"]) == (503, "InventoryUnavailable")
            await eventually(lambda: service.service.health().is_ready)
            assert (await service.pick(instance_id=INSTANCES[0]))[0] == 200
    assert emulator.calls["PickOutboundNumbers"] == 0


@pytest.mark.parametrize("how", ["down", "hanging"])
async def test_a_redis_that_does_not_answer_does_not_stop_a_start(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(app, "CACHE_SECONDS", 0.1)
    own_redis.stop_signal() if how == "hanging" else own_redis.kill()
    async with (
        running(emulator_for_all()) as address,
        started(settings_for_all(address, own_redis.url), ready=False) as service,
    ):
        await eventually(lambda: service.service.health().is_ready)
        status, answer = await service.pick(instance_id=INSTANCES[0])
    assert (status, answer["source"]) == (200, "degraded")


async def test_a_start_without_a_copy_does_not_wait_for_ccc(redis_url: str) -> None:
    emulator = emulator_for_all()
    emulator.faults = Faults(hang_seconds=60)
    async with (
        running(emulator) as address,
        started(settings_for_all(address, redis_url), ready=False) as service,
    ):
        assert not service.service.health().is_ready


async def test_every_worker_of_several_reads_the_cache_first(
    redis_url: str, tmp_path: Path
) -> None:
    emulator, port = emulator_of(chengdu_numbers(5)), free_port()
    async with running(emulator) as address:
        async with started(settings_for(f"http://{address}", redis_url)):
            emulator.faults = Faults(denied_actions="ListPhoneNumbers")
        path = configuration(tmp_path, address, redis_url=redis_url)
        words = ("serve", "--config", str(path), "--port", str(port), "--workers", "2")
        async with command(*words) as serve:
            try:
                answers = [await first_answer(port) for _ in range(20)]
            finally:
                serve.send_signal(signal.SIGTERM)  # a killed parent would leave its workers behind
                await serve.wait()
    assert {answer["data"][0]["caller"]["number"] for answer in answers} <= NUMBERS
    assert emulator.calls["PickOutboundNumbers"] == 0

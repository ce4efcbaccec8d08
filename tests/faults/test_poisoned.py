"""Whatever stands in a key of ours, and of whatever type: a busy service comes back by itself."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
import redis
from msgspec.structs import replace

from service.emulator import running
from service.health import store, watch
from service.ledger import failover
from service.settings import (
    CalleeLimits,
    CalleeRuleSettings,
    CallerLimits,
    HealthSettings,
    Selection,
)
from tests.conftest import RedisServer
from tests.whole.services import Running, chengdu_numbers, emulator_of, settings_for, started

PARKED = "02855500005"
SELECTION = Selection(
    fallback="refuse",
    caller=CallerLimits(max_per_day=100_000, max_concurrent=50_000),
    callee=CalleeLimits(
        rules=(CalleeRuleSettings(limit=100_000, window_seconds=3600, kind="sliding"),)
    ),
)
GARBAGE = b"\xc1\xff garbage"
BACK_SECONDS = 60
IDS = re.compile(r"(?<=:)(process|applied|callee|home|pool|call|chunk):.*")

Poison = Callable[[redis.Redis, bytes], None]

serial = count()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(watch, "WRITE_SECONDS", 0.02)
    monkeypatch.setattr(store, "LEAD_MS", 20)
    monkeypatch.setattr(failover, "KEEP_UP_SECONDS", 0.05)


@asynccontextmanager
async def busy(redis_url: str) -> AsyncIterator[Running]:
    """A service that has parked a number, and keeps all that there is to keep."""
    async with running(emulator_of(chengdu_numbers(6))) as address:
        settings = settings_for(f"http://{address}", redis_url, SELECTION)
        async with started(replace(settings, health=HealthSettings(enabled=True))) as service:
            assert await park_anew(service)
            for _ in range(20):
                await call(service)
            yield service


async def park_anew(service: Running) -> bool:
    """Have a number return, and park it; returns whether it is parked."""
    url = f"{service.url}/v1/numbers/{PARKED}/park?instance_id=ccc-test"
    async with service.client.delete(url):
        pass
    async with service.client.put(url, json={"seconds": 9000, "reason": "x"}) as answer:
        return answer.status == 200


async def call(service: Running) -> str:
    """Pick, and tell the outcome; returns the pick's source, "" where one of the two fails."""
    name = f"call-{next(serial)}"
    _, answer = await service.pick(call_id=name)
    report = {"call_id": name, "result": "answered"}
    async with service.client.post(f"{service.url}/v1/outcomes", json=report) as told:
        return str(answer.get("source", "")) if told.status == 202 else ""


def change_type(server: redis.Redis, key: bytes) -> None:
    server.delete(key)
    server.rpush(key, "x")


def change_value(server: redis.Redis, key: bytes) -> None:
    kind = server.type(key)
    if kind == b"hash":
        fields: Any = server.hkeys(key)
        server.hset(key, mapping=dict.fromkeys(fields, GARBAGE))
    elif kind == b"zset":
        server.zadd(key, {GARBAGE: float("-inf")})
    else:
        server.set(key, GARBAGE)


def kinds_of_keys(server: redis.Redis) -> dict[str, bytes]:
    """One key of each kind; a call's or a chunk's may never be asked for again."""
    keys = {IDS.sub(r"\1:", key.decode()): key for key in server.scan_iter()}
    return {kind: key for kind, key in keys.items() if not kind.endswith(("call:", "chunk:"))}


def unreadable(service: Running) -> float:
    registry = service.service.metrics.registry
    return registry.get_sample_value("callerid_ledger_unreadable_total") or 0.0


async def come_back(service: Running) -> None:
    """Wait until a sweep is accepted, and Redis decides without meeting what it cannot read."""
    url = f"{service.url}/v1/inventory/refresh"
    while True:
        async with service.client.post(url) as answer:
            is_swept = answer.status == 200 and await park_anew(service)
        before = unreadable(service)
        sources = {await call(service) for _ in range(8)}
        if is_swept and sources == {"redis"} and unreadable(service) == before:
            return
        await asyncio.sleep(0.02)


async def is_set_right(service: Running, server: redis.Redis, key: bytes, poison: Poison) -> bool:
    """Poison a key; return whether the service, and the type of the key, come back."""
    types = {server.type(key), b"none"}
    poison(server, key)
    try:
        async with asyncio.timeout(BACK_SECONDS):
            await come_back(service)
            while server.type(key) not in types:
                await come_back(service)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("poison", [change_type, change_value])
async def test_a_busy_service_comes_back_from_whatever_stands_in_any_of_its_keys(
    own_redis: RedisServer, poison: Poison
) -> None:
    endless = []
    async with busy(own_redis.url) as service:
        with redis.Redis(port=own_redis.port) as server:
            kinds = kinds_of_keys(server)
            for kind, key in kinds.items():
                if not await is_set_right(service, server, key, poison):
                    endless.append(kind)
                    server.delete(key)
    assert len(kinds) > 12
    assert endless == []

"""A service whose days are full of trouble: everything that the metrics can tell of happens to it.

Two instances: `ccc-test`, with health and CCC's own picks, and `ccc-capped`, whose numbers are soon
used up. A round has some of each trouble, so that one after another makes every counter move.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import pytest
import redis
from msgspec.structs import replace

from service import app
from service.coverage import headroom
from service.emulator import Emulator, phone_number, running, skill_groups
from service.emulator.faults import Faults
from service.errors import SettingsError
from service.health import rules, store, strata, watch
from service.ledger import failover, protocol
from service.metrics import Metrics
from service.settings import (
    Auth,
    CallerLimits,
    Client,
    ExperimentSettings,
    HealthSettings,
    InventorySettings,
    Secret,
    Server,
    Settings,
)
from service.sync import gauges
from service.tasks import measure_lag
from tests.conftest import RedisServer
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

SCRAPER, DIALER = "scraper-token", "dialer-token"
CAPPED = "ccc-capped"
BEIJING_MOBILE, UNKNOWN_PREFIX = "13810001234", "14000001234"
FALLEN = "02855500000"  # nobody answers it
LIMIT = 8  # picks in flight
MOST_CONNECTIONS = 100
WIPED_AT = 3  # the round after which Redis is wiped


class Trouble(NamedTuple):
    """The service, and what there is around it to be broken."""

    service: Running
    emulator: Emulator
    redis: RedisServer
    settings: Settings


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let happen in a moment what takes the service a minute, and a task die every second."""
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(watch, "WRITE_SECONDS", 0.02)
    monkeypatch.setattr(store, "LEAD_MS", 20)
    monkeypatch.setattr(strata, "FEWEST_CALLS", 1)
    monkeypatch.setattr(rules, "HOUR", 250)  # ms
    monkeypatch.setattr(gauges, "AVAILABLE_SECONDS", 0.1)
    monkeypatch.setattr(headroom, "SHOW_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "RETURN_SECONDS", 0.1)
    monkeypatch.setattr(failover, "KEEP_UP_SECONDS", 0.1)

    async def dying(metrics: Metrics) -> None:
        async with asyncio.timeout(1.2):
            await measure_lag(metrics)

    monkeypatch.setattr(app, "measure_lag", dying)


@asynccontextmanager
async def in_trouble(redis: RedisServer) -> AsyncIterator[Trouble]:
    """The service before its first trouble."""
    emulator = emulator_of([*chengdu_numbers(5), *_elsewhere()])
    emulator.numbers[CAPPED] = chengdu_numbers(5)
    emulator._locate = lambda _: ("四川", "成都")
    dialer = {"Authorization": f"Bearer {DIALER}"}
    async with running(emulator) as address:
        settings = _settings(f"http://{address}", redis.url)
        async with (
            started(settings) as service,
            aiohttp.ClientSession(headers=dialer) as client,
        ):
            yield Trouble(service._replace(client=client), emulator, redis, settings)


async def round_of(trouble: Trouble, turn: int) -> None:
    """Some of each trouble; no two rounds ask for the same calls."""
    await _call(trouble.service, f"calls-{turn}")
    await _overload(trouble.service)
    await _use_up(trouble.service)
    await _ask_ccc(trouble, turn)
    await _sweep(trouble, turn)
    await _lose_redis(trouble)
    await _reload(trouble)
    if turn == WIPED_AT:
        await _wipe_redis(trouble)


def _settings(endpoint: str, redis_url: str) -> Settings:
    settings = settings_for(endpoint, redis_url)
    (one,) = settings.instances
    assert one.selection is not None
    selection = replace(
        one.selection,
        fallback="refuse",
        caller=CallerLimits(max_per_hour=2, max_per_day=99, rest_seconds=1),
    )
    clients = (
        Client(name="dialer", token=Secret(DIALER), scopes=("pick", "admin")),
        Client(name="prometheus", token=Secret(SCRAPER), scopes=("metrics",)),
    )
    return replace(
        settings,
        server=Server(
            port=0, drain_seconds=0, max_in_flight=LIMIT, max_connections=MOST_CONNECTIONS
        ),
        auth=Auth(required="always", clients=clients),
        health=HealthSettings(enabled=True),
        experiment=ExperimentSettings(name="spring", holdout=0.1),
        inventory=InventorySettings(max_unreadable=0.5),
        instances=(one, replace(one, id=CAPPED, scope=CAPPED, selection=selection)),
    )


def _elsewhere() -> list[dict[str, Any]]:
    group = skill_groups(SALES)
    beijing, leshan = {"Province": "北京", "City": "北京"}, {"Province": "四川", "City": "乐山"}
    return [
        phone_number(Number="0285550****", SkillGroups=group, Usage="Outbound"),
        phone_number(Number="01055500001", **beijing, SkillGroups=group, Usage="Outbound"),
        phone_number(Number="08335550002", **leshan, SkillGroups=group, Usage="Outbound"),
    ]


async def _call(service: Running, name: str) -> None:
    """Calls with their outcomes, to here and there."""
    for turn in range(90):
        call_id = f"{name}-{turn}"
        called = BEIJING_MOBILE if turn % 9 == 0 else CHENGDU_MOBILE
        status, answer = await _pick(service, called_number=called, call_id=call_id)
        assert status == 200, answer
        answered = answer["data"][0]["caller"]["number"] != FALLEN and turn % 3 != 0
        report = {
            "instance_id": "ccc-test",
            "call_id": call_id,
            "result": "answered" if answered else "no_answer",
        }
        async with service.client.post(f"{service.url}/v1/outcomes", json=report) as response:
            assert response.status == 202


async def _overload(service: Running) -> None:
    await asyncio.gather(*(_pick(service) for _ in range(6 * LIMIT)))
    port = int(service.url.rpartition(":")[2])
    opening = (asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS))
    for _, writer in await asyncio.gather(*opening):
        writer.close()


async def _use_up(service: Running) -> None:
    for _ in range(4):
        await _pick(service, instance_id=CAPPED)


async def _ask_ccc(trouble: Trouble, turn: int) -> None:
    """Ask for a group that no sweep has seen, in peace and throttled; and call an unknown place."""
    service, emulator = trouble.service, trouble.emulator
    group = f"new-{turn}@ccc-test"
    emulator.numbers["ccc-test"][1]["SkillGroups"] = skill_groups(SALES, group)
    await _pick(service, skill_group_ids=[group])
    emulator.faults = Faults(throttle_every=1)
    await _pick(service, skill_group_ids=[group])
    emulator.faults = Faults()
    await _pick(service, called_number=UNKNOWN_PREFIX)


async def _sweep(trouble: Trouble, turn: int) -> None:
    """A sweep that fails, one that misses most numbers, and one that goes well."""
    emulator, rows = trouble.emulator, trouble.emulator.numbers["ccc-test"]
    emulator.faults = Faults(server_error=503) if turn % 3 == 0 else Faults()
    emulator.numbers["ccc-test"] = rows[:2] if turn % 3 == 1 else rows
    url = f"{trouble.service.url}/v1/inventory/refresh?instance_id=ccc-test"
    async with trouble.service.client.post(url) as response:
        assert response.status in {200, 503}
    emulator.faults, emulator.numbers["ccc-test"] = Faults(), rows


async def _lose_redis(trouble: Trouble) -> None:
    """Redis hangs while picks are decided, and takes them in afterwards."""
    trouble.redis.stop_signal()
    try:
        for _ in range(5):
            await _pick(trouble.service)
    finally:
        trouble.redis.continue_signal()
    async with asyncio.timeout(10):
        while (await _pick(trouble.service))[1].get("source") != "redis":
            await asyncio.sleep(0.02)


async def _wipe_redis(trouble: Trouble) -> None:
    """Redis is wiped; afterwards its ledger has seen later times than its clock, and garbage."""
    with redis.Redis.from_url(trouble.redis.url) as server:
        server.flushall()
        async with asyncio.timeout(20):
            while (await _pick(trouble.service))[1].get("source") != "redis":
                await asyncio.sleep(0.02)
        later = 1000 * int(time.time() + 30)
        state = "callerid:2:{ccc-test}:ccc-test:state"
        server.hset(state, mapping={"now": later, "turn": "none"})


async def _reload(trouble: Trouble) -> None:
    def refused() -> Settings:
        raise SettingsError(["server.prot: no such key"])

    await trouble.service.service.reload(lambda: trouble.settings)
    await trouble.service.service.reload(refused)


async def _pick(service: Running, **fields: Any) -> tuple[int, dict[str, Any]]:
    return await service.pick(**{"instance_id": "ccc-test", **fields})

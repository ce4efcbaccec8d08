"""Picks through every real part: signed HTTP to CCC's look-alike, Redis, locality, HTTP."""

import asyncio
import math
from collections import Counter

import pytest

from service.emulator import load_inventory, phone_number, running, skill_groups
from service.emulator.faults import Faults
from service.ledger import failover
from service.settings import CallerLimits, Selection
from service.sync import gauges
from tests.conftest import RedisServer
from tests.waiting import eventually
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    service_over,
    settings_for,
    started,
)

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too


async def test_a_dialer_gets_a_local_number_from_the_shared_ledger(redis_url: str) -> None:
    async with service_over(emulator_of(load_inventory()["ccc-test"]), redis_url) as service:
        status, answer = await service.pick()
    assert status == 200
    assert answer["source"] == "redis"
    pair = answer["data"][0]
    assert pair["caller"]["city"] == "成都"
    assert pair["callee"] == {"number": CHENGDU_MOBILE, "province": "四川", "city": "成都"}
    assert pair["match"] == "city"


async def test_without_redis_the_embedded_ledger_decides() -> None:
    async with service_over(emulator_of(chengdu_numbers(2))) as service:
        answers = [(await service.pick())[1] for _ in range(4)]
    callers = [answer["data"][0]["caller"]["number"] for answer in answers]
    assert {answer["source"] for answer in answers} == {"memory"}
    assert callers == ["02855500000", "02855500001"] * 2


async def test_two_processes_rotate_as_one(redis_url: str) -> None:
    uses: Counter[str] = Counter()
    async with running(emulator_of(chengdu_numbers(50))) as address:
        settings = settings_for(f"http://{address}", redis_url)
        async with started(settings) as one, started(settings) as two:

            async def some(count: int) -> None:
                for turn in range(count):
                    _, answer = await (one, two)[turn % 2].pick()
                    assert answer["source"] == "redis"
                    uses[answer["data"][0]["caller"]["number"]] += 1

            await asyncio.gather(*(some(50) for _ in range(20)))
    assert set(uses.values()) == {20}
    assert len(uses) == 50


async def test_one_replica_sweeps_and_the_other_follows(redis_url: str) -> None:
    emulator = emulator_of(chengdu_numbers(150))
    async with running(emulator) as address:
        settings = settings_for(f"http://{address}", redis_url)
        async with started(settings), started(settings) as two:
            assert emulator.calls["ListPhoneNumbers"] == 2
            emulator.numbers["ccc-test"].append(
                phone_number(Number="02855509999", SkillGroups=skill_groups("new@ccc-test"))
            )
            async with two.client.post(f"{two.url}/v1/inventory/refresh") as response:
                assert response.status == 200
            status, answer = await two.pick(skill_group_ids=["new@ccc-test"])
    assert status == 200
    assert answer["data"][0]["caller"]["number"] == "02855509999"


async def test_a_restart_with_ccc_down_serves_from_the_cache(redis_url: str) -> None:
    emulator = emulator_of(chengdu_numbers(20))
    async with running(emulator) as address:
        settings = settings_for(f"http://{address}", redis_url)
        async with started(settings) as service:
            await service.pick()
        emulator.faults = Faults(server_error=503)
        async with started(settings) as service:
            status, answer = await service.pick()
            _, ready = await service.get("/readyz")
    assert (status, answer["source"]) == (200, "redis")
    assert ready["ready"]


async def test_picks_go_on_while_redis_is_gone_and_come_back_to_it(own_redis: RedisServer) -> None:
    async with service_over(emulator_of(chengdu_numbers(5)), own_redis.url) as service:
        assert (await service.pick())[1]["source"] == "redis"
        own_redis.kill()
        answers = [await service.pick() for _ in range(10)]
        assert {status for status, _ in answers} == {200}
        assert {answer["source"] for _, answer in answers} == {"degraded"}
        status, ready = await service.get("/readyz")
        assert (status, ready["components"]["redis"]) == (200, "down")
        own_redis.restart()
        await eventually_from(service, "redis")


async def test_a_hung_redis_costs_no_pick(own_redis: RedisServer) -> None:
    async with service_over(emulator_of(chengdu_numbers(5)), own_redis.url) as service:
        assert (await service.pick())[1]["source"] == "redis"
        own_redis.stop_signal()
        try:
            async with asyncio.timeout(5):
                answers = await asyncio.gather(*(service.pick() for _ in range(50)))
        finally:
            own_redis.continue_signal()
        assert {status for status, _ in answers} == {200}
        assert {answer["source"] for _, answer in answers} == {"degraded"}
        await eventually_from(service, "redis")


async def test_a_wiped_redis_is_filled_again_even_with_ccc_down(own_redis: RedisServer) -> None:
    emulator = emulator_of(chengdu_numbers(5))
    async with service_over(emulator, own_redis.url) as service:
        assert (await service.pick())[1]["source"] == "redis"
        emulator.faults = Faults(server_error=503)
        own_redis.restart()
        await eventually_from(service, "redis")
        _, listed = await service.get("/v1/inventory")
    assert listed["data"][0]["numbers"] == 5


async def eventually_from(service: Running, source: str) -> None:
    """Wait until a pick is decided there again."""
    async with asyncio.timeout(10):
        while (await service.pick())[1]["source"] != source:
            await asyncio.sleep(0.02)


async def test_ccc_itself_picks_for_a_group_that_the_inventory_lacks() -> None:
    emulator = emulator_of(chengdu_numbers(3))
    async with service_over(emulator) as service:
        emulator.numbers["ccc-test"][0]["SkillGroups"] = skill_groups("new@ccc-test")
        status, answer = await service.pick(skill_group_ids=["new@ccc-test"])
    assert (status, answer["source"]) == (200, "ccc")
    assert answer["data"][0]["caller"]["number"] == "02855500000"


async def test_a_prefix_that_the_table_lacks_is_learned_for_the_next_pick() -> None:
    emulator = emulator_of(chengdu_numbers(3))
    emulator._locate = lambda _: ("四川", "成都")
    async with service_over(emulator) as service:
        _, first = await service.pick(called_number="14000001234")

        async def match() -> str:
            _, answer = await service.pick(called_number="14000005678")
            return str(answer["data"][0]["match"])

        async with asyncio.timeout(5):
            while await match() != "city":
                await asyncio.sleep(0.01)
    assert first["data"][0]["match"] == "any"


async def test_the_metrics_tell_what_was_picked() -> None:
    async with service_over(emulator_of(chengdu_numbers(3))) as service:
        await service.pick()
        await service.pick(skill_group_ids=[SALES], exclude=["02855500001"], count=3)
        async with service.client.get(f"{service.url}/metrics") as response:
            told = await response.text()
    assert 'callerid_picks_total{instance="ccc-test",match="city",source="memory"} 2.0' in told
    assert 'callerid_inventory_numbers{available="true",instance="ccc-test"' in told
    assert CHENGDU_MOBILE not in told


@pytest.mark.parametrize("is_shared", [True, False], ids=["redis", "memory"])
async def test_the_metrics_tell_what_may_be_picked_now(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, *, is_shared: bool
) -> None:
    monkeypatch.setattr(gauges, "AVAILABLE_SECONDS", 0.02)
    monkeypatch.setattr(failover, "KEEP_UP_SECONDS", 0.02)
    emulator = emulator_of(chengdu_numbers(3))
    emulator.numbers["ccc-test"].append(phone_number(Number="01055500001", Province="北京"))
    once_an_hour = Selection(caller=CallerLimits(max_per_hour=1))
    url = redis_url if is_shared else ""
    async with service_over(emulator, url, once_an_hour) as service:
        shown = service.service.metrics.registry.get_sample_value

        def available(province: str) -> float | None:
            labels = {"instance": "ccc-test", "province": province}
            return shown("callerid_numbers_available", labels)

        await eventually(lambda: available("四川") == 3)
        await service.pick(count=2)
        await eventually(lambda: available("四川") == 1)
        assert available("北京") is None  # a number without a skill group is no candidate
        for row in emulator.numbers["ccc-test"]:
            row["Active"] = False
        async with service.client.post(f"{service.url}/v1/inventory/refresh?accept_shrink=true"):
            await eventually(lambda: available("四川") == 0)
        up = shown("callerid_redis_up")
    assert up is not None
    assert up == 1 if is_shared else math.isnan(up)


async def test_an_instance_without_an_inventory_is_unready_and_says_so() -> None:
    emulator = emulator_of(chengdu_numbers(3))
    emulator.faults = Faults(server_error=503)
    async with (
        running(emulator) as address,
        started(settings_for(f"http://{address}"), ready=False) as service,
    ):
        status, problem = await service.pick()
        ready, _ = await service.get("/readyz")
        emulator.faults = Faults()
        await eventually(lambda: service.service.health().is_ready)
    assert (status, problem["code"]) == (503, "InventoryUnavailable")
    assert ready == 503

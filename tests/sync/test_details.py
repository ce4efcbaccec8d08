"""What CCC tells once of a number: put down first, taken by a sweep, carried by the snapshot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from service import settings
from service.ccc.client import CccClient
from service.emulator import Emulator, Faults
from service.inventory import Details, Inventory, PhoneNumber
from service.locality import Locator
from service.metrics import Metrics
from service.redis_.client import open_client
from service.sync import DetailedSweep, InventoryKeeper, OwnInbox, SharedInbox, share
from service.sync.acceptance import Sweep
from service.sync.details import detailed
from service.sync.sweeping import Sweeper
from tests.conftest import RedisServer
from tests.sync.building import BASE, INSTANCE, NOW, set_numbers

ONE, OTHER = "01050000001", "01050000002"
TOLD = Details(30, test_only=True, remaining_time=60, allow_outbound=False)


class Member:
    """A replica whose sweeps have details."""

    def __init__(self, ccc: CccClient, locator: Locator, redis: Redis | None) -> None:
        self.inbox = SharedInbox(redis, BASE) if redis else OwnInbox()
        self.sweep = DetailedSweep(
            Sweeper(ccc, INSTANCE, locator),
            self.inbox,
            lambda: self.keeper.inventory,
        )
        self.keeper = InventoryKeeper(
            INSTANCE,
            self.sweep,
            share(redis, BASE) if redis else None,
            settings.InventorySettings(),
            clock=lambda: NOW,
            new_id=lambda: "an epoch",
            metrics=Metrics(),
        )

    @property
    def known(self) -> dict[str, Details]:
        numbers = self.keeper.inventory.numbers if self.keeper.inventory else {}
        return {name: one.details for name, one in numbers.items() if one.details is not None}


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "alone"])
async def test_details_survive_sweeps_until_the_number_leaves(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any, *, shared: bool
) -> None:
    member = Member(ccc, locator, redis if shared else None)
    await member.keeper.refresh()
    await member.sweep.put({ONE: TOLD, "01059999999": TOLD})
    for _ in range(3):
        await member.keeper.refresh()
        assert member.known == {ONE: TOLD}
    assert dict(await member.inbox.read()) == {"01059999999": TOLD}
    generation = member.keeper.inventory.generation if member.keeper.inventory else 0
    await member.sweep.put({ONE: TOLD})
    assert (await member.keeper.refresh()).result == "unchanged"
    assert member.keeper.inventory
    assert member.keeper.inventory.generation == generation
    set_numbers(emulator, 298, start=2)
    results = [(await member.keeper.refresh()).result for _ in range(2)]
    set_numbers(emulator, 300)
    results.append((await member.keeper.refresh()).result)
    assert results == ["unchanged", "accepted", "accepted"]
    assert ONE in member.keeper.inventory.numbers
    assert member.known == {}


async def test_every_replica_and_the_next_start_have_the_details(
    ccc: CccClient, locator: Locator, redis: Any, emulator: Emulator
) -> None:
    one, other = Member(ccc, locator, redis), Member(ccc, locator, redis)
    await one.sweep.put({ONE: TOLD})
    await other.keeper.refresh()
    assert other.known == {ONE: TOLD}
    await one.keeper.refresh()
    assert one.known == {ONE: TOLD}
    emulator.faults = Faults(server_error=503)
    started = Member(ccc, locator, redis)
    await started.keeper.refresh()
    assert started.known == {ONE: TOLD}


async def test_news_of_a_number_replace_what_was_known(
    ccc: CccClient, locator: Locator, redis: Any
) -> None:
    member = Member(ccc, locator, redis)
    for told in (TOLD, Details(3)):
        await member.sweep.put({ONE: told, OTHER: TOLD})
        await member.keeper.refresh()
    assert member.known == {ONE: Details(3), OTHER: TOLD}


async def test_what_waits_goes_by_itself(redis: Any) -> None:
    await SharedInbox(redis, BASE).put({f"0105{at:07d}": TOLD for at in range(250)})
    key = f"{BASE}inventory:inbox"
    assert await redis.hlen(key) == 250
    assert 0 < await redis.ttl(key) <= 7 * 86_400


async def test_while_redis_is_gone_the_details_wait_here(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(own_redis.url) as client:
        inbox = SharedInbox(client, BASE)
        own_redis.kill()
        await inbox.put({ONE: TOLD})
        assert dict(await inbox.read()) == {ONE: TOLD}
        await inbox.remove([ONE])
        assert "unreachable" in caplog.text
        assert ONE not in caplog.text
        own_redis.restart()
        assert dict(await inbox.read()) == {ONE: TOLD}
        assert dict(await SharedInbox(client, BASE).read()) == {ONE: TOLD}


async def test_what_a_release_that_is_not_adjacent_wrote_is_left_out(redis: Any) -> None:
    inbox = SharedInbox(redis, BASE)
    await inbox.put({ONE: TOLD})
    await redis.hset(f"{BASE}inventory:inbox", OTHER, b"\xc1")
    assert dict(await inbox.read()) == {ONE: TOLD}


def test_a_sweep_without_news_is_left_as_it_is() -> None:
    sweep = Sweep({ONE: PhoneNumber(ONE)}, complete=True, total=1)
    known = Inventory(INSTANCE, 1, [PhoneNumber(ONE), PhoneNumber(OTHER, details=TOLD)]).numbers
    assert detailed(sweep, known, {}) == sweep
    assert detailed(sweep, known, {OTHER: TOLD}) == sweep


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Redis]:
    async with open_client(url, timeout=1.0) as client:
        yield client

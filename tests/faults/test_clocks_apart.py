"""A failover between servers whose clocks are an hour apart, either way, with real servers."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from service.ledger import CalleeRule, Limits, Rules
from tests.conftest import RedisServer
from tests.faults.harness.servers import clocked_binary
from tests.ledgers import (
    counted,
    inventory_of,
    now_ms,
    pick,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.programs import program
from tests.proxy import Proxy
from tests.redis.topologies import caught_up
from tests.waiting import eventually

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
INVENTORY = inventory_of(3)
RULES = Rules(
    limits={"": Limits(rest=50)},
    callee=(CalleeRule(1, 2 * HOUR, by_calendar=False),),
    idempotency=2 * HOUR,
    offsets=((0, DAY // 2 - now_ms() % DAY),),  # it is noon: no hour leads to another day
)


@contextmanager
def master_and_replica(folder: Path, ahead: int) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Start both, the clock of the replica ahead by so many ms."""
    for name in ("master", "replica"):
        folder.joinpath(name).mkdir()
    binary = clocked_binary(folder, ahead)
    with ExitStack() as stack:
        master = RedisServer(folder / "master", "--repl-diskless-sync-delay", "0")
        stack.callback(master.kill)
        replica = RedisServer(folder / "replica", binary=binary)
        stack.callback(replica.kill)
        with redis.Redis(port=replica.port) as following:
            following.replicaof("127.0.0.1", str(master.port))
        yield master, replica


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
async def test_a_server_whose_clock_is_an_hour_off_goes_on_from_what_was_decided(
    tmp_path: Path, ahead: int
) -> None:
    program("gcc")
    shown: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        master, replica = stack.enter_context(master_and_replica(tmp_path, ahead))
        proxy = await stack.enter_async_context(Proxy(master.port))
        url = f"redis://127.0.0.1:{proxy.port}"
        await write_members(url, INVENTORY)
        side = await stack.enter_async_context(shared_ledger(url, INVENTORY))
        side.ledger.rule(RULES)
        before = await side.ledger.pick(pick("call", callee="a"))
        shown.update(number for number, _ in before.picked.uses)
        await eventually(lambda: caught_up(master, replica))
        master.kill()
        with redis.Redis(port=replica.port) as promoted:
            promoted.replicaof("NO", "ONE")
        proxy.target = replica.port
        proxy.reset()
        await picks_until(side, "redis", shown)

        again = await side.ledger.pick(pick("call", callee="a"))
        assert again.picked.uses == before.picked.uses
        assert (await side.ledger.pick(pick("other", callee="a"))).picked.refusal == "budget"
        before_rest = shown.total()
        async with asyncio.timeout(10):
            while shown.total() < before_rest + 6:  # each of the three rests, and returns twice
                await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown
        assert (side.ledger.clock_behind > HOUR - MINUTE) is (ahead < 0)

"""Redis beyond one server: failovers under Sentinel, and a cluster whose slots and nodes go."""

import asyncio
from functools import partial

import redis
from redis.crc import key_slot

from tests.faults.harness.figures import Allowed
from tests.faults.harness.row import SET_BACK, row
from tests.faults.harness.servers import INSTANCE, cluster, sentinels
from tests.faults.harness.stage import HOUR, ONCE, Setup, Stage
from tests.redis.topologies import Moving

BEHIND, AHEAD = (partial(sentinels, ahead_ms=by) for by in (-HOUR, HOUR))


async def _promotion(stage: Stage) -> None:
    async with asyncio.timeout(15):
        while (await stage.ask("ROLE", of=stage.others[0]))[0] != b"master":
            await asyncio.sleep(0.05)


@row(8, "a master dies under Sentinel", setup=Setup(sentinels))
async def failed_over(stage: Stage) -> None:
    await asyncio.to_thread(stage.redis.kill)
    await _promotion(stage)


@row(43, "a failover to a clock an hour behind", setup=Setup(BEHIND), says=SET_BACK)
async def failed_over_behind(stage: Stage) -> None:
    await failed_over.fault(stage)


# An hour is longer than calls and callees are remembered: none is asked for twice.
@row(43, "a failover to a clock an hour ahead", setup=Setup(AHEAD, again=0, callees=ONCE))
async def failed_over_ahead(stage: Stage) -> None:
    await failed_over.fault(stage)


@row(
    9,
    "a master hangs through its failover",
    setup=Setup(sentinels),
    allowed=Allowed(masters=2),
)
async def outlived(stage: Stage) -> None:
    stage.redis.stop_signal()
    await _promotion(stage)
    await asyncio.sleep(0.5)
    stage.redis.continue_signal()


@row(19, "a slot moves in a cluster", setup=Setup(cluster))
async def moved(stage: Stage) -> None:
    moving = Moving(key_slot(INSTANCE.encode()), stage.redis, stage.others[0])
    await asyncio.to_thread(moving.begin)
    await asyncio.to_thread(moving.move, 2)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(moving.move)
    await asyncio.to_thread(moving.end)
    moving.close()


@row(19, "a cluster loses a node", setup=Setup(cluster))
async def node_lost(stage: Stage) -> None:
    await asyncio.to_thread(stage.redis.kill)
    async with asyncio.timeout(15):
        while not await asyncio.to_thread(_has_master, stage):
            await asyncio.sleep(0.05)


def _has_master(stage: Stage) -> bool:
    """Whether the nodes that are left know another master of the slot."""
    slot = key_slot(INSTANCE.encode())
    with redis.Redis(port=stage.others[0].port) as node:
        for line in node.execute_command("CLUSTER SLOTS"):
            if line[0] <= slot <= line[1]:
                return bool(line[2][1] != stage.redis.port)
    return False


ROWS = (failed_over, failed_over_behind, failed_over_ahead, outlived, moved, node_lost)

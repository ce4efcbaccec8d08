"""Redis itself: killed, stopped, full, blocked, and whatever else it says no with."""

import asyncio
from contextlib import suppress

from redis.exceptions import ResponseError

from tests.faults.harness.figures import Allowed
from tests.faults.harness.row import FAULT_SECONDS, row
from tests.faults.harness.stage import Setup, Stage

KEEPING_UP_SECONDS = 10.5  # each process says once in 10 s that it is there


async def kill_for_a_while(stage: Stage, seconds: float = FAULT_SECONDS) -> None:
    """Kill Redis and have it come back with all that it had."""
    await asyncio.to_thread(stage.redis.kill)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(stage.redis.restart)


async def configure_for_a_while(
    stage: Stage, name: str, value: object, normal: object, seconds: float = FAULT_SECONDS
) -> None:
    """Have Redis run under another setting."""
    await stage.ask("CONFIG", "SET", name, value)
    await asyncio.sleep(seconds)
    await stage.ask("CONFIG", "SET", name, normal)


async def block(stage: Stage, seconds: float) -> None:
    """Have a script run on and on, until it is killed."""
    await stage.ask("CONFIG", "SET", "lua-time-limit", 100)
    endless = asyncio.create_task(stage.ask("EVAL", "while true do end", 0))
    await asyncio.sleep(seconds)
    await stage.ask("SCRIPT", "KILL")
    with suppress(ResponseError):
        await endless


@row(1, "Redis is killed")
async def killed(stage: Stage) -> None:
    await kill_for_a_while(stage)


@row(2, "Redis hangs")
async def hung(stage: Stage) -> None:
    stage.redis.stop_signal()
    await asyncio.sleep(FAULT_SECONDS)
    stage.redis.continue_signal()


@row(10, "Redis becomes a replica")
async def demoted(stage: Stage) -> None:
    await stage.ask("REPLICAOF", "127.0.0.1", 1)
    await asyncio.sleep(FAULT_SECONDS)
    await stage.ask("REPLICAOF", "NO", "ONE")


@row(11, "Redis loads its data")
async def loading(stage: Stage) -> None:
    await stage.ask("BGREWRITEAOF")
    while (await stage.ask("INFO", "persistence"))["aof_rewrite_in_progress"]:
        await asyncio.sleep(0.05)
    slowly = ("--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")
    await asyncio.to_thread(stage.redis.restart, *slowly)


@row(12, "Redis is out of memory")
async def full(stage: Stage) -> None:
    await configure_for_a_while(stage, "maxmemory", 1, 0)


@row(13, "Redis cannot save to disk")
async def unsaved(stage: Stage) -> None:
    in_the_way = stage.redis.socket.parent / "dump.rdb"
    in_the_way.mkdir()
    await stage.ask("CONFIG", "SET", "save", "3600 1000000")
    await stage.ask("BGSAVE")
    await asyncio.sleep(FAULT_SECONDS)
    in_the_way.rmdir()
    await stage.ask("BGSAVE")


@row(14, "Redis crashes over and over")
async def crashing(stage: Stage) -> None:
    for _ in range(4):
        await kill_for_a_while(stage, 0.2)
        await asyncio.sleep(0.4)


@row(16, "scripts are flushed", redis="serves")
async def scripts_flushed(stage: Stage) -> None:
    for _ in range(5):
        await stage.ask("SCRIPT", "FLUSH")
        await asyncio.sleep(FAULT_SECONDS / 5)


@row(17, "a script blocks Redis")
async def blocked(stage: Stage) -> None:
    await block(stage, FAULT_SECONDS)


@row(18, "Redis refuses connections")
async def refusing(stage: Stage) -> None:
    async with stage.client() as last:
        await last.config_set("maxclients", 1)
        await last.execute_command("CLIENT", "KILL", "TYPE", "normal")
        await asyncio.sleep(FAULT_SECONDS)
        await last.config_set("maxclients", 10_000)


@row(38, "Redis lacks replicas to write to")
async def without_replicas(stage: Stage) -> None:
    await configure_for_a_while(stage, "min-replicas-to-write", 1, 0, KEEPING_UP_SECONDS)


@row(38, "a script blocks Redis for long")
async def blocked_for_long(stage: Stage) -> None:
    await block(stage, KEEPING_UP_SECONDS)


@row(39, "calls are repeated while Redis is away", setup=Setup(again=0.6))
async def repeated(stage: Stage) -> None:
    await kill_for_a_while(stage, 2)


@row(40, "callees and calls of before come back", setup=Setup(again=0.5, callees=500))
async def called_again(stage: Stage) -> None:
    await kill_for_a_while(stage, 2)


@row(
    41,
    "a cap is reached without Redis",
    setup=Setup(numbers=6, cap=100),
    allowed=Allowed(refusals=True, over_cap=5),
)
async def capped(stage: Stage) -> None:
    stage.clients.set_rate(300)
    await kill_for_a_while(stage, 2.5)


@row(46, "Redis refuses writes, not reads", redis="away")
async def read_only(stage: Stage) -> None:
    for _ in range(3):
        await configure_for_a_while(stage, "maxmemory", 1, 1)
    await stage.ask("CONFIG", "SET", "maxmemory", 0)


ROWS = (
    *(killed, hung, demoted, loading, full, unsaved, crashing, scripts_flushed, blocked, refusing),
    *(without_replicas, blocked_for_long, repeated, called_again, capped, read_only),
)

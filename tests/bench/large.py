"""What grows with the inventory: throughput, memory, the start, the swap of a snapshot."""

import asyncio
import time
import tracemalloc
from statistics import median
from struct import Struct
from threading import Timer
from urllib.request import urlopen

import orjson

from service.building import now_ms
from service.inventory import Inventory, Moves, Step
from service.ledger import LocalLedger, Pick
from service.redis_.client import open_client
from tests.bench.alternating import Side, cpu, measure, middle, p99, per_second, ratio
from tests.bench.load import Load, run
from tests.bench.stage import ALL_RULES, Server, Stage
from tests.bench.table import Row
from tests.bench.warm import GROUPS, INSTANCE, numbers_of, prepare
from tests.conftest import RedisServer

MILLION = 1_000_000
POOL = 500_000
PARKED, OF = 9_900, 10_000
USED = Struct("<12sdddddIIHdd")  # a record in Redis, with a lease
SWAPPED = 100_000
SECONDS_WITH_A_SWAP = 12.0
SECONDS_BEFORE_A_SWAP = 1.0


def pool_rows(rounds: int, seconds: float) -> list[Row]:
    """A million numbers beside a hundred, under all rules, and what they weigh."""
    load = Load(GROUPS[:1], seconds=seconds)
    halves = numbers_of(POOL) + numbers_of(MILLION - POOL, GROUPS[1:2], start=POOL)
    with Stage() as stage:
        few, many = stage.redis(numbers_of(100)), stage.redis(halves)
        used = _used_memory(many) - _used_memory(few)
        sides = {
            "few": Side(stage.service(few.url, ALL_RULES), load),
            "many": Side(stage.service(many.url, ALL_RULES), load),
        }
        resident = sides["many"].server.resident_bytes - sides["few"].server.resident_bytes
        found = measure(sides, rounds)
    return [
        Row(
            "picks/s with 1,000,000 numbers, of those with 100",
            ratio(found, "many", "few", per_second),
            at_least=0.9,
            beyond=1.0,
            detail=f"{middle(found, 'many', cpu):.0f} µs CPU, {middle(found, 'few', cpu):.0f} µs",
        ),
        Row(
            "memory of a process for each of 1,000,000 numbers",
            resident / MILLION,
            "B",
            at_most=400,
            beyond=200,
        ),
        Row(
            "memory of Redis for each of them, with the cache",
            used / MILLION,
            "B",
            at_most=600,
            beyond=350,
        ),
    ]


def used_rows() -> list[Row]:
    """What a process keeps of each number that Redis counts, to decide well without it."""
    inventory, now = Inventory(INSTANCE, 1, numbers_of(SWAPPED)), now_ms()
    ledger = LocalLedger(now_ms, source="degraded")
    ledger.replace(inventory, Moves([], []))
    tracemalloc.start()
    for at, number in enumerate(inventory.numbers):
        counts = float(at + 1), float(now + at), 0.0, float(now), float(now), 1, 2
        record = USED.pack(b"home", *counts, 1, float(at + 1), float(now + at))
        ledger.members.adopt({number: record}, {})
        ledger.members.learn([number.encode(), USED.pack(*USED.unpack(record))])
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return [
        Row(
            "memory of a process for each number used, beyond an unused one's",
            taken / SWAPPED,
            "B",
            at_most=250,
            beyond=200,
        )
    ]


def parked_rows(rounds: int, seconds: float) -> list[Row]:
    """A pool of which next to nothing is free, beside one that is free."""
    load = Load(GROUPS[:1], seconds=seconds)
    with Stage() as stage:
        free = stage.redis(numbers_of(OF))
        parked = stage.redis(numbers_of(OF), PARKED)
        sides = {
            "free": Side(stage.service(free.url), load),
            "parked": Side(stage.service(parked.url), load),
        }
        found = measure(sides, rounds)
    return [
        Row(
            "picks/s with 9,900 of 10,000 parked, of none parked",
            ratio(found, "parked", "free", per_second),
            at_least=0.95,
            beyond=1.0,
        )
    ]


def first_pick_rows(rounds: int) -> list[Row]:
    """The first pick without Redis: in a pool of 500,000, beyond that in one of 100."""
    few, many = (Inventory(INSTANCE, 1, numbers_of(count)) for count in (100, POOL))
    beyond = [_first_pick_ms(many) - _first_pick_ms(few) for _ in range(rounds)]
    return [
        Row(
            "first pick without Redis, of 500,000, beyond that of 100",
            median(beyond),
            "ms",
            at_most=5,
            beyond=0.1,
        )
    ]


def start_rows(rounds: int) -> list[Row]:
    """From the start of the process to its first answered pick, over a warm cache."""
    with Stage() as stage:
        redis = stage.redis(numbers_of(SWAPPED))
        stage.seconds_to_first_pick(redis.url, GROUPS[0])  # compiles what has changed
        times = [stage.seconds_to_first_pick(redis.url, GROUPS[0]) for _ in range(rounds)]
    return [
        Row(
            "start to first pick from the cache, 100,000 numbers",
            median(times),
            "s",
            at_most=1.5,
            beyond=0.5,
        )
    ]


def swap_rows(rounds: int) -> list[Row]:
    """A new snapshot of 100,000 numbers under load: what it does to the slowest hundredth."""
    load = Load(GROUPS[:1], seconds=SECONDS_WITH_A_SWAP)
    numbers = numbers_of(SWAPPED + rounds)
    ratios = []
    with Stage() as stage:
        redis = stage.redis(numbers[:SWAPPED])
        server = stage.service(redis.url)
        run(server.port, load)
        for number in range(rounds):
            calm = run(server.port, load).p99_ms
            ratios.append(_swapping(server, redis, load, SWAPPED + number + 1) / calm)
    return [
        Row(
            "p99 while a snapshot of 100,000 is swapped in, of that without",
            median(ratios),
            at_most=1.5,
            beyond=1.05,
        )
    ]


def worker_rows(rounds: int, seconds: float) -> list[Row]:
    """Two workers beside one, which share the two cores with the load and with Redis."""
    load = Load(GROUPS[:1], seconds=seconds)
    with Stage() as stage:
        urls = [stage.redis(numbers_of(1000)).url for _ in range(2)]
        sides = {
            "one": Side(stage.service(urls[0]), load),
            "two": Side(stage.service(urls[1], workers=2), load),
        }
        found = measure(sides, rounds)
    return [
        Row("picks/s of 2 workers, of 1", ratio(found, "two", "one", per_second)),
        Row("p99 of 2 workers, of 1", ratio(found, "two", "one", p99)),
    ]


def _swapping(server: Server, redis: RedisServer, load: Load, count: int) -> float:
    """The 99th of a hundred in a run in whose midst one number more is published."""
    before = _generation(server)
    # What is measured is the swap, and not the making of what is swapped in.
    publish = asyncio.run(prepare(redis.url, numbers_of(count)))
    timer = Timer(SECONDS_BEFORE_A_SWAP, lambda: asyncio.run(publish()))
    timer.start()
    figures = run(server.port, load)
    timer.join()
    if _generation(server) == before:
        raise RuntimeError("The snapshot was not swapped while we measured")
    return figures.p99_ms


def _first_pick_ms(inventory: Inventory) -> float:
    ledger = LocalLedger(now_ms, source="degraded", start=0.5)
    ledger.replace(inventory, Moves([], []))
    asked = Pick(dry_run=False, steps=(Step("any", (f"{GROUPS[0]}|any|*",)),))
    start = time.perf_counter()
    assert ledger.decide(asked).picked.uses
    return 1000 * (time.perf_counter() - start)


def _generation(server: Server) -> int:
    with urlopen(f"http://127.0.0.1:{server.port}/v1/inventory") as response:
        generation: int = orjson.loads(response.read())["data"][0]["generation"]
        return generation


def _used_memory(redis: RedisServer) -> int:
    async def ask() -> int:
        async with open_client(redis.url, timeout=5.0) as client:
            memory: int = (await client.info("memory"))["used_memory"]
            return memory

    return asyncio.run(ask())

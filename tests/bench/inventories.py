"""Large inventories and many instances: calls, time, memory, and how long the event loop stands.

    python -m tests.bench.inventories [--rate 20] [--large 60000] [--instances 200]

The emulator is a process of its own, Redis another; the service runs here, where it is watched.
Calls are held against the least possible (a page holds 100 numbers), the time against what the
configured rate allows for these calls.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import uvloop
from msgspec.structs import replace
from redis.asyncio import Redis as Client

from service import garbage
from service.app import Service, listening
from service.emulator import Emulator, phone_number, running, skill_groups
from service.settings import (
    CccSettings,
    InstanceCcc,
    InstanceSettings,
    InventorySettings,
    Redis,
    Secret,
    Server,
    Settings,
)
from tests.conftest import RedisServer

KEY, SECRET = "bench-key", "bench-secret"
A_PAGE = 100
SETTLE_SECONDS = 12.0  # until the heartbeats, begun at once, have fallen apart
IDLE_SECONDS = 20.0
TICK = 0.002
AREA_CODES = ("021", "0755", "0571", "0512", "0311", "0371", "0731", "0851", "0931", "0991")


def uneven_rows(count: int) -> list[dict[str, Any]]:
    """Two thirds under 010 in blocks of 1,000, the rest scattered over ten other codes."""
    randomness = Random(1)
    blocks = randomness.sample(range(20_000, 90_000), count * 2 // 3 // 1000)
    numbers = [f"010{block:05}{last:03}" for block in blocks for last in range(1000)]
    taken = set(numbers)
    while len(taken) < count:
        code = randomness.choice(AREA_CODES)
        width = 11 - len(code)
        taken.add(f"{code}{randomness.randrange(2 * 10 ** (width - 1), 9 * 10 ** (width - 1))}")
    usages = ("Outbound", "Bidirection", "Bidirection", "Inbound")
    return [
        phone_number(
            Number=number,
            Usage=randomness.choice(usages),
            Active=randomness.random() < 0.95,
            SkillGroups=skill_groups("sales@ccc"),
        )
        for number in randomness.sample(sorted(taken), len(taken))
    ]


def some_rows(count: int) -> list[dict[str, Any]]:
    group = skill_groups("sales@ccc")
    return [phone_number(Number=f"0105{n:07}", SkillGroups=group) for n in range(count)]


# The emulator's process


async def emulate(large: int, instances: int, each: int) -> None:
    """Serve until ended; a line on stdin is changes a second in the large instance, 0 for none."""
    numbers = {f"ccc-{n}": some_rows(each) for n in range(instances)}
    rows = numbers["ccc-large"] = uneven_rows(large)
    emulator = Emulator(
        numbers, {KEY: SECRET}, locate=lambda _: ("", ""), clock=time.time, randomness=Random(3)
    )
    changes = 0.0

    async def listen() -> None:
        nonlocal changes
        while line := await asyncio.to_thread(sys.stdin.readline):
            changes = float(line)

    async def change() -> None:
        randomness, fresh = Random(4), 0
        while True:
            await asyncio.sleep(1 / changes if changes else 0.1)
            if changes and randomness.randrange(2):
                rows.pop(randomness.randrange(len(rows)))
            elif changes:
                fresh += 1
                group = skill_groups("sales@ccc")
                rows.append(phone_number(Number=f"0108{fresh:07}", SkillGroups=group))

    async with running(emulator) as address:
        print(address, flush=True)
        changing = asyncio.create_task(change())
        await listen()
        changing.cancel()


@contextmanager
def emulator_process(
    arguments: argparse.Namespace,
) -> Iterator[tuple[str, Callable[[float], None]]]:
    words = [str(arguments.large), str(arguments.instances), str(arguments.each)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.inventories", "--emulate", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout

    def change(a_second: float) -> None:
        print(a_second, file=process.stdin, flush=True)

    try:
        yield f"http://{process.stdout.readline().strip()}", change
    finally:
        process.stdin.close()
        process.wait()


# What is watched here


class Watch:
    """How long the event loop stood: on the wall, and by the processor time of its own thread."""

    def __init__(self) -> None:
        self.wall = self.own = 0.0

    async def run(self) -> None:
        while True:
            wall, own = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK)
            self.wall = max(self.wall, time.perf_counter() - wall - TICK)
            self.own = max(self.own, time.thread_time() - own)


@asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    watch = Watch()
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def calls_of(service: Service) -> float:
    metrics = service.metrics.registry.collect()
    return sum(
        sample.value
        for metric in metrics
        if metric.name == "callerid_ccc_requests"
        for sample in metric.samples
        if sample.labels.get("action") == "ListPhoneNumbers"
    )


def settings_for(endpoint: str, redis_url: str, rate: float, names: list[str]) -> Settings:
    key = InstanceCcc(access_key_id=KEY, access_key_secret=Secret(SECRET))
    return replace(
        Settings(),
        server=Server(port=0, drain_seconds=0),
        redis=Redis(url=Secret(redis_url), timeout_ms=50),
        inventory=InventorySettings(refresh_seconds=3600, stale_after_seconds=7200),
        ccc=CccSettings(endpoint=endpoint, timeout_ms=30_000, max_requests_per_second=rate),
        instances=tuple(InstanceSettings(id=name, ccc=key) for name in names),
    )


def show(what: str, **figures: object) -> None:
    told = "  ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in figures.items()
    )
    print(f"{what:34}{told}", flush=True)


async def sweep(service: Service, name: str, what: str, least: float, rate: float) -> None:
    """One sweep of the one instance, with its figures."""
    keeper = service._instances.keepers[name]
    before, start = calls_of(service), time.perf_counter()
    async with watched() as watch:
        report = await keeper.refresh()
    seconds, calls = time.perf_counter() - start, calls_of(service) - before
    show(
        what,
        result=report.result,
        total=report.total,
        kept=len(keeper.inventory or ()),
        calls=int(calls),
        least=int(least),
        of_least=calls / least,
        seconds=seconds,
        bound=calls / rate,
        stall_ms=watch.wall * 1000,
        stall_own_ms=watch.own * 1000,
    )


async def large(
    arguments: argparse.Namespace, settings: Settings, change: Callable[[float], None]
) -> None:
    """One instance: the first sweep, one that knows, two over moving ground."""
    name, least = "ccc-large", -(-arguments.large // A_PAGE)
    before, start = resident_mb(), time.perf_counter()
    async with listening(settings) as (service, _), watched() as watch:
        garbage.tend()
        keeper = service._instances.keepers[name]
        while keeper.inventory is None:
            await asyncio.sleep(0.01)
        calls = calls_of(service)
        show(
            "first sweep, nothing known",
            numbers=len(keeper.inventory),
            calls=int(calls),
            least=least,
            of_least=calls / least,
            seconds=time.perf_counter() - start,
            bound=calls / arguments.rate,
            stall_ms=watch.wall * 1000,
            stall_own_ms=watch.own * 1000,
            mb=resident_mb() - before,
        )
        await sweep(service, name, "the next", least, arguments.rate)
        for changes in (0.1, 1.0):
            change(changes)
            await sweep(service, name, f"while {changes} a second change", least, arguments.rate)
        change(0)
        await sweep(service, name, "at rest again", least, arguments.rate)
        show("memory after these", mb=resident_mb() - before)


async def many(arguments: argparse.Namespace, settings: Settings, redis_url: str) -> None:
    """Many instances of one account: until all are ready, and what they cost when idle."""
    before, start = resident_mb(), time.perf_counter()
    lines = Lines()
    logging.getLogger("service").addHandler(lines)
    logging.getLogger("service").setLevel(logging.INFO)
    async with (
        listening(settings) as (service, _),
        watched() as watch,
        Client.from_url(redis_url) as redis,
    ):
        garbage.tend()
        listens = time.perf_counter() - start
        keepers = service._instances.keepers.values()
        while any(keeper.inventory is None for keeper in keepers):
            await asyncio.sleep(0.01)
        calls = calls_of(service)
        least = len(keepers) * -(-arguments.each // A_PAGE)
        show(
            f"{len(keepers)} × {arguments.each} numbers",
            listens=listens,
            calls=int(calls),
            least=least,
            seconds=time.perf_counter() - start,
            bound=calls / arguments.rate,
            stall_ms=watch.wall * 1000,
            stall_own_ms=watch.own * 1000,
            mb=resident_mb() - before,
            log_lines=lines.count,
        )
        await asyncio.sleep(SETTLE_SECONDS)
        lines.count, watch.wall, watch.own = 0, 0.0, 0.0
        commands, cpu = await commands_of(redis), time.process_time()
        await asyncio.sleep(IDLE_SECONDS)
        show(
            "idle",
            cpu_percent=(time.process_time() - cpu) / IDLE_SECONDS * 100,
            redis_a_second=(await commands_of(redis) - commands) / IDLE_SECONDS,
            tasks=len(asyncio.all_tasks()),
            log_lines=lines.count,
            stall_ms=watch.wall * 1000,
            stall_own_ms=watch.own * 1000,
        )


class Lines(logging.Handler):
    """Counts what is logged."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


async def commands_of(redis: Client) -> int:
    return int((await redis.info("stats"))["total_commands_processed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20, help="max_requests_per_second")
    parser.add_argument("--large", type=int, default=60_000, help="numbers of one instance")
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--each", type=int, default=500, help="numbers of each of these")
    parser.add_argument("--emulate", nargs=3, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.emulate:
        uvloop.run(emulate(*arguments.emulate))
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder)
        stack.callback(redis.kill)
        endpoint, change = stack.enter_context(emulator_process(arguments))
        each = [f"ccc-{n}" for n in range(arguments.instances)]
        uvloop.run(
            large(
                arguments, settings_for(endpoint, redis.url, arguments.rate, ["ccc-large"]), change
            )
        )
        uvloop.run(
            many(arguments, settings_for(endpoint, redis.url, arguments.rate, each), redis.url)
        )


if __name__ == "__main__":
    main()

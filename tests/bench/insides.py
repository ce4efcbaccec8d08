"""Parts alone: the ledger's time in Redis, what sending picks together is worth, a sweep."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import aiohttp
import uvloop
from msgspec.structs import replace
from yarl import URL

from service.ccc.client import CccClient
from service.ccc.credentials import AccessKey, StaticCredentials
from service.ccc.endpoints import open_session
from service.ccc.payloads import number_page
from service.ccc.requests import Action, Stamp, signed
from service.ledger import Pick, Rules
from service.ledger.port import BATCH_TURNS
from service.ledger.shared import queue
from service.ledger.shared.line import Line
from service.locality import Locator, prefix_table
from service.sync.sweeping import Sweeper
from tests.bench.ledger import EVERY_RULE, GROUPS, NOW, SECONDS, Bench, pool_of, quickest
from tests.bench.stage import Stage
from tests.bench.table import Row
from tests.bench.warm import INSTANCE, numbers_of
from tests.conftest import RedisServer
from tests.ledgers import BASES, Shared, shared_ledger
from tests.sync.building import NoLimit

KEY = AccessKey("demo-key", "demo-secret")
LIST_PHONE_NUMBERS = Action("ListPhoneNumbers", number_page)
LISTED = 10_000
IN_FLIGHT = 5  # pages, as the sweep has them
ABREAST, PICKS = 64, 3200
REPLICAS = 20


def ledger_rows(rounds: int) -> list[Row]:
    """What a pick takes of Redis in full batches, and what batches are worth."""
    with TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder))
        try:
            return uvloop.run(_ledger(redis.url, rounds))
        finally:
            redis.kill()


def sweep_rows(rounds: int) -> list[Row]:
    """Sweeps beside the same pages read by a bare session and thrown away."""
    with Stage() as stage:
        endpoint = f"http://127.0.0.1:{stage.emulator(numbers_of(LISTED))}"
        taken = uvloop.run(_sweeps(endpoint, rounds))
    one_by_one, abreast, first, following = map(list, zip(*taken, strict=True))
    rows = []
    for what, swept in (("a first sweep", first), ("the next sweep", following)):
        pages = f"{what} of {LISTED:,} numbers, of the same pages read bare"
        detail = f"{median(swept):.3f} s"
        rows += [
            Row(f"{pages}, one by one", _ratio(swept, one_by_one), at_most=1.2, detail=detail),
            Row(f"{pages}, {IN_FLIGHT} at a time as it does", _ratio(swept, abreast), at_most=1.5),
        ]
    return rows


def _ratio(some: list[float], others: list[float]) -> float:
    """The median over the rounds of each round's own."""
    return median(one / other for one, other in zip(some, others, strict=True))


async def _ledger(url: str, rounds: int) -> list[Row]:
    rows = []
    for rules, name, alone, batch in (
        (Rules(), "rotation", (30, 15), (9, 6)),
        (EVERY_RULE, "all rules", (45, 25), (25, 15)),
    ):
        for groups, calls in ((GROUPS[:1], 1), (GROUPS[:1], BATCH_TURNS), (GROUPS, BATCH_TURNS)):
            async with pool_of(url, 1000, groups=groups) as bench:
                bench.line.rule(rules)
                taken = await quickest(bench, rules, groups, calls)
            what = f"Redis's own time a pick, {name}, {len(groups)} group(s), {calls} a call"
            row, (most, beyond) = Row(what, taken, "µs"), alone if calls == 1 else batch
            rows.append(row if len(groups) > 1 else replace(row, at_most=most, beyond=beyond))
        rows.append(await _replicas(url, rules, name, rounds))
    return [*rows, await _together(url, rounds)]


async def _replicas(url: str, rules: Rules, name: str, rounds: int) -> Row:
    """Redis's CPU a pick of many processes that each send theirs alone, of one that sends many."""
    ratios = []
    async with pool_of(url, 1000, groups=GROUPS[:1]) as bench:
        lines = [Line(bench.client, BASES, f"replica-{at}", SECONDS) for at in range(REPLICAS)]
        for line in (*lines, bench.line):
            line.rule(rules)
            await line.call([], NOW)
        for at in range(rounds):
            first, second = 2 * at * PICKS, (2 * at + 1) * PICKS
            batches = await _redis_seconds(bench, rules, first, [bench.line], BATCH_TURNS)
            ratios.append(await _redis_seconds(bench, rules, second, lines, 1) / batches)
        for line in lines:
            await line.close()
    what = f"Redis's CPU a pick of {REPLICAS} processes, {name}, of batches of {BATCH_TURNS}"
    return Row(what, median(ratios), at_most=5, beyond=3)


async def _redis_seconds(
    bench: Bench, rules: Rules, start: int, lines: Sequence[Line], batch: int
) -> float:
    """Redis's CPU time for so many picks over these lines, in user and in kernel mode."""
    names: dict[str, Any] = {} if rules.horizon else {"callee": "", "call": "", "groups": ""}
    steps = bench.pick(0).steps
    picks = [replace(bench.pick(start + at, **names), steps=steps) for at in range(PICKS)]

    async def send(line: Line, own: Sequence[Pick]) -> None:
        for at in range(0, len(own), batch):
            await line.call(own[at : at + batch], NOW + start)

    before = await _redis_cpu(bench)
    share = PICKS // len(lines)
    await asyncio.gather(
        *(send(line, picks[at * share :][:share]) for at, line in enumerate(lines))
    )
    return await _redis_cpu(bench) - before


async def _redis_cpu(bench: Bench) -> float:
    used = await bench.client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


async def _together(url: str, rounds: int) -> Row:
    async with (
        pool_of(url, 1000, groups=GROUPS[:1]) as bench,
        shared_ledger(url, bench.inventory, seconds=60) as side,
    ):
        side.shared.rule(Rules())
        ratios = []
        for _ in range(rounds):
            alone = await _seconds_of_picks(bench, side, 1)
            ratios.append(alone / await _seconds_of_picks(bench, side, BATCH_TURNS))
    return Row("picks/s sent together, of one call a pick", median(ratios), at_least=1.5)


async def _seconds_of_picks(bench: Bench, side: Shared, batch: int) -> float:
    """What these picks take at so many to a call at the most."""
    pick = replace(bench.pick(0), callee="", call="", groups="")

    async def ask() -> None:
        for _ in range(PICKS // ABREAST):
            await side.ledger.pick(pick)

    vars(queue)["BATCH_TURNS"] = batch
    try:
        start = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(ABREAST)))
        return time.perf_counter() - start
    finally:
        vars(queue)["BATCH_TURNS"] = BATCH_TURNS


async def _sweeps(endpoint: str, rounds: int) -> list[tuple[float, float, float, float]]:
    """The seconds of each round: of its pages read bare in two ways, of a first sweep and a next.

    Nothing changes between the two sweeps, as hardly anything does between two in operation.
    """
    locator = Locator(prefix_table.read(""))
    taken = []
    async with open_session(endpoint) as session, aiohttp.ClientSession() as bare:
        ccc = CccClient(
            session,
            endpoint,
            StaticCredentials(KEY),
            NoLimit(),
            timeout=30,
            clock=time.time,
            randomness=Random(),
            observe=lambda *_: None,
        )
        for _ in range(rounds + 1):
            sweeper = Sweeper(ccc, INSTANCE, locator)
            slow = await _timed(_read_pages(bare, endpoint, 1))
            first = await _timed(sweeper({}))
            known = (await sweeper({})).numbers
            fast = await _timed(_read_pages(bare, endpoint, IN_FLIGHT))
            following = await _timed(sweeper(known))
            taken.append((slow, fast, first, following))
    return taken[1:]  # the first opens the connections


async def _timed(work: Awaitable[object]) -> float:
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


async def _read_pages(session: aiohttp.ClientSession, endpoint: str, in_flight: int) -> None:
    pages = iter(range(1, LISTED // 100 + 1))

    async def read() -> None:
        for page in pages:
            params = {"InstanceId": INSTANCE, "PageNumber": str(page), "PageSize": "100"}
            stamp = Stamp(datetime.now(UTC), uuid4().hex)
            request = signed(LIST_PHONE_NUMBERS, params, KEY, URL(endpoint).authority, stamp)
            url = URL(f"{endpoint}/?{request.query}", encoded=True)
            async with session.post(url, headers=request.headers) as response:
                await response.read()

    await asyncio.gather(*(read() for _ in range(in_flight)))

"""Whole picks over HTTP beside a bare aiohttp handler: throughput, CPU time, latency."""

import asyncio
import time
from statistics import median

import uvloop

from service.redis_.client import open_client
from tests.bench.alternating import Rounds, Side, cpu, measure, middle, p50, p99, per_second, ratio
from tests.bench.load import Load
from tests.bench.stage import ALL_RULES, Stage
from tests.bench.table import Row
from tests.bench.warm import GROUPS, numbers_of

NUMBERS = 1000
PINGS = 300


def rows(rounds: int, seconds: float) -> list[Row]:
    """The first rows of the table, all sides alternating in one run."""
    load = Load(GROUPS[:1], seconds=seconds)
    with Stage() as stage:
        redis = stage.redis(numbers_of(NUMBERS))
        rotation = stage.service(redis.url)
        all_rules = stage.service(stage.redis(numbers_of(NUMBERS)).url, ALL_RULES)
        sides = {
            "bare": Side(stage.bare(), load),
            "embedded": Side(stage.service(), load),
            "rotation": Side(rotation, load),
            "all rules": Side(all_rules, load),
        }
        return _of_many(measure(sides, rounds))


def further_rows(rounds: int, seconds: float) -> list[Row]:
    """What stands beside them: three groups, outcomes, fresh heads, and one connection alone."""
    load, fresh = (Load(GROUPS[:1], seconds=seconds, fresh_heads=are) for are in (False, True))
    with Stage() as stage:
        three = stage.redis(numbers_of(NUMBERS, GROUPS))
        url = stage.redis(numbers_of(NUMBERS)).url
        rotation = stage.service(url)
        all_rules = stage.service(stage.redis(numbers_of(NUMBERS)).url, ALL_RULES)
        bare = stage.bare()
        sides = {
            "bare": Side(bare, load),
            "three groups": Side(
                stage.service(three.url, ALL_RULES), Load(GROUPS, seconds=seconds)
            ),
            "all rules": Side(all_rules, load),
            "all rules, fresh heads": Side(all_rules, fresh),
            "outcomes": Side(all_rules, Load(GROUPS[:1], seconds=seconds, outcomes=True)),
            "rotation": Side(rotation, load),
            "rotation, fresh heads": Side(rotation, fresh),
        }
        beside = _beside(measure(sides, rounds))
        alone = Load(GROUPS[:1], connections=1, seconds=seconds)
        quiet = {"bare": Side(bare, alone), "redis": Side(rotation, alone)}
        pings: list[float] = []
        found: Rounds = {name: [] for name in quiet}
        for _ in range(rounds):
            for name, turns in measure(quiet, 1).items():
                found[name] += turns
            pings.append(uvloop.run(_ping_ms(url)))
        return [*beside, _alone(found, pings)]


def _of_many(rounds: Rounds) -> list[Row]:
    def of_bare(name: str) -> float:
        return ratio(rounds, name, "bare", per_second)

    def told(name: str) -> str:
        mine, bare = (middle(rounds, each, per_second) for each in (name, "bare"))
        return f"{mine:,.0f} /s, bare {bare:,.0f} /s"

    micros = [middle(rounds, name, cpu) for name in ("rotation", "bare")]
    tails = [middle(rounds, name, p99) for name in ("all rules", "bare")]
    return [
        Row(
            "picks/s, Redis, rotation, of the bare handler",
            of_bare("rotation"),
            at_least=1.2,
            beyond=1.4,
            detail=told("rotation"),
        ),
        Row(
            "picks/s, Redis, all rules, of the bare handler",
            of_bare("all rules"),
            at_least=0.85,
            beyond=1.0,
            detail=told("all rules"),
        ),
        Row(
            "picks/s, embedded, rotation, of the bare handler",
            of_bare("embedded"),
            at_least=1.1,
            beyond=1.3,
            detail=told("embedded"),
        ),
        Row(
            "CPU a pick of the service, Redis, rotation, of the bare's",
            ratio(rounds, "rotation", "bare", cpu),
            at_most=1.2,
            beyond=1.0,
            detail=f"{micros[0]:.0f} µs, bare {micros[1]:.0f} µs",
        ),
        Row(
            "p99 at 64 connections, Redis, all rules, of the bare's",
            ratio(rounds, "all rules", "bare", p99),
            at_most=1.3,
            beyond=1.0,
            detail=f"{tails[0]:.2f} ms, bare {tails[1]:.2f} ms",
        ),
    ]


def _beside(rounds: Rounds) -> list[Row]:
    def told(name: str) -> str:
        return f"{middle(rounds, name, per_second):,.0f} /s"

    fresh = [
        Row(
            f"picks/s, Redis, {name}, a fresh head each, of without",
            ratio(rounds, f"{name}, fresh heads", name, per_second),
            at_least=0.7,
            beyond=0.9,
            detail=told(f"{name}, fresh heads"),
        )
        for name in ("rotation", "all rules")
    ]
    return [
        Row(
            "picks/s, Redis, all rules, three groups, of the bare handler",
            ratio(rounds, "three groups", "bare", per_second),
            detail=told("three groups"),
        ),
        Row(
            "picks/s with an outcome each, of half of the bare handler's",
            2 * ratio(rounds, "outcomes", "bare", per_second),
            at_least=0.9,
            beyond=1.2,
            detail=told("outcomes"),
        ),
        *fresh,
    ]


def _alone(rounds: Rounds, pings: list[float]) -> Row:
    mine = [turn.figures.p50_ms for turn in rounds["redis"]]
    bare = [turn.figures.p50_ms for turn in rounds["bare"]]
    figure = median(
        one / (other + ping) for one, other, ping in zip(mine, bare, pings, strict=True)
    )
    return Row(
        "median at one connection, Redis, of bare plus a PING",
        figure,
        at_most=1.15,
        beyond=1.0,
        detail=f"{middle(rounds, 'redis', p50):.3f} ms, bare {median(bare):.3f}"
        f" + PING {median(pings):.3f} ms",
    )


async def _ping_ms(url: str) -> float:
    """The median round trip of redis-py's PING, alone on its connection."""
    async with open_client(url, timeout=1.0) as client:
        times = []
        for _ in range(PINGS):
            start = time.perf_counter()
            await client.ping()
            times.append(time.perf_counter() - start)
            await asyncio.sleep(0)
        return 1000 * median(times)

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
    """What stands beside them: three groups, outcomes, and one connection alone."""
    load = Load(GROUPS[:1], seconds=seconds)
    everything = ALL_RULES
    with Stage() as stage:
        three = stage.redis(numbers_of(NUMBERS, GROUPS))
        one = stage.redis(numbers_of(NUMBERS))
        sides = {
            "bare": Side(stage.bare(), load),
            "three groups": Side(
                stage.service(three.url, everything), Load(GROUPS, seconds=seconds)
            ),
            "outcomes": Side(
                stage.service(one.url, everything),
                Load(GROUPS[:1], seconds=seconds, outcomes=True),
            ),
        }
        beside = _beside(measure(sides, rounds))
        alone = Load(GROUPS[:1], connections=1, seconds=seconds)
        quiet = {
            "bare": Side(sides["bare"].server, alone),
            "redis": Side(stage.service(stage.redis(numbers_of(NUMBERS)).url), alone),
        }
        pings: list[float] = []
        found: Rounds = {name: [] for name in quiet}
        for _ in range(rounds):
            for name, turns in measure(quiet, 1).items():
                found[name] += turns
            pings.append(uvloop.run(_ping_ms(one.url)))
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
            at_least=0.85,
            beyond=1.0,
            detail=told("rotation"),
        ),
        Row(
            "picks/s, Redis, all rules, of the bare handler",
            of_bare("all rules"),
            at_least=0.70,
            beyond=0.85,
            detail=told("all rules"),
        ),
        Row(
            "picks/s, embedded, rotation, of the bare handler",
            of_bare("embedded"),
            at_least=0.95,
            beyond=1.1,
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
            at_most=1.6,
            beyond=1.25,
            detail=f"{tails[0]:.2f} ms, bare {tails[1]:.2f} ms",
        ),
    ]


def _beside(rounds: Rounds) -> list[Row]:
    return [
        Row(
            f"picks/s, Redis, all rules, {name}, of the bare handler",
            ratio(rounds, name, "bare", per_second),
            detail=f"{middle(rounds, name, per_second):,.0f} /s",
        )
        for name in ("three groups", "outcomes")
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

"""What the ledger takes: Redis's slowest single calls, its time for a pick, its memory; ours.

Run `python -m tests.bench.ledger` at the top of the checkout: two minutes, with a Redis of its own
that counts the microseconds itself; of several rounds the quickest counts. `--scale 10` makes the
pools ten times smaller. It prints figures and judges none of them.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace
from redis.asyncio import Redis

from service.inventory import LEVELS, Inventory, PhoneNumber, Step, Wish, steps_for
from service.ledger import CalleeRule, Limits, Outcome, Park, Pick, Rules
from service.ledger.port import BATCH_TURNS, Operation, Return
from service.ledger.rules import DAY
from service.ledger.shared.ledger import RETURNS_A_SLICE
from service.ledger.shared.line import Line
from service.locality import Locality
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.ledgers import BASES, Shared, shared_ledger, write_members

GROUPS = ("sales@ccc-test", "support@ccc-test", "survey@ccc-test")
HERE = Locality("北京", "北京", "010")
NOW = 1_700_000_000_000
SOON = NOW + 1000
SECONDS = 600.0  # nothing is given up here
UNMEASURED = 1000  # operations to a call that prepares something
NOTED = 50  # µs from which the slow log keeps a call
PICKS = 1920  # a round
ROUNDS = 8
ABREAST = 64
REPEATED = 30
CALLEES = 10_000
EVERY_RULE = Rules(
    limits={"": Limits(10**6, 10**6, 10, 100, 0)},  # seen to, and never in the way
    callee=(CalleeRule(3, 300_000, by_calendar=False), CalleeRule(5, DAY, by_calendar=True)),
    cooldown=60_000,
    sticky=60_000,
    remembered=60_000,
)


class Bench(NamedTuple):
    """A line to a Redis that holds a pool, and a client to ask what that took."""

    url: str
    client: Redis
    line: Line
    inventory: Inventory

    def pick(self, number: int, owners: tuple[str, ...] = GROUPS[:1], **fields: Any) -> Pick:
        """A pick of its own call for its own callee, as `every rule` needs them."""
        steps = steps_for(self.inventory, HERE, Wish(owners), LEVELS)
        names = {"callee": f"{number:024x}", "call": f"{number:024X}", "groups": "g" * 24}
        return Pick(dry_run=False, steps=steps, **(names | fields))

    async def prepare(self, operations: Sequence[Operation]) -> None:
        for start in range(0, len(operations), UNMEASURED):
            await self.line.call(operations[start : start + UNMEASURED], NOW)

    async def repeat(self, batch: int, now: int) -> None:
        """Pick in calls of so many, for three groups."""
        for at in range(0, REPEATED * batch, batch):
            await self.line.call([self.pick(at + one, GROUPS) for one in range(batch)], now)

    async def calls(self) -> str:
        """The µs of the median and of the slowest call since this was asked last."""
        entries: Any = await self.client.slowlog_get(-1)
        await self.client.slowlog_reset()
        calls = [one["duration"] for one in entries if one["command"].startswith(b"FCALL")]
        return f"{statistics.median(calls):.0f} / {max(calls)}" if calls else f"under {NOTED}"

    async def micros(self, picks: Sequence[Pick], batch: int, now: int) -> float:
        """The µs of Redis for each of these picks, in calls of so many."""
        await self.client.config_resetstat()
        for start in range(0, len(picks), batch):
            await self.line.call(picks[start : start + batch], now + start)
        stats: Any = await self.client.info("commandstats")
        return float(stats["cmdstat_fcall"]["usec"]) / len(picks)

    async def used_memory(self) -> int:
        memory: int = (await self.client.info("memory"))["used_memory"]
        return memory


def say(what: str, figure: object) -> None:
    sys.stdout.write(f"{what:<66}{figure:>14}\n")
    sys.stdout.flush()


def numbers(count: int, tags: tuple[str, ...], groups: tuple[str, ...]) -> list[PhoneNumber]:
    return [
        PhoneNumber(f"010{at:08d}", "北京", "北京", "010", skill_group_ids=groups, tags=tags)
        for at in range(count)
    ]


@asynccontextmanager
async def pool_of(
    url: str, size: int, *, tags: tuple[str, ...] = (), groups: tuple[str, ...] = GROUPS
) -> AsyncIterator[Bench]:
    inventory = Inventory("ccc-test", 1, numbers(size, tags, groups))
    async with open_client(url, timeout=SECONDS) as client:
        await client.flushall()
        await client.config_set("slowlog-log-slower-than", NOTED)
        await client.config_set("slowlog-max-len", 100_000)
        await write_members(url, inventory)
        line = Line(client, BASES, "bench", SECONDS)
        bench = Bench(url, client, line, inventory)
        await line.call([], NOW)
        await bench.calls()
        yield bench
        await line.close()


async def numbers_that_return_at_once(url: str, size: int) -> None:
    async with pool_of(url, size) as bench:
        await bench.prepare([Park(number, "rest", SOON) for number in bench.inventory.numbers])
        await bench.calls()
        await bench.repeat(1, SOON)
        say(f"a pick as {size:,} numbers are due", await bench.calls())
        await bench.repeat(BATCH_TURNS, SOON)
        say("a batch of 32 of them", await bench.calls())
        while (await bench.client.zcard(f"{BASES[0]}parked")) > 0:
            await bench.line.call([Return(RETURNS_A_SLICE)], SOON)
        say(f"the sweeper's slices of {RETURNS_A_SLICE}", await bench.calls())


async def tags_that_nobody_bears(url: str, size: int) -> None:
    async with pool_of(url, size, tags=("M1",)) as bench:
        steps = steps_for(bench.inventory, HERE, Wish(GROUPS, tags=("M9",)), LEVELS)
        for _ in range(REPEATED):
            await bench.line.call([Pick(dry_run=False, steps=steps)] * BATCH_TURNS, NOW)
        say(f"32 picks by tags that nobody of {size:,} bears", await bench.calls())


async def waiting_picks(url: str, waiting: int) -> None:
    async with (
        pool_of(url, 1000, groups=GROUPS[:1]) as bench,
        shared_ledger(url, bench.inventory, seconds=60) as side,
    ):
        side.shared.rule(EVERY_RULE)
        await asyncio.gather(*(side.pick(bench.pick(at)) for at in range(waiting)))
        say(f"{waiting:,} waiting picks, every rule", await bench.calls())


async def refusals(url: str, size: int) -> None:
    async with pool_of(url, size) as bench:
        await bench.prepare([Park(number, "rest", SOON) for number in bench.inventory.numbers])
        await bench.calls()
        await bench.repeat(1, NOW)
        say(f"a refusal over {size:,} parked numbers, three groups", await bench.calls())
        await bench.repeat(BATCH_TURNS, NOW)
        say("32 refusals in a call", await bench.calls())


async def time_of_picks(url: str) -> None:
    for rules, named in ((Rules(), "rotation"), (EVERY_RULE, "every rule")):
        for groups in (GROUPS[:1], GROUPS):
            for batch in (1, BATCH_TURNS):
                async with pool_of(url, 1000, groups=groups) as bench:
                    bench.line.rule(rules)
                    taken = await quickest(bench, rules, groups, batch)
                say(
                    f"µs of Redis a pick: {named}, {len(groups)} group(s), {batch} a call",
                    f"{taken:.1f}",
                )


async def quickest(bench: Bench, rules: Rules, groups: tuple[str, ...], batch: int) -> float:
    """Ever new callees and calls, where a rule asks for them."""
    names = {} if rules.horizon else {"callee": "", "call": "", "groups": ""}
    steps = bench.pick(0, groups).steps
    size = PICKS if batch > 1 else PICKS // 8
    rounds = []
    for at in range(0, ROUNDS * size, size):
        picks = [bench.pick(at + one, groups, **names) for one in range(size)]
        same = [replace(pick, steps=steps) for pick in picks]  # as the picker remembers them
        rounds.append(await bench.micros(same, batch, NOW + 10 * at))
    return min(rounds)


async def outcomes(url: str) -> None:
    async with pool_of(url, 1000, groups=GROUPS[:1]) as bench:
        bench.line.rule(EVERY_RULE)
        known = range(PICKS)
        await bench.prepare([bench.pick(at, callee="") for at in known])
        rounds = []
        for at in range(0, PICKS, BATCH_TURNS):
            told = [
                Outcome(bench.pick(one).call, "", "", final=True) for one in known[at : at + 32]
            ]
            await bench.client.config_resetstat()
            await bench.line.call(told, NOW)
            stats: Any = await bench.client.info("commandstats")
            rounds.append(stats["cmdstat_fcall"]["usec"] / len(told))
        say(
            "µs of Redis an outcome that frees a lease, 32 a call",
            f"{statistics.median(rounds):.1f}",
        )


async def parked_beside(url: str, size: int) -> None:
    for parked in (0, size - size // 100):
        async with pool_of(url, size, groups=GROUPS[:1]) as bench:
            out = list(bench.inventory.numbers)[:parked]
            await bench.prepare([Park(number, "operator", NOW * 2) for number in out])
            taken = await quickest(bench, Rules(), GROUPS[:1], BATCH_TURNS)
        say(f"µs of Redis a pick, {parked:,} of {size:,} parked", f"{taken:.1f}")


async def large_pools(url: str, sizes: Sequence[int]) -> None:
    for size in sizes:
        async with pool_of(url, size, groups=GROUPS[:1]) as bench:
            taken = await quickest(bench, Rules(), GROUPS[:1], BATCH_TURNS)
        say(f"µs of Redis a pick, a pool of {size:,}", f"{taken:.1f}")


async def time_here(url: str) -> None:
    for rules, named in ((Rules(), "rotation"), (EVERY_RULE, "every rule")):
        for abreast in (1, ABREAST):
            async with (
                pool_of(url, 1000, groups=GROUPS[:1]) as bench,
                shared_ledger(url, bench.inventory, seconds=60) as side,
            ):
                side.shared.rule(rules)
                taken = await micros_here(bench, side, rules, abreast)
            say(f"µs of this process a pick: {named}, {abreast} abreast", f"{taken:.1f}")


async def micros_here(bench: Bench, side: Shared, rules: Rules, abreast: int) -> float:
    names: dict[str, Any] = {} if rules.horizon else {"callee": "", "call": "", "groups": ""}
    steps = bench.pick(0).steps
    rounds = []
    for at in range(0, ROUNDS * PICKS, PICKS):
        picks = iter([replace(bench.pick(at + one, **names), steps=steps) for one in range(PICKS)])

        async def ask(picks: Iterator[Pick]) -> None:
            for pick in picks:
                await side.ledger.pick(pick)

        start = time.process_time()
        await asyncio.gather(*(ask(picks) for _ in range(abreast)))
        rounds.append((time.process_time() - start) / PICKS * 1e6)
    return min(rounds)


async def memory(url: str, size: int) -> None:
    for groups in (GROUPS[:1], GROUPS):
        async with pool_of(url, 0) as bench:
            empty = await bench.used_memory()
            await write_members(url, Inventory("ccc-test", 2, numbers(size, (), groups)), fence=2)
            taken = (await bench.used_memory() - empty) // size
            say(f"bytes a number, {len(groups)} group(s), unused", taken)
            bench.line.rule(EVERY_RULE)
            everyone = (Step("any", (f"{GROUPS[0]}|any|*",)),)
            await bench.prepare([Pick(dry_run=False, steps=everyone)] * size)
            taken = (await bench.used_memory() - empty) // size
            say(f"bytes a number, {len(groups)} group(s), used under every limit", taken)
    async with pool_of(url, 1000) as bench:
        rules = replace(EVERY_RULE, limits={"": Limits()})
        bench.line.rule(rules)
        by_callee = [bench.pick(at, call="") for at in range(CALLEES)]
        await bench.prepare([bench.pick(at, callee="", call="") for at in range(1000)])
        say("bytes a callee with one pick", await bytes_each(bench, by_callee))
        bench.line.rule(replace(rules, callee=()))
        again = await bytes_each(bench, by_callee * 4)
        say("bytes more for each further pick", again // 4)
        by_call = [bench.pick(at, callee="") for at in range(CALLEES)]
        say("bytes a remembered call", await bytes_each(bench, by_call))


async def bytes_each(bench: Bench, picks: Sequence[Pick]) -> int:
    before = await bench.used_memory()
    await bench.prepare(picks)
    return (await bench.used_memory() - before) // CALLEES


async def run(url: str, scale: int) -> None:
    say("µs of Redis for a single call", "median / most")
    await numbers_that_return_at_once(url, 100_000 // scale)
    await tags_that_nobody_bears(url, 500_000 // scale)
    await waiting_picks(url, 1000)
    await refusals(url, 10_000 // scale)
    await time_of_picks(url)
    await outcomes(url)
    await parked_beside(url, 10_000 // scale)
    await large_pools(url, (100, 500_000 // scale))
    await time_here(url)
    await memory(url, 100_000 // scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=1, help="how much smaller the pools are")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder))
        try:
            asyncio.run(run(redis.url, arguments.scale))
        finally:
            redis.kill()


if __name__ == "__main__":
    main()

"""Two services over one Redis under load, with every limit on; their answers are counted again.

Run `python -m tests.bench.recount` at the top of the checkout: a minute, or `--seconds` of it. It
prints what the clients were answered and every rule that was broken, and fails if one was.
"""

import argparse
import asyncio
import contextlib
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson

from service.ledger import CalleeRule, Limits, Rules
from tests.bench.stage import callerid, process, wait_for
from tests.conftest import RedisServer, free_port
from tests.recounting import DAY, HOUR, Shown, Told, broken, counted_once

GROUPS = ("sales@ccc-test", "support@ccc-test")
NUMBERS = 2000
CALLEES = 4000
CLIENTS = 64
PATIENCE = 10  # seconds for one answer
RECENT = 500  # calls that are repeated, or told how they went
FEW = "M1"  # the tag of the numbers with a low cap for a day

LIMITS = {
    "": Limits(max_per_hour=25, max_per_day=40, max_concurrent=2, lease=3000, rest=1000),
    FEW: Limits(max_per_hour=25, max_per_day=10, max_concurrent=1, lease=3000, rest=1000),
}
RULES = Rules(
    callee=(
        CalleeRule(3, 5000, by_calendar=False),
        CalleeRule(15, DAY, by_calendar=True),
    ),
    cooldown=4000,
    sticky=2000,
    offsets=((0, 8 * HOUR),),
)
CONFIGURATION = """
[server]
drain_seconds = 0
[redis]
url = "{redis}"
timeout_ms = 500
[ccc]
endpoint = "http://127.0.0.1:{emulator}"
[selection]
pick_timeout_ms = 1000
fallback = "refuse"
timezone = "Asia/Shanghai"
[selection.caller]
max_per_hour = 25
max_per_day = 40
max_concurrent = 2
lease_seconds = 3
rest_seconds = 1
[selection.callee]
rules = [
  {{limit = 3, window_seconds = 5, kind = "sliding"}},
  {{limit = 15, window_seconds = 86400, kind = "calendar"}},
]
cooldown_seconds = 4
sticky_seconds = 2
[[numbers]]
match = {{tag = "M1"}}
max_per_day = 10
max_concurrent = 1
[[instances]]
id = "ccc-test"
ccc = {{access_key_id = "demo-key", access_key_secret = "demo-secret"}}
"""


class Load:
    """Clients of several services, and what they saw.

    Args:
        urls: of the services.
        session: to ask them with.
        until: when to stop, by the loop's clock.
    """

    def __init__(self, urls: list[str], session: aiohttp.ClientSession, until: float) -> None:
        self.urls, self.session, self.until = urls, session, until
        self.random = Random(1)
        self.made: list[dict[str, Any]] = []
        self.shown: list[Shown] = []
        self.told: list[Told] = []
        self.answers: Counter[str] = Counter()

    async def client(self) -> None:
        """One request after the other: picks, repetitions of anybody's, outcomes of anybody's."""
        while asyncio.get_running_loop().time() < self.until:
            chance = self.random.random()
            recent = self.made[-RECENT:]
            if chance < 0.65 or not recent:
                self.made.append(self.new_pick())
                await self.pick(self.made[-1])
            elif chance < 0.75:
                await self.pick(self.random.choice(recent))
            else:
                await self.tell(self.random.choice(recent)["call_id"])

    def new_pick(self) -> dict[str, Any]:
        return {
            "called_number": f"138{self.random.randrange(CALLEES):08d}",
            "skill_group_ids": [self.random.choice(GROUPS)],
            "count": self.random.choice((1, 1, 1, 2)),
            "call_id": f"{len(self.made)}",
        }

    async def pick(self, fields: dict[str, Any]) -> None:
        sent, status, answer, answered = await self.ask("pick", fields)
        self.answers[answer["source"] if status == 200 else answer["code"]] += 1
        if status == 200 and answer["source"] == "redis":
            uses = tuple((one["caller"]["number"], one["match"]) for one in answer["data"])
            callee, (group,) = fields["called_number"], fields["skill_group_ids"]
            self.shown.append(Shown(sent, answered, fields["call_id"], callee, group, uses))

    async def tell(self, call: str) -> None:
        final = self.random.random() < 0.7
        fields = {"call_id": call, "result": "answered" if final else "in_call"}
        sent, status, _, answered = await self.ask("outcomes", fields)
        self.answers[f"outcome {status}"] += 1
        if status == 202:
            self.told.append(Told(sent, answered, call, final))

    async def ask(self, path: str, fields: dict[str, Any]) -> tuple[int, int, dict[str, Any], int]:
        """When it was sent in ms, its status, the answer, and when that was there in ms."""
        sent = math.floor(time.time() * 1000)
        url = f"{self.random.choice(self.urls)}/v1/{path}"
        async with self.session.post(url, json=fields) as response:
            answer = orjson.loads(await response.read())
            return sent, response.status, answer, math.ceil(time.time() * 1000)


def inventory_file(folder: Path) -> Path:
    groups = [
        {"SkillGroupId": group, "Name": group, "DisplayName": group, "InstanceId": "ccc-test"}
        for group in GROUPS
    ]
    rows = [
        {
            "Number": f"028555{last:05d}",
            "Province": "四川",
            "City": "成都",
            "Usage": "Outbound",
            "SkillGroups": groups,
            "Tags": FEW if has_few(f"028555{last:05d}") else "",
        }
        for last in range(NUMBERS)
    ]
    path = folder / "inventory.json"
    path.write_bytes(orjson.dumps({"ccc-test": rows}))
    return path


def has_few(number: str) -> bool:
    return int(number) % 4 == 0


@contextlib.contextmanager
def two_services() -> Iterator[list[str]]:
    """Their URLs, once both are ready."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder)
        stack.callback(redis.kill)
        emulator, *ports = free_port(), free_port(), free_port()
        listed = ("--port", str(emulator), "--inventory", str(inventory_file(folder)))
        running = stack.enter_context(process(callerid(), "emulator", *listed))
        wait_for(f"http://127.0.0.1:{emulator}/_faults", running)
        config = folder / "callerid.toml"
        config.write_text(CONFIGURATION.format(redis=redis.url, emulator=emulator))
        serve = (callerid(), "serve", "--config", str(config), "--port")
        services = [stack.enter_context(process(*serve, str(port))) for port in ports]
        for port, running in zip(ports, services, strict=True):
            wait_for(f"http://127.0.0.1:{port}/readyz", running)
        yield [f"http://127.0.0.1:{port}" for port in ports]


async def load(urls: list[str], seconds: float) -> Load:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        made = Load(urls, session, asyncio.get_running_loop().time() + seconds)
        await asyncio.gather(*(made.client() for _ in range(CLIENTS)))
        return made


def report(seen: Load) -> list[str]:
    """Print what was seen; return what was broken."""
    picks, unlike = counted_once(seen.shown)
    found = unlike + broken(
        picks, seen.told, RULES, lambda one: LIMITS[FEW if has_few(one) else ""]
    )
    uses = Counter(number for pick in picks for number, _ in pick.uses)
    levels = Counter(level for pick in picks for _, level in pick.uses)
    figures = {
        **dict(sorted(seen.answers.items())),
        "calls counted once": len(picks),
        "answers to calls asked again": len(seen.shown) - len(picks),
        "numbers shown": uses.total(),
        "of these sticky": levels["sticky"],
        "the most for one number": max(uses.values()),
        "the most for one with the low cap": max(uses[one] for one in uses if has_few(one)),
        "rules broken": len(found),
    }
    for name, figure in figures.items():
        print(f"{name:<40}{figure:>10}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    with two_services() as urls:
        seen = asyncio.run(load(urls, arguments.seconds))
    found = report(seen)
    print(*found[:20], sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

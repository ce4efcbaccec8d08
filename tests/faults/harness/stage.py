"""All that a row needs: Redis, services and clients as processes, proxies and CCC's look-alike."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import msgspec
from redis.asyncio import Redis

from service.emulator import Emulator, phone_number, running, skill_groups
from service.ledger import CalleeRule, Limits, Rules
from tests.conftest import RedisServer
from tests.faults.harness import servers
from tests.faults.harness.load import Plan
from tests.faults.harness.processes import Clients, Service, started_clients, started_service
from tests.proxy import Proxy
from tests.whole.services import KEY, SALES, SECRET, SUPPORT, emulator_of

GROUPS = (SALES, SUPPORT)
NOON = 12 - datetime.now(UTC).hour  # hours from UTC to where it is noon: no day ends meanwhile
HOUR, DAY = 3_600_000, 86_400_000
ONCE = 10**8  # callees of which none is called twice: what was known of them is gone
RETURNING_SECONDS = 10  # what is not back by then is not coming back
QUIET_MS = 500  # without a degraded answer: Redis decides again
CONFIGURATION = """
[server]
drain_seconds = 0
[redis]
url = "{url}"
[ccc]
endpoint = "http://{ccc}"
max_requests_per_second = 1000
[inventory]
refresh_seconds = 3600
stale_after_seconds = 7200
[selection]
fallback = "refuse"
timezone = "{zone}"
[selection.caller]
max_per_hour = 10000
max_per_day = {cap}
rest_seconds = {rest}
[selection.callee]
rules = [
  {{limit = 3, window_seconds = 300, kind = "sliding"}},
  {{limit = 20, window_seconds = 86400, kind = "calendar"}},
]
cooldown_seconds = 60
[[instances]]
id = "{instance}"
ccc = {{access_key_id = "{key}", access_key_secret = "{secret}"}}
"""
CALLEE_RULES = (CalleeRule(3, 300_000, by_calendar=False), CalleeRule(20, DAY, by_calendar=True))


class Setup(msgspec.Struct, frozen=True):
    """What a row needs otherwise than most do.

    `numbers` are in all, half of them for each skill group; `cap` is that of one for a day; `rest`
    and `before`, the load before the fault, are in seconds; `again` is the share of calls that are
    asked again, `callees` how many there are.
    """

    build: servers.Build = servers.alone
    numbers: int = 600
    cap: int = 10_000
    rest: int = 0
    before: float = 1.5
    again: float = 0.1
    callees: int = 3000

    @property
    def rules(self) -> Rules:
        """The rules that one process can keep to by what it has picked itself."""
        return Rules(callee=CALLEE_RULES, cooldown=60_000, offsets=((0, NOON * HOUR),))

    @property
    def limits(self) -> Limits:
        """The limits of a number, over all processes."""
        return Limits(max_per_hour=10_000, max_per_day=self.cap)


class Stage:
    """What runs while a row does, all of it on loopback."""

    def __init__(self, folder: Path, found: servers.Servers, emulator: Emulator) -> None:
        self.folder = folder
        self.redis, self.others, _ = found
        self.emulator = emulator
        self.proxies: list[Proxy] = []
        self.services: list[Service] = []
        self.clients: Clients
        self.emptied = self.refilled = float("inf")

    def client(self, of: RedisServer | None = None) -> Redis:
        """A client of a server, past the proxies."""
        return Redis(port=(of or self.redis).port, socket_timeout=15)

    async def ask(self, *words: object, of: RedisServer | None = None) -> Any:
        """Have a server execute a command, past the proxies."""
        async with self.client(of) as client:
            return await client.execute_command(*words)

    def set_proxies(self, **states: Any) -> None:
        """Set these attributes of both proxies."""
        for proxy in self.proxies:
            for name, value in states.items():
                setattr(proxy, name, value)

    async def returned(self) -> bool:
        """Wait until both decide by Redis again and have written back, for a while at the most."""
        end = time.monotonic() + RETURNING_SECONDS
        while time.monotonic() < end:
            if self._is_quiet() and all([await one.has_returned() for one in self.services]):
                return True
            await asyncio.sleep(0.1)
        return False

    async def written_back(self) -> None:
        """Wait until nothing is left to write back, for a while at the most."""
        end = time.monotonic() + RETURNING_SECONDS
        while time.monotonic() < end:
            if all([await one.has_returned() for one in self.services]):
                return
            await asyncio.sleep(0.1)

    def _is_quiet(self) -> bool:
        since = time.time() * 1000 - QUIET_MS
        late = [answer for answer in self.clients.answers[-5000:] if answer.sent > since]
        return bool(late) and all(answer.source in {"redis", ""} for answer in late)

    async def used(self) -> dict[str, int]:
        """The uses of all numbers this day by the ledger's count; none where it does not tell."""
        end = time.monotonic() + RETURNING_SECONDS
        while time.monotonic() < end:
            if (counts := await self.services[0].used_day()) is not None:
                return counts
            await asyncio.sleep(0.05)
        return {}


@asynccontextmanager
async def staged(setup: Setup, rate: float) -> AsyncIterator[Stage]:
    """Everything up, the ledger in Redis, the load begun; ended with the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        build = setup.build(folder)
        found = await asyncio.to_thread(build.__enter__)
        stack.push_async_exit(partial(_left, build))
        emulator = emulator_of(rows_of(setup.numbers))
        ccc = await stack.enter_async_context(running(emulator))
        stage = Stage(folder, found, emulator)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for place in range(2):
            url = found.url or await _proxied(stage, stack)
            path = folder / f"service{place}.toml"
            path.write_text(configuration(setup, url, ccc))
            service = await stack.enter_async_context(started_service(path, session))
            stage.services.append(service)
        await asyncio.gather(*(service.ready() for service in stage.services))
        await stage.used()
        ports = tuple(service.port for service in stage.services)
        plan = Plan(ports, GROUPS, rate, setup.again, callees=setup.callees)
        stage.clients = await stack.enter_async_context(started_clients(plan))
        yield stage


async def _left(build: Any, *error: Any) -> None:
    await asyncio.to_thread(build.__exit__, *error)


async def _proxied(stage: Stage, stack: AsyncExitStack) -> str:
    proxy = Proxy(stage.redis.port)
    await proxy.open()
    stack.push_async_callback(proxy.close)
    stage.proxies.append(proxy)
    return f"redis://127.0.0.1:{proxy.port}/0"


def configuration(setup: Setup, url: str, ccc: str) -> str:
    """A service's configuration file."""
    zone = f"Etc/GMT{-NOON:+d}"  # its sign is the other way round
    return CONFIGURATION.format(
        url=url, ccc=ccc, zone=zone, cap=setup.cap, rest=setup.rest,
        instance=servers.INSTANCE, key=KEY, secret=SECRET,
    )  # fmt: skip


def rows_of(count: int) -> list[dict[str, Any]]:
    """CCC's rows of numbers, the first for one skill group and the next for the other, in turn."""
    return [
        phone_number(
            Number=f"028555{place:05d}",
            Province="四川",
            City="成都",
            SkillGroups=skill_groups(group_of(place)),
            Usage="Outbound",
        )
        for place in range(count)
    ]


def group_of(place: int) -> str:
    """The skill group of a number by its place."""
    return GROUPS[place % len(GROUPS)]

"""What the tests of this room share: an emulator behind the real client, keepers over it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from redis.asyncio import Redis

from service import settings
from service.ccc.client import CccClient
from service.ccc.credentials import AccessKey, StaticCredentials
from service.ccc.endpoints import open_session
from service.ccc.limiter import Limiter
from service.emulator import Emulator, phone_number, running, skill_groups
from service.locality import Locator
from service.metrics import Metrics
from service.sync import InventoryKeeper, share
from service.sync.sweeping import Sweeper
from tests.waiting import LONG

KEY = AccessKey("test-key", "test-secret")
NOW = 1_795_219_200.0
INSTANCE = "ccc-test"
BASE = "replicas:1:{ccc-test}:ccc-test:"


class Clock:
    """Unix time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    group = skill_groups("sales@ccc-test")
    return [
        phone_number(Number=f"0105{n:07}", SkillGroups=group) for n in range(start, start + count)
    ]


def emulator_of(numbers: list[dict[str, Any]]) -> Emulator:
    return Emulator(
        {INSTANCE: numbers},
        {KEY.id: KEY.secret},
        locate=lambda _dialled: ("云南", "昆明"),
        clock=lambda: NOW,
        randomness=Random(7),
    )


class NoLimit(Limiter):
    """A rate limit that is never reached."""

    async def _ask(self, *, background: bool) -> float:
        return 0.0


class Prompt(Random):
    """Draws the shortest pause every time."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


@asynccontextmanager
async def client_to(emulator: Emulator, budget: float = LONG) -> AsyncIterator[CccClient]:
    async with running(emulator) as address, open_session(f"http://{address}") as session:
        yield CccClient(
            session,
            f"http://{address}",
            StaticCredentials(KEY),
            NoLimit(),
            timeout=budget,
            clock=lambda: NOW,
            randomness=Prompt(7),
            observe=lambda _action, _code, _seconds: None,
        )


class Replica:
    """One process's keeper, with what it is made of."""

    def __init__(
        self,
        ccc: CccClient,
        locator: Locator,
        redis: Redis | None,
        config: settings.InventorySettings | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.clock = Clock()
        self.shared = share(redis, BASE) if redis is not None else None
        self.keeper = InventoryKeeper(
            INSTANCE,
            Sweeper(ccc, INSTANCE, locator),
            self.shared,
            config or settings.InventorySettings(),
            clock=self.clock,
            new_id=lambda: "an epoch",
            metrics=self.metrics,
        )

    @property
    def names(self) -> set[str]:
        return set(self.keeper.inventory.numbers) if self.keeper.inventory else set()

    @property
    def generation(self) -> int:
        return self.keeper.inventory.generation if self.keeper.inventory else 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["Replica"]:
        task = asyncio.create_task(self.keeper.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            f"callerid_{name}", {"instance": INSTANCE, **labels}
        )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():
            await asyncio.sleep(0.002)


def names_of(numbers: list[dict[str, Any]]) -> set[str]:
    return {row["Number"] for row in numbers}


def set_numbers(emulator: Emulator, count: int, start: int = 0) -> set[str]:
    emulator.numbers[INSTANCE] = rows(count, start)
    return names_of(emulator.numbers[INSTANCE])

"""What the tests of this room share: a clock, an inventory, a ledger that remembers."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import cast

from service.errors import LedgerUnavailable
from service.health import NumberHealth
from service.health.store import Store
from service.inventory import Inventory, Mark, PhoneNumber, group_token
from service.ledger import Cap, Ledger, Park
from service.metrics import Metrics

INSTANCE = "ccc-test"
BASE = "health:1:{ccc-test}:ccc-test:"
BAD = "01080000000"
PEERS = tuple(f"0108{n:07}" for n in range(1, 10))
NUMBERS = (BAD, *PEERS)


class Clock:
    """Unix time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_795_219_200.0

    def __call__(self) -> float:
        return self.now


class RecordingLedger:
    """Takes parks and caps, unless it is down."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.is_down = False

    async def apply(self, operation: Cap | Park) -> bool:
        if self.is_down:
            raise LedgerUnavailable("down")
        self.told.append(operation)
        return True


def inventory_of(groups: Mapping[str, Iterable[str]]) -> Inventory:
    return Inventory(
        INSTANCE,
        1,
        [
            PhoneNumber(number, skill_group_ids=(group,))
            for group, numbers in groups.items()
            for number in numbers
        ],
    )


def used_by(group: str) -> Mark:
    return Mark("city", "city", "SC", group_token(group))


class Replica:
    """A watch with its edges at hand."""

    def __init__(self, store: Store, clock: Clock, ledger: RecordingLedger) -> None:
        self.clock = clock
        self.inventory: Inventory | None = inventory_of({"sales": NUMBERS})
        self.metrics = Metrics()
        self.health = NumberHealth(
            INSTANCE,
            store,
            cast("Ledger", ledger),
            inventory=lambda: self.inventory,
            clock=clock,
            metrics=self.metrics,
        )

    def note(self, number: str, *, answered: int, of: int, group: str = "sales") -> None:
        for n in range(of):
            self.health.note(number, "answered" if n < answered else "no_answer", used_by(group))

    def note_a_bad_one(self, group: str = "sales") -> None:
        """Five hours in which nine numbers are answered 40 of 100 calls, and one 10."""
        for _ in range(5):
            for number in PEERS:
                self.note(number, answered=8, of=20)
            self.note(BAD, answered=2, of=20, group=group)
            self.clock.now += 3600

    def counted(self, state: str) -> float:
        labels = {"instance": INSTANCE, "state": state}
        name = "callerid_health_transitions_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.health.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

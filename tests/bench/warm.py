"""Fills a Redis as the leader of a sweep would, so that a service starts from it and asks nobody.

A million numbers would take CCC's look-alike ten thousand calls; here they are written by the
service's own cache and members, and the lead rests, so that no sweep is due while we measure.
"""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from service.building import SCHEMA
from service.inventory import Inventory, PhoneNumber
from service.ledger import Park
from service.ledger.port import BATCH_TURNS
from service.ledger.shared.line import Line
from service.redis_.client import open_client
from service.sync import share
from service.sync.acceptance import SweepReport
from service.sync.cache import InventoryCache, Manifest
from service.sync.leader import Term
from service.sync.replica import Shared

INSTANCE = "ccc-test"
SCOPE_BASE = f"callerid:{SCHEMA}:{{{INSTANCE}}}:"
BASE = f"{SCOPE_BASE}{INSTANCE}:"
GROUPS = ("sales@ccc-test", "support@ccc-test", "survey@ccc-test")
SECONDS = 600.0  # nothing is given up here
RESTING_SECONDS = 3600.0


def numbers_of(
    count: int, groups: tuple[str, ...] = GROUPS[:1], start: int = 0
) -> list[PhoneNumber]:
    """So many numbers of one city, all of them in these groups."""
    first = 50_000_000 + start
    return [
        PhoneNumber(f"028{at:08d}", "四川", "成都", "028", "Outbound", skill_group_ids=groups)
        for at in range(first, first + count)
    ]


async def warm(url: str, numbers: list[PhoneNumber]) -> None:
    """Make these numbers the accepted inventory, and the ledger's members.

    Args:
        url: of Redis.
        numbers: all of them.
    """
    publish = await prepare(url, numbers)
    await publish()


async def prepare(url: str, numbers: list[PhoneNumber]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Do all of the same but the last step, which is left to be called: until then nobody sees it.

    Args:
        url: of Redis.
        numbers: all of them.
    """
    async with open_client(url, timeout=SECONDS) as client:
        cache = _Withholding(client, BASE)
        shared = replace(share(client, BASE), cache=cache)
        term = None
        while term is None:
            term = await shared.leader.acquire(early=True)
        inventory = Inventory(INSTANCE, term.fence, numbers)
        await shared.leader.hold(term, _publish(shared, inventory, term))
        await shared.leader.release(term, RESTING_SECONDS)

    async def publish() -> None:
        async with open_client(url, timeout=SECONDS) as client:
            assert await InventoryCache(client, BASE)._published(*cache.withheld)

    return publish


class _Withholding(InventoryCache):
    """Writes chunks, and keeps the manifest that names them."""

    withheld: tuple[Manifest, int]

    async def _published(self, manifest: Manifest, fence: int) -> bool:
        self.withheld = manifest, fence
        return True


async def _publish(shared: Shared, inventory: Inventory, term: Term) -> None:
    await shared.members.write(inventory, term.fence, "bench")
    report = SweepReport("accepted", term.now, 0.0, total=len(inventory))
    manifest = Manifest(inventory.generation, term.now, report, {})
    await shared.cache.write(inventory.numbers.values(), manifest, term.fence)


async def park(url: str, numbers: list[PhoneNumber]) -> None:
    """Take these numbers out for an hour, as an operator would."""
    until = time.time_ns() // 1_000_000 + 3_600_000
    client = open_client(url, timeout=SECONDS)
    async with client:
        line = Line(client, (BASE, f"{SCOPE_BASE}callee:"), "bench", SECONDS)
        for start in range(0, len(numbers), BATCH_TURNS):
            some = numbers[start : start + BATCH_TURNS]
            await line.call([Park(one.number, "operator", until) for one in some])
        await line.close()

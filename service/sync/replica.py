"""This replica's copy of what all have agreed on, and how the two are brought together.

A leader publishes: the ledger's members first, then the cache, then its own snapshot, so no
snapshot names a pool that the ledger lacks, and a number that left is out of the ledger before any
snapshot drops it. The others read. Nothing here decides what there is to be agreed on, or when.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from time import monotonic

import msgspec
from redis.asyncio import Redis

from service.garbage import passed_by
from service.inventory import Inventory, Moves, PhoneNumber, Terms, common_terms, moves_between
from service.ledger import NO_MEMBERS, MembersWriter
from service.ledger.record import Recall
from service.metrics import Metrics
from service.redis_.client import translated
from service.sync.cache import InventoryCache, Manifest
from service.sync.gauges import Gauges
from service.sync.leader import SharedLeader
from service.sync.state import State
from service.tasks import in_slices, wait_at_most

Subscriber = Callable[[Inventory, Moves], None]

STEP_SECONDS = 1.0  # less is the time that an answer takes
RESTORE_SECONDS = 1.0  # between two rewritings of all members, should one not have helped

_log = logging.getLogger(__name__)


class Shared(msgspec.Struct, frozen=True):
    """The store that the replicas of one instance share, over one client and one base."""

    leader: SharedLeader
    cache: InventoryCache
    members: MembersWriter


def share(client: Redis, base: str) -> Shared:
    """Put them together.

    Args:
        client: where Redis is; its timeout is the cache's, not that of a pick.
        base: what the ledger's keys begin with, its hash tag included.
    """
    return Shared(
        SharedLeader(client, base), InventoryCache(client, base), MembersWriter(client, base)
    )


class Replica:
    """Holds the state of one instance.

    Args:
        instance_id: whose inventory.
        shared: what the replicas have in common; None where this process is the only one.
        clock: Unix time in seconds, on a clock that nobody sets.
        new_id: makes the name of a new life of the ledger.
        metrics: where the numbers are shown.
    """

    def __init__(
        self,
        instance_id: str,
        shared: Shared | None,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        metrics: Metrics,
    ) -> None:
        self._instance_id = instance_id
        self._shared = shared
        self._clock = clock
        self._new_id = new_id
        self._restores = metrics.ledger_restores.labels(instance_id)
        self._gauges = Gauges(metrics, instance_id)
        self._callbacks: list[Subscriber] = []
        self._moves = Moves([], [])  # from the snapshot of now to what was built last
        self._told: int | None = None
        self._read: Manifest | None = None
        self._written: tuple[int, tuple[bytes, ...]] = 0, ()  # the generation, and its chunks
        self._terms_of: Callable[[PhoneNumber], Terms] = common_terms
        self._is_wiped = False
        self._restored_at = -RESTORE_SECONDS
        self._has_waited = False
        self.recall: Callable[[], Recall | None] = lambda: lambda _: None
        self.state = State()
        self.swapped = asyncio.Event()
        self.has_read = asyncio.Event()  # the cache, or found that it cannot be read now

    def subscribe(self, callback: Subscriber) -> None:
        """Have a function called with each new snapshot, and what changed since the last."""
        self._callbacks.append(callback)

    def hear(self, generation: int) -> bool:
        """Remember the generation of the ledger's members; True where that calls for a round."""
        if generation == NO_MEMBERS:
            self._is_wiped = True  # until there is another generation, whatever is heard meanwhile
            self._told = NO_MEMBERS
            return monotonic() >= self._restored_at + RESTORE_SECONDS
        if generation == self._told:
            return False
        self._told = generation
        inventory = self.state.inventory
        return inventory is None or generation > inventory.generation

    def set_terms(self, terms_of: Callable[[PhoneNumber], Terms]) -> None:
        """Have this tell the terms of each number's use from now."""
        self._terms_of = terms_of

    @property
    def is_wiped(self) -> bool:
        """True while the ledger is known to have lost what there is to restore."""
        return self._is_wiped and self.state.inventory is not None

    def is_to_restore(self) -> bool:
        """Return whether to write the ledger's members anew: it has lost them, or terms changed.

        Who does not know yet what was used leaves that to others for one round.
        """
        inventory = self.state.inventory
        if not self.is_wiped:
            return inventory is not None and inventory.terms_of is not self._terms_of
        if self.recall() is None and not self._has_waited:
            self._has_waited = True
            return False
        return monotonic() >= self._restored_at + RESTORE_SECONDS

    async def build(self, fence: int, numbers: Iterable[PhoneNumber]) -> Inventory:
        """Index a snapshot beside the picks, of a generation above all that was seen here."""
        known = self.state.inventory
        generation = max(fence, 0 if known is None else known.generation + 1)
        building = Inventory.building(self._instance_id, generation, numbers, self._terms_of)
        with passed_by():
            inventory = await in_slices(building)
            before = {} if known is None else known.homes()
            self._moves = await in_slices(moves_between(before, inventory.homes()))
        return inventory

    def set_clock(self, offset: float) -> None:
        """Go by the shared clock as it is now, which this process's own is `offset` ahead of."""
        if abs(offset - self.state.offset) > STEP_SECONDS:
            self.state = self.state.moved(offset)

    def adopt(self, state: State) -> None:
        """Take over a state; whoever subscribed sees a new snapshot before anybody reads it."""
        before, self.state = self.state, state
        self._gauges.show_sweep(state.report)
        if state.inventory is None or state.inventory is before.inventory:
            return
        self._told = None  # it was told of the members of before
        self._is_wiped = self._has_waited = False
        self._gauges.show(state.inventory.usages)
        for callback in self._callbacks:
            callback(state.inventory, self._moves)
        self.swapped.set()
        self.swapped = asyncio.Event()

    async def next_snapshot(self, seconds: float) -> None:
        """Wait for another snapshot, so long at the most."""
        await wait_at_most(seconds, self.swapped)

    async def read(self) -> None:
        """Take over what the cache has, if it is not older.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        try:
            if self._shared is not None:
                await self._read_from(self._shared.cache)
        finally:
            self.has_read.set()

    async def _read_from(self, cache: InventoryCache) -> None:
        manifest, now = await cache.manifest()
        mine = self.state.inventory
        if manifest is None or manifest == self._read:
            return
        if mine is not None and mine.generation > manifest.generation:
            return
        if mine is None or mine.generation < manifest.generation:
            numbers = await cache.numbers(manifest)
            if numbers is None:
                return
            mine = await self.build(manifest.generation, numbers)
            _log.info("%s: follows generation %d", self._instance_id, mine.generation)
        # A shared clock that was set back since: the age begins here.
        offset = self._clock() - max(now, manifest.swept_at)
        self.adopt(State(mine, manifest.absences, manifest.swept_at, manifest.report, offset))
        self._read = manifest

    async def publish(self, state: State, fence: int) -> None:
        """Make a state that of all replicas, and then of this one.

        Args:
            state: what is agreed on from now.
            fence: the leader's.

        Raises:
            StaleLeader: another replica has led since; the state is dropped.
            LedgerUnavailable: Redis does not serve; the state is dropped.
        """
        written = self._read
        if self._shared and state.inventory is not None:
            written = await self._write(self._shared, state.inventory, state, fence)
        self.adopt(state)
        self._read = written

    async def _write(
        self, shared: Shared, inventory: Inventory, state: State, fence: int
    ) -> Manifest:
        if inventory is not self.state.inventory or self._told != inventory.generation:
            known = (self.recall() or (lambda _: None)) if self._is_wiped else None
            with translated():
                await shared.members.write(inventory, fence, self._new_id(), known)
            if known is not None:
                self._restored_at = monotonic()
                self._restores.inc(self.state.inventory is not None)  # else it is a first start
        written, chunks = self._written
        manifest = Manifest(
            inventory.generation,
            state.swept_at,
            state.report,
            dict(state.absences),
            chunks if inventory.generation == written else (),
        )
        manifest = await shared.cache.write(inventory.numbers.values(), manifest, fence)
        self._written = inventory.generation, manifest.chunks
        return manifest

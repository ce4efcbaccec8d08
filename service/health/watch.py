"""The watch over the health of one instance's numbers.

An outcome is noted at once and written a second later; once a minute one replica judges, and the
ledger parks and caps what has changed. No pick waits for any of it. What a process has noted and
not yet written is lost with it: a second of evidence, no state.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain, islice

import msgspec

from service.errors import LedgerUnavailable
from service.health import rules
from service.health.look import Look, LookResult, lift, slices_of, telling
from service.health.store import SLICE, Change, Counted, HealthBatch, Store, decode, encode
from service.health.surroundings import Surroundings
from service.inventory import Inventory, Mark
from service.ledger import Cap, Ledger, apply_all
from service.ledger.port import Operation
from service.logs import mask
from service.metrics import Metrics
from service.tasks import heed_cancellation

WRITE_SECONDS = 1.0
LOOK_SECONDS = 60.0
MOST_WAITING = 50_000  # numbers and hours that wait for Redis: some 10 MB

_log = logging.getLogger(__name__)


class NumberHealth:
    """Counts, judges and acts; `run` must be running.

    Args:
        instance_id: whose numbers.
        store: where the records are.
        ledger: is told what a state means for picks.
        inventory: gives the snapshot, or None before the first.
        clock: seconds since 1970.
        metrics: counts the transitions.
    """

    def __init__(  # noqa: PLR0913 - keywords, each an edge of the process that a test replaces
        self,
        instance_id: str,
        store: Store,
        ledger: Ledger,
        *,
        inventory: Callable[[], Inventory | None],
        clock: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._instance_id = instance_id
        self._store = store
        self._ledger = ledger
        self._inventory = inventory
        self._clock = clock
        self._metrics = metrics
        self._surroundings = Surroundings(instance_id, store, metrics)
        self._waiting: dict[tuple[str, int, str, str], tuple[int, int]] = {}
        self._batch = HealthBatch(0, ())
        self._dropped = 0
        self._is_on = True
        for state in (rules.HEALTHY, rules.QUARANTINED, rules.PROBATION):
            metrics.health_transitions.labels(instance_id, state)  # 0 now, so that the first shows

    def turn(self, *, on: bool) -> None:
        """Watch from now on, or no more; parks stay until their end, caps are lifted by `rest`."""
        self._is_on = on
        if not on:
            self._waiting.clear()
            self._surroundings.hide()

    def note(self, number: str, result: str, mark: Mark) -> None:
        """Count one call; at once, and without I/O.

        Args:
            number: the caller number that was shown, "" where that cannot be told.
            result: as an outcome names it; what says nothing of the number is passed over.
            mark: of the number's use; one without a stratum has nothing to be compared with.
        """
        answered = rules.answered_of(result)
        if answered is None or not number or not mark.group or not self._is_on:
            return
        key = number, self._now() // rules.HOUR, mark.group, mark.province
        if key not in self._waiting and len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        before, attempts = self._waiting.get(key, (0, 0))
        self._waiting[key] = (before + answered, attempts + 1)

    async def shown(self, numbers: Sequence[str]) -> dict[str, str]:
        """Explain the state of each of these numbers that has ever left full health.

        Empty while Redis does not serve: the numbers can be shown all the same.
        """
        try:
            stored = await self._store.read(numbers) if self._is_on else {}
        except LedgerUnavailable:
            return {}
        records = ((number, decode(record)) for number, record in stored.items())
        return {number: record.reason for number, record in records if record and record.reason}

    async def lift(self, numbers: Sequence[str]) -> set[str]:
        """Put numbers that are in quarantine on probation; returns which, of at most `SLICE`.

        Raises:
            LedgerUnavailable: Redis does not serve; what the ledger missed the next look tells it.
        """
        lifted, left = set[str](), set(numbers)
        while left:  # once more where something was counted meanwhile
            results = lift(await self._store.read(list(left)), self._now())
            left = await self._act(results)
            lifted |= {result.number for result in results} - left
        return lifted

    async def run(self) -> None:
        """Write every second; look every minute, or rest while this is off; until cancelled."""
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        while True:
            with suppress(LedgerUnavailable):  # Redis is down: the ledger tells of it
                await self.write()
                if loop.time() >= look_at:
                    look_at = loop.time() + LOOK_SECONDS
                    await (self.look() if self._is_on else self.rest())
            heed_cancellation()
            await asyncio.sleep(WRITE_SECONDS)

    async def write(self) -> None:
        """Add what was noted to the records; what Redis does not take now, it takes later.

        Raises:
            LedgerUnavailable: Redis does not serve; a batch that may have been applied is kept
                as it is, and is sent again under its serial.
        """
        while self._batch.counted or self._waiting:
            if not self._batch.counted:
                self._batch = self._next_batch()
            await self._store.add(self._batch)
            self._batch = HealthBatch(self._batch.serial, ())
        if self._dropped:
            message = "%s: %d outcomes do not count for number health: too many waited for Redis"
            _log.warning(message, self._instance_id, self._dropped)
            self._dropped = 0

    async def look(self) -> None:
        """Show how groups are answered; judge every number, if it is this replica's turn.

        That happens in slices, between which others run.

        Raises:
            LedgerUnavailable: Redis does not serve; what was judged so far holds.
        """
        inventory, now, held = self._inventory(), self._now(), 0
        if inventory is None:
            return
        strata = await self._surroundings.at(now // rules.HOUR, inventory)
        if not await self._store.lead():
            return
        records = await self._store.read_all()
        look = Look(inventory, strata, now)
        for some in slices_of(records):
            look.add(some)
            await asyncio.sleep(0)
        for some in slices_of(records):
            results = [look.judge(*stored) for stored in some.items()]
            held += sum(result.held for result in results)
            await self._act(results)
            await asyncio.sleep(0)
        if held:
            message = "%s: %d more numbers look bad, of groups or places with too many out already"
            _log.warning(message, self._instance_id, held)

    async def rest(self) -> None:
        """Lift the caps of all states, as they have no end of their own, if it is this one's turn.

        The records stay, as ones that the ledger is to be told of again.

        Raises:
            LedgerUnavailable: Redis does not serve; the next rest lifts what is left.
        """
        if not await self._store.lead():
            return
        for some in slices_of(await self._store.read_all()):
            changes = []
            for number, stored in some.items():
                record = decode(stored)
                if record is not None and rules.daily_cap(record) and not record.untold:
                    await self._ledger.apply(Cap(number, 0))
                    untold = msgspec.structs.replace(record, untold=True)
                    changes.append(Change(number, stored, encode(untold)))
            await self._store.replace(changes)

    async def _act(self, results: Sequence[LookResult]) -> set[str]:
        """Store the new records first; who dies before the ledger is told, another tells it.

        Returns who was counted meanwhile, and is as before.
        """
        changes = [result for result in results if result.after != result.before]
        same = await self._store.replace(changes)
        lost = {change.number for change, was in zip(changes, same, strict=True) if not was}
        operations, told = list[Operation](), list[Change]()
        for result in filter(lambda result: result.number not in lost, results):
            if result.transition is not None:
                self._tell(result.number, result.transition)
            if result.record.untold:
                operations += telling(result.number, result.record)
                after = encode(msgspec.structs.replace(result.record, untold=False))
                told.append(Change(result.number, result.after, after))
        await apply_all(self._ledger, operations)
        agreed = await self._store.replace(told)
        await self._tell_anew(
            [one.number for one, was in zip(told, agreed, strict=True) if not was]
        )
        return lost

    async def _tell_anew(self, numbers: Sequence[str]) -> None:
        """Tell the ledger what stands now: what it was told may have overtaken a lift."""
        stored = await self._store.read(numbers)
        records = ((number, decode(record)) for number, record in stored.items())
        told = [telling(number, record) for number, record in records if record is not None]
        await apply_all(self._ledger, list(chain.from_iterable(told)))

    def _tell(self, number: str, transition: rules.Transition) -> None:
        before, after, reason = transition.before, transition.after, transition.reason
        self._metrics.health_transitions.labels(self._instance_id, after).inc()
        message = "%s: %s goes from %s to %s: %s"
        _log.warning(message, self._instance_id, mask(number), before, after, reason)

    def _next_batch(self) -> HealthBatch:
        some = [(key, self._waiting.pop(key)) for key in list(islice(self._waiting, SLICE))]
        counted = tuple(Counted(*key[:2], *count, *key[2:]) for key, count in some)
        return HealthBatch(self._batch.serial + 1, counted)

    def _now(self) -> int:
        return int(self._clock() * 1000)

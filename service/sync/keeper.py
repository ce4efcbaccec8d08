"""The keeper of one instance's inventory: follows what the replicas agree on, and leads in turn.

It decides when to read, to sweep and to write; `replica` holds the snapshot. The pages, what is
believed of them, the lead and the cache each have a module of their own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic
from zlib import crc32

import msgspec

from service import settings
from service.errors import CallerIdError, LedgerUnavailable, StaleLeader, SweepFailed
from service.inventory import Inventory, PhoneNumber, Terms
from service.ledger.record import Recall
from service.metrics import Metrics
from service.sync.acceptance import CONFIRMED, Policy, Sweep, SweepReport, judge, report_on
from service.sync.gauges import Sweeps
from service.sync.leader import Leader, SoleLeader, Term
from service.sync.replica import Replica, Shared, Subscriber
from service.sync.state import State
from service.tasks import heed_cancellation, wait_at_most

POLL_SECONDS = 5.0  # whoever has a ledger in Redis hears of a new generation at once
SHORTEST_PAUSE = 0.05  # between two rounds, however often they are asked for
RETRY_SECONDS = 5.0  # after a sweep that failed, while there is nothing to serve from
LONGEST_RETRY = 40.0  # it doubles: the others of the account want their share of its rate limit
PICK_PATIENCE = 0.02
REFRESH_PATIENCE = 60.0

_log = logging.getLogger(__name__)
Work = Callable[[Term], Awaitable[float]]  # a leader's; returns the seconds until the next sweep


class InventoryKeeper:
    """Keeps the snapshot of one instance; `run` must be running.

    Args:
        instance_id: whose inventory.
        sweep: reads all numbers from CCC, given those known, or raises SweepFailed.
        shared: what the replicas have in common; None where this process is the only one.
        config: how often to sweep, what is stale, what is not believed at once.
        clock: Unix time in seconds, on a clock that nobody sets.
        new_id: makes the name of a new life of the ledger.
        metrics: where sweeps and numbers are counted.
    """

    def __init__(  # noqa: PLR0913 - keywords, each an edge of the process that a test replaces
        self,
        instance_id: str,
        sweep: Callable[[Mapping[str, PhoneNumber]], Awaitable[Sweep]],
        shared: Shared | None,
        config: settings.InventorySettings,
        *,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        metrics: Metrics,
    ) -> None:
        self._instance_id = instance_id
        pace = 1 + crc32(instance_id.encode()) / 2**34  # so that many do not march
        self._poll_seconds = min(POLL_SECONDS, config.refresh_seconds / 4) * pace
        self._sweep_numbers = sweep
        self._config = config
        self._clock = clock
        self._replica = Replica(instance_id, shared, clock, new_id, metrics)
        self._alone = SoleLeader(clock)
        self._leader: Leader = shared.leader if shared else self._alone
        self._retry = RETRY_SECONDS  # after the next failure
        self._sweeps = Sweeps(metrics, instance_id)
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self.has_read = self._replica.has_read

    @property
    def inventory(self) -> Inventory | None:
        """The snapshot, None before the first; it may be another at the next reading."""
        return self._replica.state.inventory

    @property
    def age(self) -> float | None:
        """Seconds since a sweep, of any replica, confirmed the inventory; None where none is."""
        return self._replica.state.age(self._clock())

    @property
    def is_stale(self) -> bool:
        """True if the inventory has gone unconfirmed for too long, or there is none."""
        return self.age is None or self.age > self._config.stale_after_seconds

    @property
    def last_sweep(self) -> SweepReport:
        """The report on the last sweep that this replica made or heard of."""
        state = self._replica.state
        return msgspec.structs.replace(state.report, at=state.report.at + state.offset)

    def lists(self, number: str) -> bool:
        """Return whether a number is in the inventory, and not absent from the last sweep."""
        state = self._replica.state
        return number in (state.known or {}) and number not in state.absences

    def subscribe(self, callback: Subscriber) -> None:
        """Have a function called with each new snapshot, before anybody else sees it."""
        self._replica.subscribe(callback)

    def notice(self, generation: int) -> None:
        """Hear the generation of the ledger's members, 0 where it has lost them; cheap."""
        if self._replica.hear(generation):
            self._wake.set()

    def set_terms(self, terms_of: Callable[[PhoneNumber], Terms]) -> None:
        """Have this tell the terms of each number's use from now; members are written again."""
        self._replica.set_terms(terms_of)
        self._wake.set()

    def restore_from(self, recall: Callable[[], Recall | None]) -> None:
        """Have a wiped ledger get back what this tells of each number."""
        self._replica.recall = recall

    async def follow(self) -> None:
        """Look for a newer snapshot now; wait for it no longer than a pick can."""
        self._wake.set()
        await self._replica.next_snapshot(PICK_PATIENCE)

    async def run(self) -> None:
        """Follow, and sweep when that is due; until cancelled."""
        while True:
            self._wake.clear()
            try:
                async with self._turn:
                    await self._round()
            except StaleLeader as error:
                _log.warning("%s: %s", self._instance_id, error)
            except Exception:  # noqa: BLE001 - whatever it was, the next round may go well
                _log.exception("%s: the inventory's round failed; it is retried", self._instance_id)
            heed_cancellation()
            await asyncio.sleep(SHORTEST_PAUSE)
            await wait_at_most(self._poll_seconds, self._wake)

    async def refresh(self, *, accept_shrink: bool = False) -> SweepReport:
        """Sweep now, after the sweep that may be under way on any replica.

        Args:
            accept_shrink: believe what is absent at once, an empty answer too.

        Returns:
            How it went; `failed` also where no lead could be had.
        """
        async with self._turn:
            try:
                await self._sweep_early(partial(self._sweep, accept_shrink=accept_shrink))
            except (LedgerUnavailable, StaleLeader, SweepFailed) as error:
                self._failed(error)
        return self.last_sweep

    async def _sweep_early(self, sweep: Work) -> None:
        deadline = monotonic() + REFRESH_PATIENCE
        while not await self._lead(self._leader, sweep, early=True):
            if monotonic() > deadline:
                raise SweepFailed("Another replica has been sweeping all the while; ask again")
            await asyncio.sleep(SHORTEST_PAUSE)

    async def _round(self) -> None:
        try:
            await self._replica.read()
            if self._replica.is_to_restore():
                await self._lead(self._leader, self._restore, early=True)
            if not self._replica.is_wiped:  # else it is left to who knows more
                await self._lead(self._leader, self._sweep)
        except LedgerUnavailable:
            if self.inventory is None:
                await self._lead(self._alone, partial(self._sweep, alone=True))
        if self.age is not None:
            self._sweeps.show_age(self.age)

    async def _lead(self, leader: Leader, work: Work, *, early: bool = False) -> bool:
        """Do a leader's work, if the lead can be had."""
        rests = self._config.refresh_seconds, 2 * self.last_sweep.duration, LONGEST_RETRY
        term = await leader.acquire(early=early, longest_rest=max(rests))
        if term is None:
            return False
        self._replica.set_clock(self._clock() - term.now)
        pause = RETRY_SECONDS
        try:
            heed_cancellation()
            pause = await leader.hold(term, work(term))
        except asyncio.CancelledError:
            pause = 0.0  # this replica is closing: let another sweep at once
            raise
        finally:
            with suppress(LedgerUnavailable):
                await leader.release(term, pause)
        return True

    async def _restore(self, term: Term) -> float:
        """Write what is known anew: Redis was wiped, or terms changed. CCC is not needed."""
        state = self._replica.state
        # Under a new generation: another replica may have known a later one than this.
        inventory = await self._replica.build(term.fence, (state.known or {}).values())
        await self._replica.publish(msgspec.structs.replace(state, inventory=inventory), term.fence)
        _log.warning("%s: the ledger's members were rewritten", self._instance_id)
        return 0.0

    async def _sweep(
        self, term: Term, *, accept_shrink: bool = False, alone: bool = False
    ) -> float:
        if not alone:
            await self._replica.read()
        started = monotonic()
        try:
            sweep = await self._sweep_numbers(self._replica.state.known or {})
            sweep.check_readable(self._config.max_unreadable)
        except SweepFailed as error:
            self._failed(error, monotonic() - started)
            retry, self._retry = self._retry, min(2 * self._retry, LONGEST_RETRY)
            return retry if self.inventory is None else self._config.refresh_seconds
        self._retry = RETRY_SECONDS
        duration = monotonic() - started
        policy = Policy(self._config.max_shrink, accept_shrink)
        state = await self._weigh(sweep, term, policy, duration)
        if alone:
            self._replica.adopt(state)
        else:
            await self._replica.publish(state, term.fence)
        self._sweeps.tell(state.report)
        return max(self._config.refresh_seconds, 2 * duration)

    async def _weigh(self, sweep: Sweep, term: Term, policy: Policy, duration: float) -> State:
        """Weigh a sweep and return the state after it; many numbers are weighed in a thread."""
        before, known = self._replica.state, self._replica.state.known
        verdict = await asyncio.to_thread(judge, known, before.absences, sweep, term.now, policy)
        report = await asyncio.to_thread(report_on, known or {}, verdict, sweep, term.now, duration)
        inventory = before.inventory
        if verdict.numbers is not None and verdict.numbers is not known:
            inventory = await self._replica.build(term.fence, verdict.numbers.values())
        is_confirmed = report.result in CONFIRMED or not before.swept_at
        swept_at = term.now if is_confirmed else before.swept_at
        return State(inventory, verdict.absences, swept_at, report, before.offset)

    def _failed(self, error: CallerIdError, duration: float = 0.0) -> None:
        state = self._replica.state
        at = self._clock() - duration - state.offset
        report = state.report.failed(error, at, duration)
        self._replica.adopt(msgspec.structs.replace(state, report=report))
        self._sweeps.tell(report)

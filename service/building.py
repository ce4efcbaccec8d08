"""Build what runs for one configured instance: its keeper, its ledger, its health.

Built once at the start; `instances` holds it and changes what an operator may change.
"""

import math
import time
import uuid
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from random import SystemRandom
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from redis.asyncio import Redis

from service.ccc.client import CccClient
from service.coverage.demand import DAYS, Days, Demand
from service.coverage.headroom import show_headroom
from service.coverage.spare import SpareCities
from service.experiment import Experiment
from service.health import MemoryStore, NumberHealth, RedisStore
from service.ledger import Breaker, FailoverLedger, Ledger, LocalLedger, SharedLedger
from service.ledger.pace import LedgerClock
from service.ledger.protocol import keep_taking_back
from service.ledger.shared.line import Line
from service.ledger.shared.queue import CallQueue
from service.locality import Locator
from service.metrics import Metrics
from service.picking.instance import Digests
from service.picking.notes import LocalNotes, Notes, SharedNotes
from service.redis_.counts import Counts, LocalCounts, SharedCounts
from service.reports.calls import CallCounter
from service.reports.rows import LocalRows, SharedRows
from service.settings import InstanceSettings, Selection, Settings
from service.sync import (
    Available,
    DetailedSweep,
    InventoryKeeper,
    OwnInbox,
    SharedInbox,
    share,
)
from service.sync.sweeping import Sweeper

EXPERIMENT_DAYS = 400  # for which the counts of an experiment are kept after its last call

SCHEMA = 2  # of the keys in Redis; releases of one schema work side by side

Work = Callable[[], Coroutine[Any, Any, None]]
Now = Callable[[], int]


class InstanceParts(msgspec.Struct, frozen=True):
    """All that runs for one instance.

    `now` is the ledger's time in ms since 1970.
    """

    settings: InstanceSettings
    ccc: CccClient
    sweep: DetailedSweep
    keeper: InventoryKeeper
    ledger: Ledger
    now: Now
    health: NumberHealth
    demand: Demand
    experiment: Experiment
    calls: CallCounter
    spare: SpareCities
    notes: Notes
    metrics: Metrics

    def work(self) -> dict[str, Work]:
        """Map the names of the tasks that must run beside the picks to the tasks."""
        instance_id = self.settings.id
        available = Available(self.metrics, instance_id)
        work: dict[str, Work] = {
            "inventory": self.keeper.run,
            "returns": partial(keep_taking_back, self.ledger, instance_id, self.metrics),
            "demand": self.demand.run,
            "health": self.health.run,
            "experiment": self.experiment.run,
            "reports": self.calls.run,
            "spare-cities": self.spare.run,
            "available": partial(available.run, lambda: self.keeper.inventory, self.ledger.parked),
            "headroom": lambda: show_headroom(self.metrics, self.keeper, self.ledger.glance),
        }
        if isinstance(self.ledger, FailoverLedger):
            work |= self.ledger.work()
        return {f"{name} {instance_id}": task for name, task in work.items()}


class Builder:
    """Builds the parts of instances over what they share.

    Args:
        settings: the configuration.
        redis: the client of the ledgers; None embeds them.
        cache: the client of all that no pick waits for; None where there is no Redis.
        metrics: all metrics.
    """

    def __init__(
        self, settings: Settings, redis: Redis | None, cache: Redis | None, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._cache = cache
        self._metrics = metrics
        self._process = uuid.uuid4().hex
        self._unset = unset_clock()

    def build(self, instance: InstanceSettings, ccc: CccClient, locator: Locator) -> InstanceParts:
        """Build one instance's parts; nothing runs yet."""
        base = ledger_base(self._settings, instance)
        sweep = DetailedSweep(
            Sweeper(ccc, instance.id, locator),
            SharedInbox(self._cache, base) if self._cache is not None else OwnInbox(),
            lambda: keeper.inventory,
        )
        keeper = InventoryKeeper(
            instance.id,
            sweep,
            share(self._cache, base) if self._cache is not None else None,
            self._settings.inventory,
            clock=self._unset,
            new_id=lambda: uuid.uuid4().hex,
            metrics=self._metrics,
        )
        ledger, now = self._ledger(instance, keeper)
        health = self._health(instance, keeper, ledger, now)
        now_there = now_in(self._settings.selection_for(instance))
        demand = Demand(Days(self._counts(f"{base}demand:", DAYS + 1)), now_there)
        counts = self._counts(f"{base}experiment:", EXPERIMENT_DAYS)
        experiment = Experiment(instance.id, counts, now_there, self._metrics)
        rows = SharedRows(self._cache, f"{base}report:") if self._cache else LocalRows()
        calls = CallCounter(rows, now_there, lambda: keeper.inventory)
        spare = SpareCities(demand, lambda: keeper.inventory, ledger.glance)
        return InstanceParts(
            *(instance, ccc, sweep, keeper, ledger, now),
            *(health, demand, experiment, calls, spare, self._notes(instance, base)),
            self._metrics,
        )

    def _counts(self, base: str, days: int) -> Counts:
        if self._cache is None:
            return LocalCounts(days)
        return SharedCounts(self._cache, base, days * 86_400)

    def _notes(self, instance: InstanceSettings, base: str) -> Notes:
        if self._cache is None:
            return LocalNotes()
        digests = digests_of(self._settings, instance.id)
        return SharedNotes(self._cache, f"{base}note:", digests.park)

    def _ledger(self, instance: InstanceSettings, keeper: InventoryKeeper) -> tuple[Ledger, Now]:
        """Build the ledger, and what tells its time."""
        if self._redis is None:
            self._metrics.redis_up.set(math.nan)  # neither up nor down
            memory = LocalLedger(now_ms)
            keeper.subscribe(memory.replace)
            return memory, lambda: now_ms() + memory.clock_behind
        timeout = self._settings.redis.timeout_ms / 1000
        budget = self._settings.selection_for(instance).pick_timeout_ms / 1000
        callees = f"{scope_base(self._settings, instance.scope)}callee:"
        bases = ledger_base(self._settings, instance), callees
        line = Line(self._redis, bases, self._process, timeout)
        breaker = Breaker(line.name, SystemRandom(), self._metrics)
        queue = CallQueue(line, breaker, deadline=budget, metrics=self._metrics)
        clock = LedgerClock(now_ms, monotonic_ms)
        ledger = FailoverLedger(
            SharedLedger(line, queue, breaker),
            LocalLedger(clock, source="degraded", start=SystemRandom().random()),
            self._metrics,
            clock,
            keeper.notice,
        )
        keeper.subscribe(ledger.replace)
        keeper.restore_from(ledger.recall)
        return ledger, clock

    def _health(
        self, instance: InstanceSettings, keeper: InventoryKeeper, ledger: Ledger, now: Now
    ) -> NumberHealth:
        base = ledger_base(self._settings, instance)
        return NumberHealth(
            instance.id,
            RedisStore(self._cache, base, self._process) if self._cache else MemoryStore(),
            ledger,
            inventory=lambda: keeper.inventory,
            clock=lambda: now() / 1000,
            metrics=self._metrics,
        )


def scope_base(settings: Settings, scope: str) -> str:
    """Return what a scope's keys begin with; its hash tag keeps them in one slot."""
    return f"{settings.redis.prefix}:{SCHEMA}:{{{scope}}}:"


def ledger_base(settings: Settings, instance: InstanceSettings) -> str:
    """Return what the keys of an instance's ledger begin with."""
    return f"{scope_base(settings, instance.scope)}{instance.id}:"


def digests_of(settings: Settings, instance_id: str) -> Digests:
    """Make the digests of an instance under the configured key."""
    return Digests(settings.redis.digest_key.encode()[:64], instance_id)


def now_ms() -> int:
    """Return the instant, in ms since 1970."""
    return time.time_ns() // 1_000_000


def now_in(selection: Selection) -> Callable[[], datetime]:
    """Return what gives the time in the zone of an instance's selection."""
    return partial(datetime.now, ZoneInfo(selection.timezone))


def unset_clock() -> Callable[[], float]:
    """Make a clock of Unix time that nobody sets: from now on it goes by a monotonic one."""
    ahead = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead


def monotonic_ms() -> int:
    """Return ms that only go forward."""
    return time.monotonic_ns() // 1_000_000

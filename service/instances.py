"""The parts of each instance: its keeper, its ledger, its health, and what picks know of it.

Built once; what an operator may change while the service runs is changed by `apply`.
"""

import asyncio
import math
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from random import SystemRandom
from typing import Literal
from zlib import crc32

from redis.asyncio import Redis

from service.ccc.client import CccClient
from service.errors import LedgerUnavailable
from service.health import MemoryStore, NumberHealth, RedisStore
from service.inventory import Inventory, Moves
from service.ledger import Breaker, FailoverLedger, Ledger, MemoryLedger, RedisLedger, Rules
from service.ledger.shared.line import Line
from service.locality import Locator
from service.metrics import Metrics
from service.picking.instance import Digests, Instance
from service.policy import limits_namer, opens_at, rules_for
from service.settings import InstanceSettings, Settings
from service.sync import Available, DetailedSweep, InventoryKeeper, OwnInbox, SharedInbox, share
from service.sync.sweeping import sweep_numbers
from service.tasks import heed_cancellation

SCHEMA = 2  # of the keys in Redis; releases of one schema work side by side
RETURN_SECONDS = 1.0
AVAILABLE_SECONDS = 5.0
RETURNS_A_LOOK = 5  # at how many numbers are out
RULES_SECONDS = 3600.0  # how often the offsets from UTC around now are looked up again


class Instances(dict[str, Instance]):
    """The picking state of each instance, keyed by id.

    `work` is what has to run for them, by its name.
    """

    def __init__(
        self, settings: Settings, redis: Redis | None, cache: Redis | None, metrics: Metrics
    ) -> None:
        super().__init__()
        self.keepers: dict[str, InventoryKeeper] = {}
        self.sweeps: dict[str, DetailedSweep] = {}
        self.health: dict[str, NumberHealth] = {}
        self.work: dict[str, Callable[[], Awaitable[None]]] = {"rules": self._renew_rules}
        self._settings = settings
        self._redis = redis
        self._cache = cache
        self._metrics = metrics
        self._breakers: list[Breaker] = []
        self._limits: dict[str, frozenset[str]] = {}
        self._process = uuid.uuid4().hex

    @property
    def redis_state(self) -> Literal["up", "down", "embedded"]:
        """True if every ledger reaches Redis."""
        if self._redis is None:
            return "embedded"
        return "down" if any(breaker.is_open for breaker in self._breakers) else "up"

    def add(self, one: InstanceSettings, ccc: CccClient, locator: Locator) -> None:
        """Build an instance.

        Args:
            one: which.
            ccc: its client of CCC.
            locator: places its numbers.
        """
        base = self._base(one)
        sweep = self.sweeps[one.id] = DetailedSweep(
            partial(sweep_numbers, ccc, one.id, locator),
            SharedInbox(self._cache, f"{base}{one.id}:") if self._cache else OwnInbox(),
            lambda: keeper.inventory,
        )
        keeper = self.keepers[one.id] = InventoryKeeper(
            one.id,
            sweep,
            share(self._cache, f"{base}{one.id}:") if self._cache is not None else None,
            self._settings.inventory,
            clock=time.time,
            new_id=lambda: uuid.uuid4().hex,
            metrics=self._metrics,
        )
        keeper.name_limits(limits_namer(self._settings.numbers))
        ledger = self._ledger(one, keeper)
        self.work[f"inventory {one.id}"] = keeper.run
        self.work[f"returns {one.id}"] = partial(self._take_back, one.id, ledger)
        self.work[f"available {one.id}"] = partial(self._show_available, one.id, keeper, ledger)
        if self._settings.health.enabled:
            self._watch(one, keeper, ledger)
        self[one.id] = self._as_picked_for(one, keeper, ledger, ccc)
        keeper.subscribe(partial(self._heed_limits, one))

    def apply(self, settings: Settings) -> None:
        """Go by other rules from now; instances come and go only at a start.

        Args:
            settings: the configuration, read again.
        """
        self._settings = settings
        for one in settings.instances:
            if (known := self.get(one.id)) is not None:
                keeper = self.keepers[one.id]
                keeper.name_limits(limits_namer(settings.numbers))
                self[one.id] = self._as_picked_for(one, keeper, known.ledger, known.ccc)

    async def review(self) -> None:
        """Look again at what limits keep out."""
        for instance in self.values():
            await instance.ledger.review()

    def note_outcome(self, instance_id: str, number: str, result: str) -> None:
        """Feed a number's health with how a call ended."""
        if (health := self.health.get(instance_id)) is not None:
            health.note(number, result)

    async def health_shown(self, instance_id: str, numbers: Sequence[str]) -> Mapping[str, str]:
        """Explain the health of each of these numbers that has ever left full health."""
        health = self.health.get(instance_id)
        return await health.shown(numbers) if health is not None else {}

    def _as_picked_for(
        self, one: InstanceSettings, keeper: InventoryKeeper, ledger: Ledger, ccc: CccClient
    ) -> Instance:
        selection = self._settings.selection_for(one)
        rules = self._rules_for(one)
        ledger.rule(rules)
        asks = selection.fallback == "ccc"
        return Instance(
            instance_id=one.id,
            keeper=keeper,
            ledger=ledger,
            ccc=ccc,
            levels=selection.levels,
            fallback_seconds=selection.fallback_timeout_ms / 1000 if asks else 0.0,
            digests=Digests(self._settings.redis.digest_key.encode()[:64], one.id),
            knows_callees=rules.horizon > 0,
            opens_at=lambda: opens_at(selection, time.time()) if selection.calling_window else "",
        )

    def _ledger(self, one: InstanceSettings, keeper: InventoryKeeper) -> Ledger:
        if self._redis is None:
            self._metrics.redis_up.set(math.nan)  # neither up nor down
            memory = MemoryLedger(now_ms)
            keeper.subscribe(memory.replace)
            return memory
        timeout = self._settings.redis.timeout_ms / 1000
        budget = self._settings.selection_for(one).pick_timeout_ms / 1000
        breaker = Breaker(SystemRandom())
        self._breakers.append(breaker)
        bases = f"{self._base(one)}{one.id}:", f"{self._base(one)}callee:"
        shared = RedisLedger(
            Line(self._redis, bases, self._process, timeout),
            breaker,
            patience=max(0.0, budget - timeout),
            metrics=self._metrics,
            notice=keeper.notice,
        )
        standby = MemoryLedger(now_ms, source="degraded", unused_turn=self._scattered)
        ledger = FailoverLedger(shared, standby, self._metrics, now_ms)
        keeper.subscribe(ledger.replace)
        self.work[f"ledger {one.id}"] = ledger.run
        return ledger

    def _watch(self, one: InstanceSettings, keeper: InventoryKeeper, ledger: Ledger) -> None:
        base = f"{self._base(one)}{one.id}:"
        health = self.health[one.id] = NumberHealth(
            one.id,
            RedisStore(self._cache, base, self._process) if self._cache else MemoryStore(),
            ledger,
            inventory=lambda: keeper.inventory,
            clock=time.time,
            metrics=self._metrics,
        )
        self.work[f"health {one.id}"] = health.run

    def _base(self, one: InstanceSettings) -> str:
        """Return the prefix of a scope's keys; its hash tag keeps them in one slot."""
        return f"{self._settings.redis.prefix}:{SCHEMA}:{{{one.scope}}}:"

    def _scattered(self, number: str) -> int:
        """Orders unused numbers differently in each process, which all decide alone meanwhile."""
        return -1 - crc32((self._process + number).encode())

    async def _take_back(self, instance_id: str, ledger: Ledger) -> None:
        """Return numbers whose time has come, and show now and then how many are out."""
        shown: Counter[str] = Counter()
        randomness = SystemRandom()
        for turn in count():
            with suppress(LedgerUnavailable):
                await ledger.take_back()
                if turn % RETURNS_A_LOOK == 0:
                    parked = Counter(await ledger.parked_by())
                    for reason in parked.keys() | shown.keys():
                        self._metrics.numbers_parked.labels(instance_id, reason).set(parked[reason])
                    shown = parked
            heed_cancellation()
            await asyncio.sleep(RETURN_SECONDS * randomness.uniform(0.8, 1.0))  # all apart

    async def _show_available(
        self, instance_id: str, keeper: InventoryKeeper, ledger: Ledger
    ) -> None:
        """Show how many numbers may be picked now: it looks at all that are out, so not often."""
        available = Available(self._metrics, instance_id)
        while True:
            if keeper.inventory is not None:
                available.show(keeper.inventory, ledger.parked())
            await asyncio.sleep(AVAILABLE_SECONDS)

    async def _renew_rules(self) -> None:
        """Time zones change their offsets; the rules that are sent along must know in time."""
        while True:
            await asyncio.sleep(RULES_SECONDS)
            for one in self._settings.instances:
                if one.id in self:
                    self[one.id].ledger.rule(self._rules_for(one))

    def _rules_for(self, one: InstanceSettings) -> Rules:
        inventory = self.keepers[one.id].inventory
        return rules_for(
            self._settings,
            self._settings.selection_for(one),
            time.time(),
            inventory.limits if inventory else (),
        )

    def _heed_limits(self, one: InstanceSettings, inventory: Inventory, _: Moves) -> None:
        """Go by rules that fit the limits of the numbers: some may be the first to need leases."""
        if inventory.limits != self._limits.get(one.id):
            self._limits[one.id] = inventory.limits
            known, keeper = self[one.id], self.keepers[one.id]
            self[one.id] = self._as_picked_for(one, keeper, known.ledger, known.ccc)


def now_ms() -> int:
    """The instant, in ms since 1970."""
    return time.time_ns() // 1_000_000

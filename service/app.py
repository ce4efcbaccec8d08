"""The composition root: builds the parts, wires them, and owns their lifetimes.

Follow one pick from here: `api` reads the request, `picking` locates the callee and orders the
pools, `ledger` decides, and `sync` keeps the snapshot that both work on.
"""

import asyncio
import itertools
import logging
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from random import SystemRandom
from typing import Literal
from zlib import crc32

from aiohttp import web
from redis.asyncio import Redis

from service import api, prefix_table
from service.ccc.accounts import Accounts
from service.ccc.client import CccClient
from service.errors import SettingsError
from service.ledger import Breaker, FailoverLedger, Ledger, MemoryLedger, RedisLedger
from service.ledger.line import Line
from service.locality import Locator
from service.metrics import Metrics
from service.picking import Instance, Picker
from service.redis_client import open_client
from service.settings import Instance as InstanceSettings
from service.settings import Settings
from service.sync import InventoryKeeper, Localities, share, sweep_numbers
from service.tasks import keep_running, measure_lag

SCHEMA = 1  # of the keys in Redis; releases of one schema work side by side
CACHE_SECONDS = 2.0  # what the cache and the members may take; no pick waits for them
RETURN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Service:
    """One process of the service: its parts, and the work that goes on beside the requests.

    Args:
        settings: what the operator said.
        lifetime: closes what is opened here.
    """

    def __init__(self, settings: Settings, lifetime: AsyncExitStack) -> None:
        if not settings.instances:
            raise SettingsError(["instances: found none, expected at least one [[instances]]"])
        self.metrics = Metrics()
        self.draining = False
        self._settings = settings
        self._process = uuid.uuid4().hex
        self._breakers: list[Breaker] = []
        self._keepers: dict[str, InventoryKeeper] = {}
        self._work: dict[str, Callable[[], Awaitable[None]]] = {}
        self._locator = Locator(prefix_table.read(settings.locality.phone_dat))
        self._redis = _open_redis(settings, settings.redis.timeout_ms / 1000, lifetime)
        self._cache = _open_redis(settings, CACHE_SECONDS, lifetime)
        self._accounts = Accounts(settings, self._cache, self.metrics, lifetime)

    async def application(self) -> web.Application:
        """Build everything; nothing runs yet."""
        self._work["event-loop-lag"] = partial(measure_lag, self.metrics)
        clients = {one.id: await self._accounts.client_for(one) for one in self._settings.instances}
        localities = Localities(
            self._locator,
            clients,
            redis=self._cache,
            key=f"{self._settings.redis.prefix}:{SCHEMA}:localities",
            clock=time.monotonic,
            metrics=self.metrics,
        )
        self._work["localities"] = localities.run
        instances = {
            one.id: self._instance(one, clients[one.id]) for one in self._settings.instances
        }
        return api.build(
            api.Parts(
                settings=self._settings,
                picker=Picker(instances, self._locator, localities, self.metrics),
                keepers=self._keepers,
                metrics=self.metrics,
                health=self.health,
                is_draining=lambda: self.draining,
                new_id=_request_ids(),
                timer=time.perf_counter,
            )
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run what goes on beside the requests."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(keep_running(name, work, self.metrics), name=name)
                for name, work in self._work.items()
            ]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()

    def health(self) -> api.Health:
        """How the components are now."""
        inventories: dict[str, Literal["ready", "stale", "missing"]] = {
            name: "missing" if keeper.inventory is None else "stale" if keeper.is_stale else "ready"
            for name, keeper in self._keepers.items()
        }
        redis: Literal["up", "down", "embedded"] = "embedded"
        if self._redis is not None:
            redis = "down" if any(one.is_open for one in self._breakers) else "up"
        return api.Health(inventories, redis, self.draining)

    def _instance(self, one: InstanceSettings, ccc: CccClient) -> Instance:
        selection = self._settings.selection_for(one)
        base = f"{self._settings.redis.prefix}:{SCHEMA}:{{{one.scope}}}:{one.id}:"
        keeper = InventoryKeeper(
            one.id,
            partial(sweep_numbers, ccc, one.id, self._locator),
            share(self._cache, base) if self._cache is not None else None,
            self._settings.inventory,
            clock=time.time,
            new_id=_new_id,
            metrics=self.metrics,
        )
        self._keepers[one.id] = keeper
        self._work[f"inventory {one.id}"] = keeper.run
        return Instance(
            instance_id=one.id,
            keeper=keeper,
            ledger=self._ledger(one.id, base, keeper, selection.pick_timeout_ms / 1000),
            ccc=ccc,
            levels=selection.levels,
            fallback_seconds=(
                selection.fallback_timeout_ms / 1000 if selection.fallback == "ccc" else 0.0
            ),
        )

    def _ledger(self, name: str, base: str, keeper: InventoryKeeper, budget: float) -> Ledger:
        if self._redis is None:
            memory = MemoryLedger(_now_ms)
            keeper.subscribe(memory.replace)
            self._work[f"returns {name}"] = partial(_take_back, memory)
            return memory
        timeout = self._settings.redis.timeout_ms / 1000
        breaker = Breaker(SystemRandom())
        self._breakers.append(breaker)
        shared = RedisLedger(
            Line(self._redis, base, self._process, timeout),
            breaker,
            patience=max(0.0, budget - timeout),
            metrics=self.metrics,
            notice=keeper.notice,
        )
        self._work[f"ledger {name}"] = shared.run
        standby = MemoryLedger(_now_ms, source="degraded", unused_turn=self._scattered)
        keeper.subscribe(standby.replace)
        ledger = FailoverLedger(shared, standby, self.metrics)
        self._work[f"returns {name}"] = partial(_take_back, ledger)
        return ledger

    def _scattered(self, number: str) -> int:
        """Orders unused numbers differently in each process, which all decide alone meanwhile."""
        return -1 - crc32((self._process + number).encode())


@asynccontextmanager
async def listening(
    settings: Settings, *, share_port: bool = False
) -> AsyncIterator[tuple[Service, str]]:
    """A service at work behind its open port, and the port's address.

    Args:
        settings: what the operator said.
        share_port: listen beside other workers.

    Raises:
        SettingsError: the configuration lacks what a server needs.
        OSError: the address is taken or not this machine's.
    """
    async with AsyncExitStack() as lifetime:
        service = Service(settings, lifetime)
        runner = api.make_runner(await service.application())
        # Left in the opposite order: the last picks are answered while the ledger still works.
        await lifetime.enter_async_context(service.working())
        lifetime.push_async_callback(runner.cleanup)
        await runner.setup()
        host, port = settings.server.host, settings.server.port
        await web.TCPSite(runner, host, port, reuse_port=share_port or None).start()
        yield service, f"http://{host}:{runner.addresses[0][1]}"


async def serve(
    settings: Settings, *, share_port: bool = False, ready: Callable[[str], object] = _log.info
) -> None:
    """Serve until SIGTERM or SIGINT, then drain: unready at once, closed after `drain_seconds`.

    Args:
        settings: what the operator said.
        share_port: listen beside other workers.
        ready: told the address once the port is open.

    Raises:
        SettingsError, OSError: as `listening`.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(settings, share_port=share_port) as (service, address):
        ready(address)
        await stop.wait()
        service.draining = True
        await asyncio.sleep(settings.server.drain_seconds)


async def _take_back(ledger: Ledger) -> None:
    while True:
        await ledger.take_back()
        await asyncio.sleep(RETURN_SECONDS)


def _open_redis(settings: Settings, timeout: float, lifetime: AsyncExitStack) -> Redis | None:
    if not settings.redis.url:
        return None
    client = open_client(settings.redis.url, timeout=timeout)
    lifetime.push_async_callback(client.aclose)
    return client


def _new_id() -> str:
    return uuid.uuid4().hex


def _request_ids() -> Callable[[], str]:
    """Ids that nobody else makes, for less than a random one each: a pick waits for its own."""
    start, count = uuid.uuid4().hex[:20], itertools.count()
    return lambda: f"{start}{next(count):012x}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

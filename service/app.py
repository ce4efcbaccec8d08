"""The composition root: builds the parts, wires them, and owns their lifetimes.

Follow one pick from here: `api` reads the request, `picking` locates the callee and orders the
pools, `ledger` decides, and `sync` keeps the snapshot that both work on.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Literal

from aiohttp import web
from redis.asyncio import Redis

from service import api
from service.addresses import to_listen
from service.api.nonces import SharedNonces
from service.api.parts import API, request_ids
from service.building import SCHEMA, Builder, Work, now_ms
from service.ccc.accounts import Accounts
from service.ccc.client import CccClient
from service.errors import LedgerUnavailable, SettingsError
from service.instances import Instances
from service.locality import Locator, prefix_table
from service.metrics import Metrics
from service.numbers.callees import Callees
from service.numbers.coverages import Coverages
from service.numbers.directory import Directory
from service.numbers.overview import Overviews
from service.numbers.parking import Parking
from service.outcomes import Outcomes
from service.picking.picker import Picker
from service.picking.trial import Trials
from service.provisioning.provisioner import Provisioner, Target
from service.redis_.client import open_client, open_topology
from service.settings import Settings
from service.settings.reloading import taking_hold, waiting
from service.settings.rules import without_effect
from service.sync import Localities
from service.tasks import keep_running, measure_lag
from service.tracing import make_spans

CACHE_SECONDS = 2.0  # what the cache and the members may take; no pick waits for them
SETTLE_SECONDS = 5.0  # before the port opens, at the most

_log = logging.getLogger(__name__)


class Service:
    """One process of the service: its parts, and the work that goes on beside the requests.

    Args:
        settings: what the operator said.
        lifetime: closes what is opened here.
    """

    def __init__(self, settings: Settings, lifetime: AsyncExitStack) -> None:
        self.metrics = Metrics()
        self.draining = asyncio.Event()
        self._has_numbers = asyncio.Event()
        self._settings = settings
        self._lifetime = lifetime
        self._locator = Locator(prefix_table.read(settings.locality.phone_dat))
        self._topology = open_topology(settings.redis.url) if settings.redis.url else None
        self._redis = self._open_redis(settings.redis.timeout_ms / 1000, lifetime)
        self._cache = self._open_redis(CACHE_SECONDS, lifetime)
        self._accounts = Accounts(settings, self._cache, self.metrics, lifetime)
        self._work: dict[str, Work] = {"event-loop-lag": partial(measure_lag, self.metrics)}
        if self._topology is not None:
            lifetime.push_async_callback(self._topology.aclose)
            self._work["redis-topology"] = self._topology.run

    async def application(self) -> web.Application:
        """Build everything; nothing runs yet."""
        settings = self._settings
        _warn_of_no_effect(settings)
        clients = {one.id: await self._accounts.client_for(one) for one in settings.instances}
        builder = Builder(settings, self._redis, self._cache, self.metrics)
        built = [builder.build(one, clients[one.id], self._locator) for one in settings.instances]
        self._instances = Instances(settings, built, self._locator)
        for keeper in self._instances.keepers.values():
            keeper.subscribe(lambda *_: self._has_numbers.set())
        outcomes = self._outcomes = Outcomes(
            self._instances,
            self._locator,
            self.metrics,
            sip_actions=settings.sip_actions,
            note_end=self._instances.note_outcome,
        )
        localities = self._localities(clients)
        self._work |= {"localities": localities.run, "outcomes": outcomes.run}
        self._work |= self._instances.work()
        picker = Picker(self._instances, self._locator, localities, self.metrics)
        make_spans(picker, self._instances.parts, self._lifetime)
        app = api.build(self._parts(picker, outcomes))
        self._api = app[API]
        return app

    def _localities(self, clients: Mapping[str, CccClient]) -> Localities:
        return Localities(
            self._locator,
            clients,
            redis=self._cache,
            key=f"{self._settings.redis.prefix}:{SCHEMA}:localities",
            clock=time.monotonic,
            metrics=self.metrics,
        )

    def _parts(self, picker: Picker, outcomes: Outcomes) -> api.Parts:
        instances = self._instances
        built = instances.parts.items()
        targets = {name: Target(name, one.ccc, one.keeper, one.sweep) for name, one in built}
        return api.Parts(
            settings=self._settings,
            picker=picker,
            outcomes=outcomes,
            directory=Directory(instances, instances.health_shown),
            parking=Parking(instances, instances.lift_quarantine),
            callees=Callees(instances, self._locator),
            provisioner=Provisioner(targets),
            keepers=instances.keepers,
            metrics=self.metrics,
            health=self.health,
            is_draining=self.draining.is_set,
            new_id=request_ids(),
            timer=time.perf_counter,
            nonces=self._nonces(),
            overviews=Overviews(instances, now_ms, time.perf_counter),
            trials=Trials(instances, self._locator, picker),
            coverages=Coverages(instances, self._locator),
            experiments={name: one.experiment for name, one in built},
            calls={name: one.calls for name, one in built},
            unused_overrides=instances.unused_overrides,
        )

    def _nonces(self) -> SharedNonces | None:
        if self._cache is None:
            return None
        return SharedNonces(self._cache, f"{self._settings.redis.prefix}:{SCHEMA}:nonce:")

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run what goes on beside the requests."""
        if self._topology is not None:
            await self._topology.search()  # or the rest would start as if Redis were down
        running = [
            asyncio.create_task(keep_running(name, work, self.metrics))
            for name, work in self._work.items()
        ]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def settle(self, *, for_numbers: bool) -> None:
        """Wait up to `SETTLE_SECONDS` until every instance's cache is read or cannot be read now.

        Args:
            for_numbers: wait for a first inventory too, which CCC may have to be asked for.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                for keeper in self._instances.keepers.values():
                    await keeper.has_read.wait()
                if for_numbers:
                    await self._has_numbers.wait()

    async def reload(self, read: Callable[[], Settings]) -> None:
        """Read the configuration again; a bad one is refused, told and counted.

        Credentials, limits, rules, levels, windows, overrides, SIP actions, number health, reports
        and the experiment take hold at once, and what limits keep out is looked at again. What else
        has changed waits for a start, and is named.
        """
        try:
            # A table of prefixes takes a while.
            wanted = await asyncio.to_thread(read)
            settings = taking_hold(self._settings, wanted)
            self._instances.apply(settings)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next one may be read
            self.metrics.config_reloads.labels("refused").inc()
            text = "The configuration was not reloaded, the old one stays: %s"
            _log.error(text, error, exc_info=not isinstance(error, SettingsError))
            return
        self._api.admit_by(settings)
        self._outcomes.act_by(settings.sip_actions)
        _warn_of_no_effect(settings)
        self.metrics.config_reloads.labels("taken").inc()
        _log.info("The configuration was reloaded")
        if keys := waiting(self._settings, wanted):
            _log.warning("What was changed here waits for a restart: %s", ", ".join(keys))
        try:
            await self._instances.review()
        except LedgerUnavailable:
            _log.warning("Redis is unreachable: parked numbers are reviewed when it returns")

    def _open_redis(self, timeout: float, lifetime: AsyncExitStack) -> Redis | None:
        if not self._settings.redis.url:
            return None
        client = open_client(self._topology or self._settings.redis.url, timeout=timeout)
        lifetime.push_async_callback(client.aclose)
        return client

    def health(self) -> api.Components:
        """Return the state of the components now."""
        inventories: dict[str, Literal["ready", "stale", "missing"]] = {
            name: "missing" if keeper.inventory is None else "stale" if keeper.is_stale else "ready"
            for name, keeper in self._instances.keepers.items()
        }
        state, words = self._instances.redis_state, self._instances.redis_trouble
        return api.Components(inventories, state, self.draining.is_set(), words)


def _warn_of_no_effect(settings: Settings) -> None:
    for text in without_effect(settings):
        _log.warning("A key of the configuration has nothing to act on: %s", text)


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
        CannotListen: the address is taken or not this machine's.
    """
    async with AsyncExitStack() as lifetime:
        service = Service(settings, lifetime)
        runner = api.make_runner(await service.application())
        # Left in the opposite order: the last picks are answered while the ledger still works.
        await lifetime.enter_async_context(service.working())
        lifetime.push_async_callback(runner.cleanup)
        await runner.setup()
        # Beside workers that have numbers, one that has none would refuse what they can answer.
        await service.settle(for_numbers=share_port)
        host, port = settings.server.host, settings.server.port
        with to_listen(host, port):
            await api.Site(runner, host, port, share_port=share_port).start()
        yield service, f"http://{host}:{runner.addresses[0][1]}"

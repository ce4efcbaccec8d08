"""The clients of all instances: one session an endpoint, one rate limit an account.

Alibaba counts requests per account, over all its keys and programs. An account goes by the name
that the configuration gives it, else by the key; instances on the official chain share one.
"""

import hashlib
import time
from contextlib import AsyncExitStack
from random import SystemRandom

import aiohttp
from redis.asyncio import Redis

from service.ccc.client import CccClient
from service.ccc.credentials import (
    AccessKey,
    ChainCredentials,
    Credentials,
    StaticCredentials,
)
from service.ccc.endpoints import endpoint_of, open_session
from service.ccc.limiter import Limiter, LocalLimiter, SharedLimiter
from service.metrics import Metrics
from service.settings import InstanceSettings, Settings


class Accounts:
    """Makes a client for each instance, from what they share.

    Args:
        settings: the configuration.
        redis: where the replicas share a rate limit; None for one process alone.
        metrics: counts the requests.
        lifetime: closes the sessions.
    """

    def __init__(
        self, settings: Settings, redis: Redis | None, metrics: Metrics, lifetime: AsyncExitStack
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._metrics = metrics
        self._lifetime = lifetime
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._limiters: dict[str, Limiter] = {}
        self._chain: ChainCredentials | None = None

    async def client_for(self, instance: InstanceSettings) -> CccClient:
        """The client that asks CCC for one instance."""
        own, endpoint = instance.ccc, self.endpoint_for(instance)
        return CccClient(
            await self._session(endpoint),
            endpoint,
            self._credentials(instance),
            self._limiter(own.account or own.access_key_id),
            timeout=self._settings.ccc.timeout_ms / 1000,
            clock=time.time,
            randomness=SystemRandom(),
            observe=self._observe,
        )

    def endpoint_for(self, instance: InstanceSettings) -> str:
        """The address at which CCC is asked for one instance."""
        own = instance.ccc
        of_region = endpoint_of(own.region) if own.region else self._settings.ccc.endpoint
        return own.endpoint or of_region

    async def _session(self, endpoint: str) -> aiohttp.ClientSession:
        if endpoint not in self._sessions:
            session = open_session(endpoint)
            self._sessions[endpoint] = await self._lifetime.enter_async_context(session)
        return self._sessions[endpoint]

    def _credentials(self, instance: InstanceSettings) -> Credentials:
        own = instance.ccc
        if own.access_key_id:
            key = AccessKey(own.access_key_id, own.access_key_secret, own.security_token)
            return StaticCredentials(key)
        if self._chain is None:
            self._chain = ChainCredentials(clock=time.monotonic)
            self._lifetime.callback(self._chain.close)
        return self._chain

    def _limiter(self, account: str) -> Limiter:
        if account not in self._limiters:
            local = LocalLimiter(self._settings.ccc.max_requests_per_second, clock=time.monotonic)
            self._limiters[account] = local
            if self._redis is not None:
                name = hashlib.sha256(account.encode()).hexdigest()[:16]
                key = f"{self._settings.redis.prefix}:1:{{{name}}}:ccc-rate"
                self._limiters[account] = SharedLimiter(self._redis, key, local)
        return self._limiters[account]

    def _observe(self, action: str, code: str, seconds: float) -> None:
        self._metrics.ccc_requests.labels(action, code).inc()
        self._metrics.ccc_request_duration.labels(action).observe(seconds)

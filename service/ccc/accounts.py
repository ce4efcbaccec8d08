"""The clients of all instances: one session an endpoint, one rate limit an account.

Alibaba counts requests per account, over all its keys and programs. A key is the best name that
an account has here; instances on the official chain share one.
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
from service.ccc.limiter import Limiter, LocalLimiter, SharedLimiter
from service.ccc.session import open_session
from service.metrics import Metrics
from service.settings import Instance, Settings


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

    async def client_for(self, instance: Instance) -> CccClient:
        """The client that asks CCC for one instance."""
        ccc = self._settings.ccc
        endpoint = instance.ccc.endpoint or ccc.endpoint
        return CccClient(
            await self._session(endpoint),
            endpoint,
            self._credentials(instance),
            self._limiter(instance.ccc.access_key_id),
            timeout=ccc.timeout_ms / 1000,
            clock=time.time,
            randomness=SystemRandom(),
            observe=self._observe,
        )

    async def _session(self, endpoint: str) -> aiohttp.ClientSession:
        if endpoint not in self._sessions:
            session = open_session(endpoint)
            self._sessions[endpoint] = await self._lifetime.enter_async_context(session)
        return self._sessions[endpoint]

    def _credentials(self, instance: Instance) -> Credentials:
        own = instance.ccc
        if own.access_key_id:
            key = AccessKey(own.access_key_id, own.access_key_secret, own.security_token)
            return StaticCredentials(key)
        if self._chain is None:
            self._chain = ChainCredentials(clock=time.monotonic)
            self._lifetime.callback(self._chain.close)
        return self._chain

    def _limiter(self, access_key_id: str) -> Limiter:
        if access_key_id not in self._limiters:
            local = LocalLimiter(self._settings.ccc.max_requests_per_second, clock=time.monotonic)
            self._limiters[access_key_id] = local
            if self._redis is not None:
                account = hashlib.sha256(access_key_id.encode()).hexdigest()[:16]
                key = f"{self._settings.redis.prefix}:1:{{{account}}}:ccc-rate"
                self._limiters[access_key_id] = SharedLimiter(self._redis, key, local)
        return self._limiters[access_key_id]

    def _observe(self, action: str, code: str, seconds: float) -> None:
        self._metrics.ccc_requests.labels(action, code).inc()
        self._metrics.ccc_request_duration.labels(action).observe(seconds)

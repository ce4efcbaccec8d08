"""The connection of one line: opened beside the calls, at the server that holds its keys now.

Connecting has a budget of its own, that of `redis_.connections`. Calls wait for it no longer than
for an answer, and it goes on when they give up: so a Redis that is far away is connected to while
picks are decided without it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from service.ledger.shared.exchange import Exchange
from service.redis_.client import RoutingClient, client_for
from service.redis_.connections import CONNECT_SECONDS


class Connector:
    """Holds one connection, or the opening of one.

    Args:
        client: where Redis is.
        key: one of the line's; beyond one server, it is where this is that counts.
        prepare: is done with a new connection before it is used.
        timeout: seconds that a reply may take from then on.
    """

    def __init__(
        self,
        client: Redis,
        key: str,
        prepare: Callable[[Exchange], Awaitable[None]],
        timeout: float,
    ) -> None:
        self._client = client
        self._key = key
        self._prepare = prepare
        self._timeout = timeout
        self._is_routed = isinstance(client, RoutingClient)
        self._home = client
        self._exchange: Exchange | None = None
        self._opening: asyncio.Task[Exchange] | None = None

    @property
    def current(self) -> Exchange | None:
        """The connection to the server that holds the keys now, None where it is to be opened."""
        exchange = self._exchange
        if exchange is None or not exchange.is_open or self._server() is not self._home:
            return None
        return exchange

    async def opened(self) -> Exchange:
        """Return the connection, once it is open.

        Raises:
            redis.exceptions.RedisError: there is none to be had.
            OSError: likewise; the end of its budget too.
        """
        if (exchange := self.current) is not None:
            return exchange
        if (home := self._server()) is not self._home:
            self._home = home
            await self.end()
        if self._opening is None:
            await self.close()
            self._opening = asyncio.create_task(self._open(), name="ledger-connecting")
            self._opening.add_done_callback(self._take)
        return await asyncio.shield(self._opening)

    async def close(self, *, nowait: bool = False) -> None:
        """Close in good order, or at once; the next call opens another."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close(nowait=nowait)

    async def end(self) -> None:
        """Close what is open, and what is being opened."""
        if (opening := self._opening) is not None:
            opening.cancel()
            await asyncio.wait([opening])
        await self.close(nowait=True)

    def _server(self) -> Redis:
        return client_for(self._client, self._key) if self._is_routed else self._client

    async def _open(self) -> Exchange:
        pool = cast("Any", self._home.connection_pool)
        connection: AbstractConnection = pool.make_connection()
        try:
            await connection.connect()
            exchange = Exchange(connection)
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._prepare(exchange)
            exchange.timeout = self._timeout
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return exchange

    def _take(self, opening: asyncio.Task[Exchange]) -> None:
        self._opening = None
        with suppress(BaseException):  # whoever waits for it is told
            self._exchange = opening.result()

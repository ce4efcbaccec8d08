"""Follow servers that move, as Sentinels and a cluster both need: search, and again when in doubt.

What was found last stands until more than half of those who are asked have told otherwise: no
failover is agreed on by fewer, so what fewer tell may be the old state of a part cut off. And it
stands against those who have not heard yet of the latest failover that somebody has told of.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from service.redis_.url import Address, RedisUrl
from service.tasks import heed_cancellation

ASK_SECONDS = 0.3  # for one answer, connecting included; all are asked at once
REFRESH_SECONDS = 1.0
SHORTEST_PAUSE = 0.05  # between two searches, however many doubts there are
BEHIND_SECONDS = 10.0  # who has not heard of a failover for so long never will: it is undone

T = TypeVar("T")


class Topology(ABC):
    """The present addresses of the servers; `run` must be running.

    Args:
        url: whom to ask, and how the servers are spoken to.
    """

    checks_role = False  # whether a server must say that it is a master before it is spoken to

    def __init__(self, url: RedisUrl) -> None:
        self.options: dict[str, Any] = {**parse_url(url.server)}
        self.options.pop("host", None)
        self.is_tls = self.options.pop("connection_class", None) is not None
        self._doubted = asyncio.Event()
        self._epoch = 0
        self._heard_at = 0.0
        self._asked: dict[Address, Redis] = {}

    @abstractmethod
    def address_of(self, key: str | bytes) -> Address:
        """The server that holds a key, as far as is known.

        Raises:
            redis.exceptions.ConnectionError: none is known.
        """

    @abstractmethod
    def masters(self) -> tuple[Address, ...]:
        """The servers that hold data, as far as is known."""

    @abstractmethod
    async def search(self) -> None:
        """Ask where the servers are, and remember it; what fails is asked again."""

    def doubt(self, error: BaseException) -> None:  # noqa: ARG002 - a cluster's errors tell more
        """A server has not answered, or not as a master does: search soon."""
        self._doubted.set()

    async def run(self) -> None:
        """Search now and then, and at once when there is doubt; until cancelled."""
        while True:
            self._doubted.clear()
            await self.search()
            heed_cancellation()
            await asyncio.sleep(SHORTEST_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._doubted.wait()

    async def aclose(self) -> None:
        """Close the connections of the search."""
        for client in self._asked.values():
            await client.aclose()

    def _is_news(self, answers: int, asked: int, epoch: int) -> bool:
        """Return whether answers of this epoch, from so many servers, replace what is known."""
        now = asyncio.get_running_loop().time()
        if not answers or (self._heard_at and 2 * answers <= asked):
            return False
        if epoch < self._epoch and now < self._heard_at + BEHIND_SECONDS:
            return False
        self._epoch, self._heard_at = epoch, now
        return True

    async def _ask_all(
        self, whom: Sequence[Address], ask: Callable[[Redis], Awaitable[T]]
    ) -> list[T | None]:
        """Ask each of them, in their order; None for one that does not answer."""
        return list(await asyncio.gather(*(self._ask(each, ask) for each in whom)))

    async def _ask(self, whom: Address, ask: Callable[[Redis], Awaitable[T]]) -> T | None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await ask(self._client_of(whom))
        except (RedisError, OSError):
            return None

    def _client_of(self, whom: Address) -> Redis:
        if whom not in self._asked:
            self._asked[whom] = Redis(
                **self._options_to_ask(),
                host=whom[0],
                port=whom[1],
                ssl=self.is_tls,
                socket_timeout=ASK_SECONDS,
                socket_connect_timeout=ASK_SECONDS,
                retry=Retry(NoBackoff(), 0),
                client_name="callerid",
                protocol=2,
                driver_info=None,
            )
        return self._asked[whom]

    def _options_to_ask(self) -> dict[str, Any]:
        return self.options


class FollowedConnection(Connection):
    """To a server that a topology has named.

    Args:
        topology: who named it.
        kwargs: redis-py's own.
    """

    def __init__(self, *, topology: Topology, **kwargs: Any) -> None:
        self._topology = topology
        super().__init__(**kwargs)

    async def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Greet the server; it must say that it is a master where that may have changed."""
        await super().on_connect_check_health(check_health=check_health)
        if self._topology.checks_role:
            await self.send_command("ROLE", check_health=False)
            role = await self.read_response()
            if role[0] != b"master":
                error = RedisConnectionError("The server is not a master any more")
                self._topology.doubt(error)
                raise error

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read; an error may mean that the server is not the right one any more."""
        try:
            return await super().read_response(*args, **kwargs)
        except (RedisError, OSError) as error:
            self._topology.doubt(error)
            raise

    async def _connect(self) -> None:
        try:
            await super()._connect()  # type: ignore[no-untyped-call] # redis-py's hook for transports
        except OSError as error:
            self._topology.doubt(error)
            raise


class FollowedTlsConnection(FollowedConnection, SSLConnection):
    """The same over TLS."""


def connection_class(topology: Topology) -> type[FollowedConnection]:
    """Return the class of connections to the servers of a topology."""
    return FollowedTlsConnection if topology.is_tls else FollowedConnection

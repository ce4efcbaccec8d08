"""Follow servers that move, as Sentinels and a cluster both need: search, and again when in doubt.

What was found last stands until more than half of those who are asked have told otherwise: no
failover is agreed on by fewer, so what fewer tell may be the old state of a part cut off. And it
stands against those who have not heard yet of the latest failover that somebody has told of.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.redis_.connections import MISREAD, open_server, read_options, renewed_on_failure
from service.redis_.url import Address, RedisUrl
from service.tasks import heed_cancellation, wait_at_most

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
        self.options = read_options(url.server)
        del self.options["host"]
        self.is_tls = "tls" in self.options
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
            await wait_at_most(REFRESH_SECONDS, self._doubted)

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
            with renewed_on_failure():
                async with asyncio.timeout(ASK_SECONDS):
                    return await ask(self._client_of(whom))
        except (RedisError, OSError, *MISREAD):
            return None

    def _client_of(self, whom: Address) -> Redis:
        if whom not in self._asked:
            host, port = whom
            self._asked[whom] = open_server(
                ASK_SECONDS, **self._options_to_ask(), host=host, port=port
            )
        return self._asked[whom]

    def _options_to_ask(self) -> dict[str, Any]:
        return self.options

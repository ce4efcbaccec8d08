"""The master behind Sentinels: that which most of them know of, since the latest failover."""

from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from service.redis_.topology import Topology
from service.redis_.url import Address, RedisUrl

# What the Sentinels do not share with the servers: their users, and databases.
_OF_SERVERS = ("username", "password", "db")


class SentinelView(NamedTuple):
    """A Sentinel's word; each failover has an epoch of its own, later ones greater ones."""

    epoch: int
    master: Address
    replicas: int = 0


class Sentinels(Topology):
    """Follows one service. A server is spoken to once it says itself that it is a master."""

    checks_role = True

    def __init__(self, url: RedisUrl) -> None:
        super().__init__(url)
        self.hosts = url.hosts
        self.service = url.service
        self._login = url.sentinel_login
        self._master: Address | None = None

    def address_of(self, key: str | bytes) -> Address:  # noqa: ARG002 - one server holds all
        """The master, whatever the key."""
        if self._master is None:
            raise RedisConnectionError("No Sentinel has told where the master is")
        return self._master

    def masters(self) -> tuple[Address, ...]:
        """The one that is known."""
        return (self._master,) if self._master else ()

    async def search(self) -> None:
        """Ask all Sentinels; the latest epoch counts, and in it the word of most."""
        told = [one for one in await self.ask() if one is not None]
        epoch = max((one.epoch for one in told), default=0)
        if self._is_news(len(told), len(self.hosts), epoch):
            latest = [one.master for one in told if one.epoch == epoch]
            self._master = max(latest, key=latest.count)

    async def ask(self) -> list[SentinelView | None]:
        """Ask each Sentinel for its view, in the order of the URL; None for one that is silent."""
        return await self._ask_all(self.hosts, self._tell)

    async def _tell(self, sentinel: Redis) -> SentinelView:
        # The address is the new one as soon as that is promoted; the rest follows later.
        address: Any = await sentinel.sentinel_get_master_addr_by_name(self.service)
        state: Any = await sentinel.sentinel_master(self.service)
        if address is None:
            raise ResponseError("It does not know the service")
        host, port = address
        known = {_text(key): _text(value) for key, value in state.items()}
        return SentinelView(
            int(known["config-epoch"]), (_text(host), int(port)), int(known["num-slaves"])
        )

    def _options_to_ask(self) -> dict[str, Any]:
        user, password = self._login
        kept = {name: value for name, value in self.options.items() if name not in _OF_SERVERS}
        return kept | {"username": user or None, "password": password or None}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

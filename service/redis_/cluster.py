"""Find the node of a cluster that serves a slot: the one that claims it with the greatest epoch.

A node that redirects tells it too, and is believed at once. A slot on its way from one node to
another is served by neither here: a ledger's keys must stand together.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError

from service.redis_.topology import Topology
from service.redis_.url import Address, RedisUrl

ASKED_AT_ONCE = 3  # other nodes each time


class SlotClaim(NamedTuple):
    """A node serves these slots, the last one included, since the change with this epoch."""

    epoch: int
    first: int
    last: int
    node: Address


class View(NamedTuple):
    """One node's knowledge: the claims to slots, and every node there is."""

    claims: tuple[SlotClaim, ...]
    nodes: tuple[Address, ...]


class Cluster(Topology):
    """Follows all slots."""

    def __init__(self, url: RedisUrl) -> None:
        super().__init__(url)
        self.hosts = url.hosts
        self._to_ask = deque(url.hosts)
        self._holders: list[Address | None] = [None] * SLOTS

    def address_of(self, key: str | bytes) -> Address:
        """The node that serves the key's slot."""
        slot = key_slot(key.encode() if isinstance(key, str) else key)
        if (holder := self._holders[slot]) is None:
            raise RedisConnectionError(f"No node is known that serves slot {slot}")
        return holder

    def masters(self) -> tuple[Address, ...]:
        """The nodes that serve slots."""
        return tuple(dict.fromkeys(holder for holder in self._holders if holder))

    def slots_served(self) -> int:
        """Count the slots whose node is known."""
        return SLOTS - self._holders.count(None)

    def doubt(self, error: BaseException) -> None:
        """Search soon; a node that redirects is believed now."""
        if isinstance(error, MovedError) and error.host:
            self._holders[error.slot_id] = (error.host, error.port)
        super().doubt(error)

    async def search(self) -> None:
        """Ask some nodes, the next time others."""
        asked = list(self._to_ask)[:ASKED_AT_ONCE]
        self._to_ask.rotate(-len(asked))
        views = [view for view in await self._ask_all(asked, self.view) if view is not None]
        epoch = max((claim.epoch for view in views for claim in view.claims), default=0)
        if self._is_news(len(views), len(asked), epoch):
            self._adopt(views)

    async def ask(self) -> list[View | None]:
        """Ask each host of the URL for its view, in their order; None for one that is silent."""
        return await self._ask_all(self.hosts, self.view)

    async def view(self, node: Redis) -> View:
        """Ask one node for its view."""
        told: Any = await node.execute_command("CLUSTER NODES")
        at: str = node.connection_pool.connection_kwargs["host"]
        known = [(_address(name, of, at, by_name=self.is_tls), of) for name, of in told.items()]
        there = [(node, of) for node, of in known if node[1]]
        return View(
            tuple(claim for node, of in there for claim in _claims(node, of)),
            tuple(node for node, _ in there),
        )

    def _adopt(self, views: Iterable[View]) -> None:
        self._holders = holders_of(claim for view in views for claim in view.claims)
        nodes = dict.fromkeys(node for view in views for node in view.nodes)
        self._to_ask = deque(
            [node for node in self._to_ask if node in nodes or node in self.hosts]
            + [node for node in nodes if node not in self._to_ask]
        )


def holders_of(claims: Iterable[SlotClaim]) -> list[Address | None]:
    """Return the server of each slot: the one that claims it with the greatest epoch."""
    holders: list[Address | None] = [None] * SLOTS
    for _, first, last, node in sorted(set(claims)):
        holders[first : last + 1] = [node] * (last + 1 - first)
    return holders


def _claims(node: Address, told: Mapping[str, Any]) -> Iterator[SlotClaim]:
    for first, *last in told["slots"]:
        yield SlotClaim(int(told["epoch"]), int(first), int(last[0] if last else first), node)


def _address(name: str, told: Mapping[str, Any], asked: str, *, by_name: bool) -> Address:
    """Return a node's address; one that was never met by another does not know its own host."""
    host, _, port = name.rpartition(":")
    named = told["hostname"] if by_name else ""  # what its certificate is for
    return named or host or asked, int(port)

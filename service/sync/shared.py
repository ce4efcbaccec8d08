"""What the replicas of one instance share: the lead, the cache and the ledger's members."""

import msgspec
from redis.asyncio import Redis

from service.ledger import MembersWriter
from service.sync.cache import InventoryCache
from service.sync.leader import SharedLeader


class Shared(msgspec.Struct, frozen=True):
    """The three, over one client and one base."""

    leader: SharedLeader
    cache: InventoryCache
    members: MembersWriter


def share(client: Redis, base: str) -> Shared:
    """Put them together.

    Args:
        client: where Redis is; its timeout is the cache's, not that of a pick.
        base: what the ledger's keys begin with, its hash tag included.
    """
    return Shared(
        SharedLeader(client, base), InventoryCache(client, base), MembersWriter(client, base)
    )

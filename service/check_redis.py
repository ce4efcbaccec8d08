"""What `callerid check` finds of Redis: each server that holds data, and who tells where it is."""

from collections.abc import AsyncIterator, Sequence

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.exceptions import RedisError

from service.redis_client import RoutingClient
from service.redis_topology import Cluster, Sentinels
from service.redis_topology.cluster import View
from service.redis_topology.sentinels import Told
from service.redis_url import Address


async def check_server(redis: Redis, name: str = "redis") -> bool:
    """Print what one server is, and what of its settings would lose something.

    Returns:
        Whether it serves, and forgets nothing.
    """
    try:
        version = (await redis.info("server"))["redis_version"]
        policy = (await redis.config_get("maxmemory-policy"))["maxmemory-policy"]
    except (RedisError, OSError) as error:
        print(f"{name}: out of reach: {type(error).__name__}: {error}")
        return False
    print(f"{name}: up, version {version}, maxmemory-policy {policy}")
    if policy != "noeviction":
        print(f"{name}: set maxmemory-policy to noeviction: an evicted key is a forgotten cap")
    return bool(policy == "noeviction")


async def check_topology(redis: RoutingClient, keys: Sequence[str]) -> AsyncIterator[bool]:
    """Print who tells what, what each server that holds data is, and where the keys are.

    Args:
        redis: a client whose topology was searched once.
        keys: what the keys of each ledger begin with.

    Yields:
        Whether each of it is well.
    """
    topology = redis.topology
    if isinstance(topology, Sentinels):
        _print_sentinels(topology, await topology.ask())
    elif isinstance(topology, Cluster):
        yield _print_nodes(topology, await topology.ask())
    if not topology.masters():
        print("redis: nobody tells where a server is that holds data")
        yield False
    for address in topology.masters():
        yield await check_server(redis.at(address), f"redis: {_named(address)}")
        await _advise(redis, address)
    for key in keys:
        yield await _check_key(redis, key)


def _print_sentinels(topology: Sentinels, told: Sequence[Told | None]) -> None:
    for host, one in zip(topology.hosts, told, strict=True):
        print(f"redis: Sentinel {_named(host)}: ", end="")
        if one is None:
            print(f"does not answer, or knows no service {topology.service}")
        else:
            found = f"is {_named(one.master)}, with {one.replicas} replica(s)"
            print(f"the master of {topology.service} {found}")


def _print_nodes(topology: Cluster, views: Sequence[View | None]) -> bool:
    for host, view in zip(topology.hosts, views, strict=True):
        known = "does not answer" if view is None else f"knows {len(view.nodes)} nodes"
        print(f"redis: node {_named(host)}: {known}")
    served = topology.slots_served()
    print(f"redis: {served} of {SLOTS} slots are served, by {len(topology.masters())} node(s)")
    return served == SLOTS


async def _advise(redis: RoutingClient, address: Address) -> None:
    """Tell of a setting with which more fails than must; it is the operator's to choose."""
    key, unwise, why = (
        ("min-replicas-to-write", "0", "1: a master that is cut off must not go on by itself")
        if isinstance(redis.topology, Sentinels)
        else ("cluster-require-full-coverage", "yes", "no: else a lost shard stops all others")
    )
    try:
        found = await redis.at(address).config_get(key)
    except (RedisError, OSError):
        return
    if found.get(key) == unwise:
        print(f"redis: {_named(address)}: consider {key} {why}")


async def _check_key(redis: RoutingClient, key: str) -> bool:
    try:
        address = redis.topology.address_of(key)
        await redis.exists(key)
    except (RedisError, OSError) as error:
        print(f"redis: the keys {key}… are out of reach: {type(error).__name__}: {error}")
        return False
    print(f"redis: the keys {key}… are at {_named(address)}")
    return True


def _named(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

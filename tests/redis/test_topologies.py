"""Clients of several servers: each command finds its key, whoever has it now."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from service.redis_.client import client_for, open_client, open_topology
from service.redis_.counts import SharedCounts
from service.redis_.sentinels import Sentinels
from tests.ledgers import client_of
from tests.redis.topologies import ClusterOfSix, Watched, cluster_of_six, watched_by_sentinels
from tests.waiting import eventually

PASSWORD = "hunter2"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watched_by_sentinels(tmp_path) as servers:
        yield servers


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterOfSix]:
    with cluster_of_six(tmp_path) as nodes:
        yield nodes


@pytest.fixture
def protected(tmp_path: Path) -> Iterator[Watched]:
    with watched_by_sentinels(tmp_path, password=PASSWORD) as watched:
        yield watched


async def test_each_command_goes_to_the_node_of_its_key(cluster: ClusterOfSix) -> None:
    async with client_of(cluster.url, 1) as client:
        for at in range(30):
            key = f"callerid:2:{at}"
            await client.set(key, at, ex=10)
            assert await client.get(key) == str(at).encode()
            assert await client.eval("return redis.call('GET', KEYS[1])", 1, key) == (
                str(at).encode()
            )
            await client.hset(f"{key}:hash", mapping={"a": "b"})
            assert [pair async for pair in client.hscan_iter(f"{key}:hash")] == [(b"a", b"b")]
            async with client_for(client, key).pipeline(transaction=True) as together:
                together.get(key)
                together.ttl(key)
                assert (await together.execute())[0] == str(at).encode()
            counts = SharedCounts(client, "callerid:2:counts:", 10)
            await counts.add(str(at), {"calls": at})
            assert await counts.read(str(at)) == {"calls": at}
        assert await client.mget(["{a}:1", "{a}:2"]) == [None, None]
        assert await client.ping()
        with pytest.raises(NotImplementedError, match="client_for"):
            client.pipeline()
    for master in cluster.masters:
        with redis.Redis(port=master.port) as one:
            assert one.dbsize() > 0


async def test_sentinels_and_servers_may_ask_for_passwords_of_their_own(
    protected: Watched,
) -> None:
    hosts = ",".join(f"127.0.0.1:{each.port}" for each in protected.sentinels)
    url = f"redis+sentinel://:{PASSWORD}@{hosts}/ledger/2?sentinel_password={2 * PASSWORD}"
    async with client_of(url, 1) as client:
        await client.set("callerid:2:x", "y", ex=10)
    with redis.Redis(port=protected.master.port, password=PASSWORD, db=2) as master:
        assert master.get("callerid:2:x") == b"y"


async def test_without_their_password_sentinels_tell_nothing(protected: Watched) -> None:
    async with client_of(protected.url, 1) as client:
        with pytest.raises(RedisConnectionError, match="No Sentinel has told"):
            await client.ping()


async def test_one_sentinel_of_three_does_not_change_what_is_known(watched: Watched) -> None:
    topology = open_topology(watched.url)
    assert isinstance(topology, Sentinels)
    await topology.search()
    known = topology.masters()
    watched.fail_over()
    for sentinel in watched.sentinels[:2]:
        sentinel.kill()
    with redis.Redis(port=watched.sentinels[2].port) as sentinel:
        sentinel.sentinel_remove("ledger")
        sentinel.sentinel_monitor("ledger", "127.0.0.1", watched.replica.port, 1)
    await topology.search()
    assert topology.masters() == known == (("127.0.0.1", watched.master.port),)
    await topology.aclose()


async def test_a_connection_to_what_is_no_master_is_refused(watched: Watched) -> None:
    topology = open_topology(watched.url)
    assert topology is not None
    await topology.search()
    for sentinel in watched.sentinels:
        sentinel.kill()
    async with open_client(topology, timeout=1) as client:
        assert await client.ping()
    with redis.Redis(port=watched.master.port) as master:
        master.replicaof("127.0.0.1", str(watched.replica.port))
    async with open_client(topology, timeout=1) as client:
        with pytest.raises(RedisConnectionError, match="not a master any more"):
            await client.ping()
    await topology.aclose()


async def test_a_failover_is_followed_by_clients_that_stay_open(watched: Watched) -> None:
    async with client_of(watched.url, 1) as client:
        await client.set("callerid:2:x", "y", ex=10)
        watched.fail_over()
        at = watched.replica.port
        await eventually(lambda: _port_of(client) == at)
        assert await client.set("callerid:2:x", "z", ex=10)


def _port_of(client: Redis) -> int:
    port: int = client_for(client, "").connection_pool.connection_kwargs["port"]
    return port

"""Redis beyond one server, for the tests: Sentinels over a master, and a cluster with replicas."""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as ALL_SLOTS
from redis.crc import key_slot

from tests.conftest import RedisServer, free_port, redis_binary
from tests.redis.servers import ask, port_with_bus

SERVICE = "ledger"
SENTINELS = 3
SHARDS = 3
SLOTS = ALL_SLOTS // SHARDS + 1  # of a shard; the last has a few less
DOWN_AFTER_MS = 500
NODE_TIMEOUT_MS = 1000
EVERYTHING = 10_000  # more keys than a slot has


class Sentinel:
    """A Sentinel process of our own."""

    def __init__(self, directory: Path, master: int, options: Iterable[str]) -> None:
        self.port = free_port()
        watch = f"sentinel monitor {SERVICE} 127.0.0.1 {master} 2"
        lines = (
            f"port {self.port}",
            "bind 127.0.0.1",
            watch,
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 3000",
            *options,
        )
        directory.mkdir()
        directory.joinpath("sentinel.conf").write_text("\n".join(lines))
        command = [redis_binary(), "sentinel.conf", "--sentinel"]
        self._process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Watched(NamedTuple):
    """A master and its replica under three Sentinels."""

    master: RedisServer
    replica: RedisServer
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def fail_over(self) -> None:
        """Have the Sentinels make the replica the master, with both in good health."""
        with redis.Redis(port=self.sentinels[0].port) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)


@contextmanager
def watched_by_sentinels(
    directory: Path, password: str = "", replica_binary: str = ""
) -> Iterator[Watched]:
    """Everything started and all of it known to all.

    Args:
        directory: where the servers work.
        password: of the servers; the Sentinels have this one twice over.
        replica_binary: the replica's redis-server, where it is not that of the others.
    """
    own = 2 * password
    protected = (
        f"sentinel auth-pass {SERVICE} {password}",
        f"requirepass {own}",
        f"sentinel sentinel-pass {own}",
    )
    with ExitStack() as stack:

        def started(name: str, *more: str, binary: str = "") -> RedisServer:
            directory.joinpath(name).mkdir()
            # A master waits for more replicas before it sends its data, for 5 s if it is let.
            options = ("--repl-diskless-sync-delay", "0", *more)
            server = RedisServer(directory / name, *options, binary=binary)
            stack.callback(server.kill)
            with redis.Redis(port=server.port) as client:
                client.config_set("masterauth", password)
                client.config_set("requirepass", password)
            return server

        master = started("master")
        following = ("--replicaof", f"127.0.0.1 {master.port}")
        replica = started("replica", *following, binary=replica_binary)
        with redis.Redis(port=master.port, password=password or None) as client:
            _until(lambda: _is_followed(client))
        sentinels = [
            Sentinel(directory / str(at), master.port, protected if password else ())
            for at in range(SENTINELS)
        ]
        for sentinel in sentinels:
            stack.callback(sentinel.kill)
        for sentinel in sentinels:
            with redis.Redis(port=sentinel.port, password=own or None) as client:
                _until(lambda client=client: _knows_all(client))  # type: ignore[misc]
        yield Watched(master, replica, sentinels)


def _knows_all(sentinel: redis.Redis) -> bool:
    try:
        state: Any = sentinel.sentinel_master(SERVICE)
        replicas: Any = sentinel.sentinel_slaves(SERVICE)
    except redis.RedisError:
        return False
    return (
        state["num-other-sentinels"] == SENTINELS - 1
        and [each["master-link-status"] for each in replicas] == ["ok"]
        and not state["is_sdown"]
    )


def caught_up(master: RedisServer, replica: RedisServer) -> bool:
    """Whether the replica has applied all that its master has."""
    with redis.Redis(port=master.port) as one, redis.Redis(port=replica.port) as other:
        sent = one.info("replication")["master_repl_offset"]
        return bool(other.info("replication")["slave_repl_offset"] == sent)


class ClusterOfSix(NamedTuple):
    """Three masters, each with the replica that has its place among the replicas."""

    masters: list[RedisServer]
    replicas: list[RedisServer]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.masters)
        return f"redis+cluster://{hosts}"

    def shard_of(self, key: str) -> int:
        return key_slot(key.encode()) // SLOTS

    def key_on(self, shard: int, of: Callable[[int], str]) -> str:
        """The first of the keys of 0, 1, 2, … that is on a shard."""
        return next(key for key in map(of, range(1000)) if self.shard_of(key) == shard)


class Moving:
    """A slot on its way from one master to another."""

    def __init__(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        self.slot = slot
        self._target_port = target.port
        self.source, self.target = redis.Redis(port=source.port), redis.Redis(port=target.port)
        self.ids = [ask(node, "CLUSTER MYID") for node in (self.source, self.target)]

    def begin(self) -> None:
        ask(self.target, "CLUSTER SETSLOT", self.slot, "IMPORTING", self.ids[0])
        ask(self.source, "CLUSTER SETSLOT", self.slot, "MIGRATING", self.ids[1])

    def move(self, most: int = EVERYTHING) -> None:
        keys = ask(self.source, "CLUSTER GETKEYSINSLOT", self.slot, most)
        ask(self.source, "MIGRATE", "127.0.0.1", self._target_port, "", 0, 5000, "KEYS", *keys)

    def end(self) -> None:
        for node in (self.target, self.source):
            ask(node, "CLUSTER SETSLOT", self.slot, "NODE", self.ids[1])

    def close(self) -> None:
        self.source.close()
        self.target.close()


@contextmanager
def cluster_of_six(directory: Path) -> Iterator[ClusterOfSix]:
    """A cluster whose nodes agree on each other."""
    with ExitStack() as stack:

        def started(name: str) -> RedisServer:
            directory.joinpath(name).mkdir()
            server = RedisServer(
                directory / name,
                *("--cluster-enabled", "yes"),
                *("--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
                # Else all shards stop when one has lost its master.
                *("--cluster-require-full-coverage", "no"),
                *("--repl-diskless-sync-delay", "0"),
                port=port_with_bus(),
            )
            stack.callback(server.kill)
            return server

        masters = [started(f"master{at}") for at in range(SHARDS)]
        replicas = [started(f"replica{at}") for at in range(SHARDS)]
        clients = [
            stack.enter_context(redis.Redis(port=node.port)) for node in (*masters, *replicas)
        ]
        for at, client in enumerate(clients):
            if at < SHARDS:
                ask(client, "CLUSTER SET-CONFIG-EPOCH", at + 1)
                ask(
                    client, "CLUSTER ADDSLOTS", *range(at * SLOTS, min((at + 1) * SLOTS, ALL_SLOTS))
                )
            ask(client, "CLUSTER MEET", "127.0.0.1", masters[0].port)
        _until(lambda: all(_is_whole(client) for client in clients))
        ids = [ask(client, "CLUSTER MYID") for client in clients[:SHARDS]]
        for client, master in zip(clients[SHARDS:], ids, strict=True):
            ask(client, "CLUSTER REPLICATE", master)
        for client in clients:
            _until(lambda client=client: _sees_replicas(client))  # type: ignore[misc]
        yield ClusterOfSix(masters, replicas)


def _is_whole(client: redis.Redis) -> bool:
    state: bytes = ask(client, "CLUSTER INFO")
    return b"cluster_state:ok" in state and b"cluster_known_nodes:6" in state


def _sees_replicas(client: redis.Redis) -> bool:
    nodes: dict[str, Any] = client.cluster("NODES")
    linked = client.info("replication").get("master_link_status") == "up" or _is_followed(client)
    return linked and sum("slave" in node["flags"] for node in nodes.values()) == SHARDS


def _is_followed(master: redis.Redis) -> bool:
    """Whether what is written from now goes to its replica: a linked one may not be sent to yet."""
    return bool(master.info("replication").get("slave0", {}).get("state") == "online")


def _until(happened: Callable[[], bool], within: float = 15) -> None:
    end = time.monotonic() + within
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError("the servers do not come together")
        time.sleep(0.02)

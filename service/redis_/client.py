"""Open a client of Redis, and turn its failures into ours.

When to try again is the ledger's to decide. Beyond one server, each command goes to the one that
holds its key, as far as the topology knows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Never

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from service.errors import LedgerUnavailable, SettingsError
from service.logs import mask_text
from service.redis_.cluster import Cluster
from service.redis_.connections import MISREAD, open_server, read_options, renewed_on_failure
from service.redis_.sentinels import Sentinels
from service.redis_.topology import Topology
from service.redis_.url import FORMS, Address, read_url

_MOST_WORDS = 200  # characters of what is repeated of an error
_IN_PIPELINE = " of pipeline caused error: "  # redis-py's


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
            host, port = address
            self._clients[address] = open_server(
                self._timeout,
                **self.topology.options,
                host=host,
                port=port,
                doubt=self.topology.doubt,
                checks_role=self.topology.checks_role,
            )
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
        read = read_url(url)
        if read.kind == "server":
            return None
        return Sentinels(read) if read.kind == "sentinel" else Cluster(read)
    except ValueError:
        raise _no_url() from None


def open_client(where: str | Topology, *, timeout: float) -> Redis:
    """Makes a client with a pool of its own; it connects at the first command.

    Args:
        where: redis://, rediss:// or unix://, whose query may set what redis-py calls by name,
            such as `ssl_ca_certs`; or a topology that is followed.
        timeout: seconds that each reply may take; connecting has its own. Together with the wait
            for a connection a command may take longer: who has a deadline sets it around it.

    Raises:
        SettingsError: the URL is of another kind, or redis-py cannot read it.
    """
    if isinstance(where, Topology):
        return RoutingClient(where, timeout=timeout)
    try:
        return open_server(timeout, **read_options(where))
    except ValueError:
        raise _no_url() from None


def _no_url() -> SettingsError:
    return SettingsError([f"redis.url: found no such URL (hidden), expected {FORMS}"])


def _key_of(command: tuple[Any, ...]) -> str | bytes:
    """The first key of a command; of one without a key, anything."""
    place = 3 if command[0] in ("EVAL", "EVALSHA") else 1
    key = command[place] if len(command) > place else ""
    return key if isinstance(key, (str, bytes)) else str(key)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever Redis says no with, and what reading its reply raises, into LedgerUnavailable.

    After either, the connections that were used are opened anew. What a script of ours refuses is
    to be caught inside. Put it around the deadline, so that the deadline's own error is translated.

    Raises:
        LedgerUnavailable: Redis does not serve; the message is its own.
    """
    try:
        with renewed_on_failure():
            yield
    except (RedisError, OSError) as error:
        raise LedgerUnavailable(f"Redis cannot serve: {words_of(error)}") from error
    except MISREAD as error:
        why = f"{type(error).__name__}: {_line(error)}"
        raise LedgerUnavailable(f"Redis answered with something else: {why}") from error


def words_of(error: BaseException) -> str:
    """Return the server's own words, or else the failure's, in one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    code = error.status_code if isinstance(error, ResponseError) else None
    return " ".join(filter(None, (code, _line(error)))) or type(error).__name__


def _line(error: BaseException) -> str:
    """The first line of an error, without phone numbers."""
    line, *_ = (*str(error).splitlines(), "")
    _, in_pipeline, told = line.partition(_IN_PIPELINE)  # before it stands the command
    return mask_text((told.strip("()',\"") if in_pipeline else line)[:_MOST_WORDS])

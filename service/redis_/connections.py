"""Open connections to one server: with a budget of their own, and a TLS context made once.

The settings are those that bounded every stall that was tried: nothing is retried here, since a
command that timed out may have been applied.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECT_SECONDS = 1.0  # for all of it: TCP, TLS and the greeting
_MAX_CONNECTIONS = 32
_POOL_SHARE = 2 / 3  # of the timeout: waiting for a connection must leave time to use it
_ECHO = " with args beginning with"  # a server that knows no AUTH repeats the password

# What code raises that reads a reply to another command.
MISREAD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
    struct.error,
)

_lent: ContextVar[set[AbstractConnection] | None] = ContextVar("lent", default=None)


@contextmanager
def renewed_on_failure() -> Iterator[None]:
    """Have the connections opened anew that a block was lent, should it fail.

    What else they hold would be read as the reply to a later command.
    """
    used: set[AbstractConnection] = set()
    token = _lent.set(used)
    try:
        yield
    except Exception:
        for connection in used:
            connection.mark_for_reconnect()
        raise
    finally:
        _lent.reset(token)


class TlsContext:
    """The TLS context of one URL: made in a thread, and once, however many connections wait."""

    def __init__(self) -> None:
        self._making: asyncio.Future[SSLContext] | None = None

    async def wait(self, make: Callable[[], SSLContext]) -> SSLContext:
        """Return the context; what cannot be made is tried again by the next connection.

        Raises:
            OSError: a file of certificates cannot be read.
        """
        if self._making is None or (self._making.done() and self._making.exception()):
            self._making = asyncio.get_running_loop().run_in_executor(None, make)
        return await asyncio.shield(self._making)  # who gives up must not undo it for the others


class _ServerConnection(AbstractConnection):
    """Greets its server within the time for connecting, not within that for a reply.

    Args:
        doubt: is told of errors; they may mean that the server is not the right one any more.
        checks_role: whether the server must say that it is a master.
        kwargs: redis-py's own.
    """

    def __init__(
        self,
        *,
        doubt: Callable[[BaseException], None] = lambda _: None,
        checks_role: bool = False,
        **kwargs: Any,
    ) -> None:
        self._doubt = doubt
        self._checks_role = checks_role
        super().__init__(**kwargs)

    async def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """Connect and greet, or leave nothing open."""
        if self.is_connected:
            return
        patience, self.socket_timeout = self.socket_timeout, CONNECT_SECONDS
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await super().connect_check_health(*args, **kwargs)
        except BaseException as error:
            await self.disconnect(nowait=True)
            self._doubt(error)
            if isinstance(error, TimeoutError):
                raise RedisTimeoutError("Timeout connecting to server") from None
            raise
        finally:
            self.socket_timeout = patience

    async def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Greet the server; its no must not repeat the password."""
        try:
            await super().on_connect_check_health(check_health=check_health)
        except ResponseError as error:
            told = str(error).partition(_ECHO)[0].rstrip(",")
            error.args = (told.replace(self.password, "…") if self.password else told,)
            raise
        if self._checks_role:
            await self.send_command("ROLE", check_health=False)
            role: Any = await self.read_response()
            if not isinstance(role, list) or role[:1] != [b"master"]:
                raise RedisConnectionError("The server is not a master any more")

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read a reply."""
        try:
            return await super().read_response(*args, **kwargs)
        except RedisError as error:
            self._doubt(error)
            raise


class _TcpConnection(_ServerConnection, Connection):
    """Over TCP."""


class _UnixConnection(_ServerConnection, UnixDomainSocketConnection):
    """Over a socket in the file system."""


class _TlsConnection(_ServerConnection, SSLConnection):
    """Over TLS.

    Args:
        tls: is shared by all connections of the URL.
        kwargs: redis-py's own.
    """

    def __init__(self, *, tls: TlsContext, **kwargs: Any) -> None:
        self._tls = tls
        super().__init__(**kwargs)

    async def _connect(self) -> None:
        own = self.ssl_context
        try:
            own.context = await self._tls.wait(own.get)
        except OSError as error:
            files = ", ".join(filter(None, (own.ca_certs, own.ca_path, own.certfile, own.keyfile)))
            text = f"The certificates cannot be loaded ({files}): {error}"
            raise RedisConnectionError(text) from None
        await super()._connect()  # type: ignore[no-untyped-call] # redis-py's hook for transports


class _Pool(BlockingConnectionPool):
    """Tells whom it lends its connections, and opens those anew that are marked for it."""

    async def get_connection(self, *args: Any, **kwargs: Any) -> AbstractConnection:
        """Lend a connection."""
        connection: AbstractConnection = await super().get_connection(*args, **kwargs)  # type: ignore[no-untyped-call]
        if (noted := _lent.get()) is not None:
            noted.add(connection)
        return connection

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """Make sure that a connection is open, and holds no reply to an earlier command."""
        if connection.should_reconnect():
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)


_CLASSES: dict[object, type[_ServerConnection]] = {
    SSLConnection: _TlsConnection,
    UnixDomainSocketConnection: _UnixConnection,
}


def read_options(url: str) -> dict[str, Any]:
    """Read the URL of one server: what `open_server` takes.

    Raises:
        ValueError: it is none.
    """
    options: dict[str, Any] = {**parse_url(url)}
    options["connection_class"] = _CLASSES.get(options.get("connection_class"), _TcpConnection)
    if options["connection_class"] is _TlsConnection:
        options["tls"] = TlsContext()
    return options


def open_server(timeout: float, **options: Any) -> Redis:
    """Make a client of one server with a pool of its own; it connects at the first command.

    Args:
        timeout: seconds that each reply may take.
        options: what `read_options` gave, and more for a connection.
    """
    pool = _Pool(
        max_connections=_MAX_CONNECTIONS,
        timeout=timeout * _POOL_SHARE,
        socket_timeout=timeout,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        client_name="callerid",
        # RESP3 was not faster, and greets a new connection with one round trip more.
        protocol=2,
        driver_info=None,  # it would be told to the server in two commands per connection
        **options,
    )
    return Redis.from_pool(pool)

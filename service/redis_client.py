"""Opens the connection to Redis, and tells what its failures mean.

The settings are those that bounded every stall that was tried: nothing is retried here, since a
command that timed out may have been applied. When to try again is the ledger's to decide.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service.errors import LedgerUnavailable, SettingsError

_SCHEMES = ("redis", "rediss", "unix")
_MAX_CONNECTIONS = 32
_POOL_SHARE = 2 / 3  # of the timeout: waiting for a connection must leave time to use it

# Replies of a server that is reached and cannot serve now. Some come as bare ResponseErrors.
_CANNOT_SERVE = frozenset(
    {
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
    }
)
# Redis 6 wraps what a command in a script met: "… user_script: 1: -OOM command not allowed …".
_FROM_SCRIPT = re.compile(r": -([A-Z]+) ")
_NO_ANSWER = (RedisConnectionError, RedisTimeoutError, InvalidResponse, OSError)


def open_client(url: str, *, timeout: float) -> Redis:
    """Makes a client with a pool of its own; it connects at the first command.

    Args:
        url: redis://, rediss:// or unix://; its query may set what redis-py calls by name, such
            as `ssl_ca_certs`.
        timeout: seconds that connecting, and each reply, may take. Together with the wait for a
            connection a command may take longer: who has a deadline sets it around the command.

    Raises:
        SettingsError: the URL is of another kind, or redis-py cannot read it.
    """
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        expected = ", ".join(f"{each}://" for each in _SCHEMES)
        raise SettingsError([f"redis.url: found {scheme}://, expected {expected}"])
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MAX_CONNECTIONS,
            timeout=timeout * _POOL_SHARE,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            client_name="callerid",
            # RESP3 was not faster, and greets a new connection with one round trip more.
            protocol=2,
            driver_info=None,  # it would be told to the server in two commands per connection
        )
    except ValueError:
        raise SettingsError(["redis.url: found no URL that redis-py reads (hidden)"]) from None
    return Redis.from_pool(pool)


def unavailable(error: BaseException) -> bool:
    """Whether an error says that Redis cannot serve now, and not that the caller was wrong.

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


def _code(error: ResponseError) -> str:
    """The code of the server's reply: its first word, kept apart by redis-py where it knows it."""
    if inside := _FROM_SCRIPT.search(str(error)):
        return inside[1]
    return (error.status_code or str(error)).partition(" ")[0]


def _reason(error: Exception) -> str:
    """Names the kind of failure; the message may repeat what a command carried."""
    return _code(error) if isinstance(error, ResponseError) else type(error).__name__

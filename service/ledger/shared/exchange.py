"""Bytes out, one reply in: a connection without what redis-py does around each command.

redis-py opens it: address, TLS, login, name. From then on its transport belongs to an `Exchange`,
which writes a command that is bytes already and has hiredis read the reply. A call alone takes
two thirds of the time in this process, as does a pick in a batch (`tests.bench.ledger`): packing,
stream reader, stream writer and the timers around each of them are what is left out.
"""

import asyncio
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, MovedError, ResponseError


class Exchange(asyncio.Protocol):
    """One command under way at a time.

    `timeout` has the seconds that a reply may take; while None, whoever asks sees to it.

    Args:
        connection: was opened, and nobody else uses it any more.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        opened: Any = connection
        # redis-py has no public way to it; a release without `_writer` fails every test of this.
        self._transport: asyncio.Transport = opened._writer.transport  # noqa: SLF001
        self._opener: asyncio.BaseProtocol = self._transport.get_protocol()
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=_error_from)
        self._loop = asyncio.get_running_loop()
        self._reply: asyncio.Future[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.timeout: float | None = None
        self._transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """True if a command can be written."""
        return not self._transport.is_closing()

    def ask(self, command: bytes) -> asyncio.Future[Any]:
        """Write a command; the future gets its reply, or the error that came instead."""
        self._reply = self._loop.create_future()
        if self.timeout is not None:
            self._timer = self._loop.call_later(self.timeout, _give_up, self._reply)
        self._transport.write(command)
        return self._reply

    async def close(self, *, nowait: bool = False) -> None:
        """Close in good order, or without waiting for the other side."""
        await self._connection.disconnect(nowait=nowait)

    def data_received(self, data: bytes) -> None:
        """The transport has read something."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._answer(reply)
        except InvalidResponse as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport was closed; the protocol that opened it waits to hear so."""
        self._fail(RedisConnectionError("Redis closed the connection"))
        self._opener.connection_lost(exc)

    def _answer(self, reply: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._reply is None or self._reply.done():
            self._transport.abort()  # what nobody asked for, or waits for any more
        elif isinstance(reply, ResponseError):
            self._fail(reply)
        else:
            self._reply.set_result(reply)

    def _fail(self, error: Exception) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)


def _give_up(reply: asyncio.Future[Any]) -> None:
    if not reply.done():
        reply.set_exception(TimeoutError())


def _error_from(told: str) -> ResponseError:
    """Translate the server's error; in a cluster another node may hold the keys by now."""
    code, _, where = told.partition(" ")
    return MovedError(where) if code == "MOVED" else ResponseError(told)

"""One connection to Redis on which calls go in order, each with its number.

A call is applied once or not at all: the script remembers the last number of each process, so a
call that broke off is sent again under the same number. A reply with another number closes the
connection: it belongs to another call.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from service.errors import LedgerUnavailable, LedgerWiped

_reply = msgspec.msgpack.Decoder(tuple[str, int, int, int, list[msgspec.Raw]])
_encoder = msgspec.msgpack.Encoder()


class Script:
    """A Lua file of this room, and what Redis calls it by."""

    def __init__(self, name: str) -> None:
        self.source = files("service.ledger").joinpath(name).read_text("utf-8")
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


class Line:
    """Numbered calls of one process to one ledger.

    Args:
        client: where Redis is; the line keeps a connection of its own.
        base: what the ledger's keys begin with.
        process: this process's id, unique among all that share the ledger, also over time.
        timeout: seconds that a call may take, connecting and one resend included.
    """

    def __init__(self, client: Redis, base: str, process: str, timeout: float) -> None:
        self._client = client
        self._base = base
        self._process = process
        self._timeout = timeout
        self._script = Script("calls.lua")
        self._connection: AbstractConnection | None = None
        self._number = 0

    async def call(self, operations: Sequence[object], now: int = 0) -> tuple[int, list[Any]]:
        """Apply operations in one step.

        Args:
            operations: what `calls.lua` takes, in order.
            now: the instant in ms; 0 for the server's own clock.

        Returns:
            The generation of the ledger's members, and an undecoded answer each.

        Raises:
            LedgerWiped: the ledger has no members.
            LedgerUnavailable: no answer in time; the operations may have been applied.
        """
        self._number += 1
        payload = _encoder.encode((self._process, self._number, now, operations))
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._send_twice(payload)
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, ResponseError) and str(error).startswith("WIPED"):
                raise LedgerWiped("The ledger in Redis has no members") from error
            await self._drop()
            raise LedgerUnavailable(f"Redis did not answer: {type(error).__name__}") from error
        except BaseException:
            await self._drop()
            raise
        return await self._read(reply)

    async def close(self) -> None:
        """Close the connection in good order; the next call would open another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _send_twice(self, payload: bytes) -> Any:
        try:
            return await self._send(payload)
        except (RedisConnectionError, OSError):
            # The number makes a second sending safe, whatever became of the first.
            await self.close()
            return await self._send(payload)

    async def _send(self, payload: bytes) -> Any:
        connection = self._connection or await self._connect()
        command = connection.pack_command("EVALSHA", self._script.sha, 1, self._base, payload)
        await connection.send_packed_command(command, check_health=False)
        try:
            return await connection.read_response()
        except NoScriptError:
            command = connection.pack_command("EVAL", self._script.source, 1, self._base, payload)
            await connection.send_packed_command(command, check_health=False)
            return await connection.read_response()

    async def _connect(self) -> AbstractConnection:
        pool = cast("Any", self._client.connection_pool)
        connection: AbstractConnection = pool.make_connection()
        # The line has one timeout around a whole call; the connection's own would only cost.
        connection.socket_timeout = None
        self._connection = connection
        await connection.connect()
        return connection

    async def _read(self, reply: Any) -> tuple[int, list[Any]]:
        try:
            process, number, _, generation, answers = _reply.decode(reply)
        except (msgspec.MsgspecError, TypeError) as error:
            await self._drop()
            raise LedgerUnavailable("Redis answered what is no reply") from error
        if (process, number) != (self._process, self._number):
            await self._drop()
            raise LedgerUnavailable("Redis answered another call")
        return generation, answers

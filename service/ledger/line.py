"""One connection to Redis on which calls go in order, each with its number.

A call is applied once or not at all: the script remembers the last number of each process, so a
call that broke off is sent again under the same number. A reply with another number closes the
connection: it belongs to another call.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, cast

import hiredis
import msgspec
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from service.errors import LedgerUnavailable, LedgerWiped
from service.ledger.caller import Known, known_from
from service.ledger.exchange import Exchange
from service.ledger.port import Operation
from service.ledger.rules import Rules
from service.ledger.script import CALLS, Script
from service.ledger.wire import packed_call, packed_rules, unpacked
from service.redis_client import translated

SCAN_SLICE = 1000
KNOWN_SLICE = 200
PRESENT_MS = 30_000


class CallLost(LedgerUnavailable):
    """A call was sent and its answer did not come: it may have been applied.

    `call` is its number, `index` the place of an operation in it.
    """

    def __init__(self, call: int, index: int = 0) -> None:
        super().__init__("Redis did not answer")
        self.call = call
        self.index = index


class Fate(NamedTuple):
    """A lost operation was applied: at this instant in ms, with this answer."""

    now: int
    answer: Any


class Line:
    """Numbered calls of one process to one ledger, each under the `rules` of the moment.

    Args:
        client: where Redis is; the line keeps a connection of its own.
        bases: what the ledger's keys begin with, and those of callees.
        process: this process's id, unique among all that share the ledger, also over time.
        timeout: seconds that a call may take, connecting and one resend included.
    """

    def __init__(self, client: Redis, bases: tuple[str, str], process: str, timeout: float) -> None:
        self._client = client
        self._bases = bases
        self._process = process
        self._timeout = timeout
        self._script = Script(*CALLS)
        self._exchange: Exchange | None = None
        self._number = 0
        self._is_sent = False
        self.rule(Rules())

    def rule(self, rules: Rules) -> None:
        """Send these rules from the next call."""
        self._packed_rules = packed_rules(rules)

    async def call(self, operations: Sequence[Operation], now: int = 0) -> tuple[int, list[Any]]:
        """Apply operations in one step.

        Args:
            operations: what the Lua takes, in order.
            now: the instant in ms; 0 for the server's own clock.

        Returns:
            The generation of the ledger's members, and an answer each.

        Raises:
            LedgerWiped: the ledger has no members.
            CallLost: no answer in time; the operations may have been applied.
            LedgerUnavailable: they were not even sent.
        """
        self._number += 1
        self._is_sent = False
        payload = packed_call(self._process, self._number, now, self._packed_rules, operations)
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._send_twice(payload)
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, ResponseError) and str(error).startswith("WIPED"):
                raise LedgerWiped("The ledger in Redis has no members") from error
            await self.close(nowait=True)
            if self._is_sent:
                raise CallLost(self._number) from error
            raise LedgerUnavailable(f"Redis did not answer: {type(error).__name__}") from error
        except BaseException:
            await self.close(nowait=True)
            raise
        return await self._read(reply)

    async def fates(self) -> dict[int, tuple[int, list[Any]]]:
        """The last calls that were applied, by number, each with its instant and its answers.

        Ask once a later call was answered: no earlier one can be applied any more.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        with translated():
            kept: Any = await self._client.hgetall(f"{self._bases[0]}process:{self._process}")
        applied = {}
        for field, reply in kept.items():
            if field.startswith(b"answer"):
                _, number, now, _, answers = unpacked(reply)
                applied[number] = now, answers
        return applied

    async def known(self) -> AsyncIterator[tuple[dict[str, Known], dict[str, dict[str, int]]]]:
        """What is known of the numbers, in slices, with their parks.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        base, cursor = self._bases[0], 0
        while True:
            found: Any
            with translated():
                cursor, found = await self._client.hscan(
                    f"{base}numbers", cursor, count=KNOWN_SLICE
                )
                parked: Any = await self._client.hmget(f"{base}parks", list(found) or [b""])
            known = {name.decode(): known_from(record) for name, record in found.items()}
            yield (
                known,
                {
                    name: msgspec.msgpack.decode(parks)
                    for name, parks in zip(known, parked, strict=False)
                    if parks
                },
            )
            if cursor == 0:
                return

    async def processes(self, now: int) -> int:
        """Say that this process is here, and count those that said so lately.

        Args:
            now: ms since 1970.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        key = f"{self._bases[0]}processes"
        with translated():
            async with self._client.pipeline(transaction=True) as together:
                together.zadd(key, {self._process: now})
                together.zremrangebyscore(key, "-inf", now - PRESENT_MS)
                together.pexpire(key, PRESENT_MS)
                together.zcard(key)
                return int((await together.execute())[-1])

    async def parked(self) -> tuple[str, ...]:
        """All numbers that are out, read in slices beside the calls.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        with translated():
            parks = self._client.hscan_iter(f"{self._bases[0]}parks", count=SCAN_SLICE)
            return tuple([number.decode() async for number, _ in parks])

    async def parked_by(self) -> dict[str, int]:
        """How many numbers are out, by reason, as the script counts them.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        with translated():
            counted: Any = await self._client.hgetall(f"{self._bases[0]}parked_by")
        return {reason.decode(): int(count) for reason, count in counted.items()}

    async def close(self, *, nowait: bool = False) -> None:
        """Close the connection in good order, or at once; the next call would open another."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close(nowait=nowait)

    async def _send_twice(self, payload: bytes) -> bytes:
        try:
            return await self._send(payload)
        except (RedisConnectionError, OSError):
            # The number makes a second sending safe, whatever became of the first.
            await self.close()
            return await self._send(payload)

    async def _send(self, payload: bytes) -> bytes:
        exchange = self._exchange
        if exchange is None or not exchange.is_open:
            exchange = await self._connect()
        self._is_sent = True
        try:
            return await exchange.ask(self._command(b"EVALSHA", self._script.sha, payload))
        except ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await exchange.ask(self._command(b"EVAL", self._script.source, payload))

    def _command(self, name: bytes, script: str, payload: bytes) -> bytes:
        words: Any = (name, script, len(self._bases), *self._bases, payload)
        command: bytes = hiredis.pack_command(words)
        return command

    async def _connect(self) -> Exchange:
        await self.close()
        pool = cast("Any", self._client.connection_pool)
        connection: AbstractConnection = pool.make_connection()
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._exchange = Exchange(connection)
        return self._exchange

    async def _read(self, reply: bytes) -> tuple[int, list[Any]]:
        try:
            process, number, _, generation, answers = unpacked(reply)
        except (msgspec.MsgspecError, TypeError) as error:
            await self.close(nowait=True)
            raise CallLost(self._number) from error
        if (process, number) != (self._process, self._number):
            await self.close(nowait=True)
            raise CallLost(self._number)
        return generation, answers

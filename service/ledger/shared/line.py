"""One connection to Redis on which calls go in order, each with its number.

A call is applied once or not at all: the script remembers the last number of each process, so a
call that broke off is sent again under the same number. A reply with another number closes the
connection: it belongs to another call.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import hiredis
import msgspec
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError, ResponseError

from service.errors import LedgerUnavailable, LedgerWiped
from service.ledger.port import Operation
from service.ledger.rules import Rules
from service.ledger.shared.census import Census
from service.ledger.shared.exchange import Exchange
from service.ledger.shared.recent import Applied, Recent
from service.ledger.shared.script import CALLS, Script
from service.ledger.shared.wire import packed_call, packed_rules, unpacked
from service.redis_.client import RoutingClient, client_for, doubt, translated

# The script forgets a process that has been silent for an hour; what it lacks is not known then.
REMEMBERED_SECONDS = 1800


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
    """Numbered calls of one process to one ledger, each under the rules last given to `rule`.

    `census` reads what the ledger holds; `missed` is told what a failover has lost.

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
        self._home = client
        self._is_routed = isinstance(client, RoutingClient)
        self._exchange: Exchange | None = None
        self._number = 0
        self._is_sent = False
        self._recent = Recent()
        self._answered_at = 0.0
        self._unanswered: dict[int, Sequence[Operation]] = {}
        self.census = Census(client, bases[0], process)
        self.missed: Callable[[list[Operation]], None] = lambda _: None
        self.rule(Rules())

    @property
    def name(self) -> str:
        """The prefix of the ledger's keys, by which an operator knows it."""
        return self._bases[0].rstrip(":")

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
                reply = await self._send(payload)
        except (RedisError, OSError, TimeoutError) as error:
            await self.close(nowait=True)
            doubt(self._client, error)
            if isinstance(error, ResponseError) and str(error).startswith("WIPED"):
                raise LedgerWiped("The ledger in Redis has no members") from error
            if self._is_sent:
                self._unanswered[self._number] = operations
                raise CallLost(self._number) from error
            raise LedgerUnavailable(f"Redis did not answer: {type(error).__name__}") from error
        except BaseException:
            await self.close(nowait=True)
            raise
        instant, generation, answers = await self._read(reply)
        self._recent.note(Applied(self._number, instant, operations, answers))
        self._answered_at = asyncio.get_running_loop().time()
        return generation, answers

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
                if operations := self._unanswered.get(number):
                    self._recent.note_late(Applied(number, now, operations, answers))
        self._unanswered.clear()
        return applied

    async def close(self, *, nowait: bool = False) -> None:
        """Close the connection in good order, or at once; the next call would open another."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close(nowait=nowait)

    async def _send(self, payload: bytes, *, again: bool = True) -> bytes:
        """Send a call; over a broken connection `again`: its number makes a second sending safe."""
        was_sent = self._is_sent
        try:
            exchange = await self._opened_exchange()
            self._is_sent = True
            try:
                return await exchange.ask(self._command(b"EVALSHA", self._script.sha, payload))
            except ResponseError as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
                return await exchange.ask(self._command(b"EVAL", self._script.source, payload))
        except ResponseError as error:
            self._is_sent = was_sent  # refused, so this sending has changed nothing
            if not (again and isinstance(error, MovedError)):
                raise
            doubt(self._client, error)
        except (RedisConnectionError, OSError) as error:
            if not again:
                raise
            doubt(self._client, error)
        await self.close()
        return await self._send(payload, again=False)

    async def _opened_exchange(self) -> Exchange:
        home = client_for(self._client, self._bases[0]) if self._is_routed else self._client
        if home is not self._home:  # the server that holds the keys is another one now
            await self.close(nowait=True)
            self._home = home
        if self._exchange is None or not self._exchange.is_open:
            return await self._connect()
        return self._exchange

    def _command(self, name: bytes, script: str, payload: bytes) -> bytes:
        words: Any = (name, script, len(self._bases), *self._bases, payload)
        command: bytes = hiredis.pack_command(words)
        return command

    async def _connect(self) -> Exchange:
        await self.close()
        pool = cast("Any", self._home.connection_pool)
        connection: AbstractConnection = pool.make_connection()
        try:
            await connection.connect()
            if self._recent:
                await self._look_back(connection)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._exchange = Exchange(connection)
        return self._exchange

    async def _look_back(self, connection: AbstractConnection) -> None:
        """Find out whether this server has all that was answered: it may be another one."""
        key = f"{self._bases[0]}process:{self._process}"
        await connection.send_command("HGET", key, "number", check_health=False)
        number = int(await connection.read_response() or 0)
        if self._answered_at < asyncio.get_running_loop().time() - REMEMBERED_SECONDS:
            self._recent.forget()
        if missing := self._recent.missing_after(number):
            self.missed(missing)

    async def _read(self, reply: bytes) -> tuple[int, int, list[Any]]:
        try:
            process, number, instant, generation, answers = unpacked(reply)
        except (msgspec.MsgspecError, TypeError) as error:
            await self.close(nowait=True)
            raise CallLost(self._number) from error
        if (process, number) != (self._process, self._number):
            await self.close(nowait=True)
            raise CallLost(self._number)
        return instant, generation, answers

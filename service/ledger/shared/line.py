"""One connection to Redis on which calls go in order, each with its number.

A call is applied once or not at all: the script remembers the last number of each process, so a
call that broke off is sent again under the same number. A reply with another number closes the
connection: it belongs to another call.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError, ResponseError

from service.errors import LedgerUnavailable, LedgerWiped
from service.ledger.port import Operation
from service.ledger.rules import Rules
from service.ledger.shared.census import Census
from service.ledger.shared.connector import Connector
from service.ledger.shared.exchange import Exchange
from service.ledger.shared.recent import Applied, Recent, applied_in, is_done_again
from service.ledger.shared.runner import CallRunner, packed
from service.ledger.shared.wire import CallHead, CallReply, packed_call, packed_rules, unpacked
from service.redis_.client import doubt, words_of

# The script forgets a process that has been silent for a day; what it lacks is not known then.
REMEMBERED_SECONDS = 12 * 3600


class CallLost(LedgerUnavailable):
    """A call was sent and its answer did not come: it may have been applied.

    `call` is its number, `index` the place of an operation in it.
    """

    def __init__(self, call: int, index: int = 0, detail: str = "Redis did not answer") -> None:
        super().__init__(detail)
        self.call = call
        self.index = index


class LedgerBehind(LedgerUnavailable):
    """The server lacks calls that were answered before, and has applied nothing of this one."""


class _Lost(NamedTuple):
    """A lost call: where its reply is kept, should it have been applied, and what was asked."""

    slot: int
    operations: tuple[Operation, ...]


class Line:
    """Numbered calls of one process to one ledger, each under the rules last given to `rule`.

    `number` is that of the last call; `lost` has the calls of which it is not known whether they
    were applied; `census` reads what the ledger holds; `missed` is told what Redis turns out to
    lack of what it had answered.

    Args:
        client: where Redis is; the line keeps a connection of its own.
        bases: what the ledger's keys begin with, and those of callees.
        process: this process's id, unique among all that share the ledger, also over time.
        timeout: seconds that an answer may take, and as many the connection before it.
    """

    def __init__(self, client: Redis, bases: tuple[str, str], process: str, timeout: float) -> None:
        self._client = client
        self._bases = bases
        self._process = self._first_process = process
        self.timeout = timeout
        self._runner = CallRunner(bases)
        self._connector = Connector(client, bases[0], self._runner.prepare, timeout)
        self._is_sent = False
        self._recent = Recent()
        self._answered_at = 0.0
        self.lost: dict[int, _Lost] = {}
        self.number = 0
        self.census = Census(client, bases, process)
        self.missed: Callable[[list[Applied]], None] = lambda _: None
        self.rule(Rules())

    @property
    def name(self) -> str:
        """The prefix of the ledger's keys, by which an operator knows it."""
        return self._bases[0].rstrip(":")

    @property
    def function(self) -> str:
        """The function of Redis that decides, "" where a script does, or before the first call."""
        return self._runner.function

    def rule(self, rules: Rules) -> None:
        """Send these rules from the next call."""
        self._packed_rules = packed_rules(rules)

    async def call(self, asked: Sequence[Operation], now: int = 0) -> CallReply:
        """Apply operations in one step.

        Args:
            asked: the operations, in order.
            now: the instant in ms; 0 for the server's own clock.

        Raises:
            LedgerWiped: the ledger has no members.
            LedgerBehind: it lacks earlier calls; `missed` has been told.
            CallLost: no answer in time; the operations may have been applied.
            LedgerUnavailable: they were not even sent, or refused.
        """
        operations = tuple(asked)
        self.number += 1
        self._is_sent = False
        slot = self._free_slot()
        is_dry = all(operation.is_dry for operation in operations)
        expected = 0 if is_dry else self._expected()
        head = CallHead(self._process, self.number, slot, expected, now)
        arguments = packed_call(head, self._packed_rules, operations)
        try:
            reply = self._read(await self._send(arguments))
        except BaseException as error:  # the end of the task too: what was sent may be applied
            if self._is_sent and not all(map(is_done_again, operations)):
                self.lost[self.number] = _Lost(slot, operations)
            await self._connector.close(nowait=True)
            doubt(self._client, error)
            if isinstance(error, Exception):
                raise self._explained(error) from error
            raise
        self._answered_at = monotonic()
        if not is_dry:
            self._recent.note(applied_in(self.number, reply.now, operations, reply.answers))
        return reply

    async def fates(self) -> dict[int, CallReply | None]:
        """Find out which of the lost calls were applied, and what they were answered.

        Ask once a later call was answered: no earlier one can be applied any more.

        Raises:
            LedgerUnavailable: Redis does not serve; ask again later.
        """
        lost = dict(self.lost)
        fields = [f"answer{call.slot}" for call in lost.values()]
        try:
            exchange = await self._opened_exchange()
            kept: Any = await exchange.ask(packed("HMGET", self._process_key, *fields))
            replies = [unpacked(reply) for reply in kept]
        except BaseException as error:
            await self._connector.close(nowait=True)
            if isinstance(error, Exception):
                raise self._explained(error) from error
            raise
        fates: dict[int, CallReply | None] = {}
        for (number, call), reply in zip(lost.items(), replies, strict=True):
            fates[number] = None
            if reply is not None and reply.number == number:  # else that of an earlier call
                fates[number] = reply
                self._recent.note_late(
                    applied_in(number, reply.now, call.operations, reply.answers)
                )
            del self.lost[number]
        return fates

    async def close(self) -> None:
        """Close the connection for good; a later call would open another."""
        await self._connector.end()

    @property
    def _process_key(self) -> str:
        return f"{self._bases[0]}process:{self._process}"

    def _free_slot(self) -> int:
        """Where the next reply is kept: not where that of a lost call may be."""
        if not self.lost:
            return 0
        taken = {call.slot for call in self.lost.values()}
        return next(slot for slot in count() if slot not in taken)

    def _explained(self, error: Exception) -> LedgerUnavailable:
        words = words_of(error)
        if words.startswith("BEHIND"):
            self.missed(self._recent.missing_after(int(str(error).split()[1])))
            return LedgerBehind("This server lacks calls that another one has answered")
        if "FORGOTTEN" in words:  # its numbers were overtaken: this process begins anew
            self._process = f"{self._first_process}-{self.number}"
            self._recent.forget()
        if "WIPED" in words or "WRONGTYPE" in words:
            return LedgerWiped("The ledger in Redis has no members, or a foreign value in a key")
        return CallLost(self.number, detail=words) if self._is_sent else LedgerUnavailable(words)

    def _expected(self) -> int:
        """The last call that Redis must have applied, unless it has forgotten this process."""
        if self._answered_at < monotonic() - REMEMBERED_SECONDS:
            self._recent.forget()
        return self._recent.last

    async def _opened_exchange(self) -> Exchange:
        """Return the connection, which is waited for no longer than an answer."""
        if (exchange := self._connector.current) is not None:
            return exchange
        async with asyncio.timeout(self.timeout):
            return await self._connector.opened()

    async def _send(self, arguments: Sequence[bytes], *, again: bool = True) -> Any:
        """Send a call; over a broken connection `again`: its number makes a second sending safe."""
        was_sent = self._is_sent
        try:
            exchange = await self._opened_exchange()
            self._is_sent = True
            return await self._runner.run(exchange, arguments)
        except ResponseError as error:
            self._is_sent = was_sent  # refused, so this sending has changed nothing
            if not (again and isinstance(error, MovedError)):
                raise
            doubt(self._client, error)
        except (RedisConnectionError, OSError) as error:
            if not again or isinstance(error, TimeoutError):  # a second wait would be as long
                raise
            doubt(self._client, error)
        await self._connector.close()
        return await self._send(arguments, again=False)

    def _read(self, reply: Any) -> CallReply:
        """Unpack the reply to the call under way.

        Raises:
            redis.exceptions.RedisError: it is none, or that to another call.
        """
        decided, records = (reply[0], reply[1:]) if type(reply) is list else (reply, ())
        if (call := unpacked(decided)) is None:
            raise RedisError("Redis answered with something else than a reply")
        if (call.process, call.number) != (self._process, self.number):
            raise RedisError("Redis answered another call")
        return call._replace(records=records) if records else call

"""Bring details that CCC tells once, when numbers are added, into the inventory, and keep them.

They are put down first, for all replicas, so that a crash loses none. A sweep takes them into the
numbers that it sees, and leaves to a number those that it had: the snapshot carries them from then
on, to each replica and over a restart, until the number leaves. Nothing here is asked by a pick.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import TypeAlias, TypeVar

import msgspec
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.inventory import Details, Inventory, PhoneNumber
from service.redis_.client import translated
from service.sync.acceptance import Sweep
from service.sync.leader import read_script

KEPT_MS = 7 * 86_400_000  # for a number that CCC does not list at once; it does as a rule
SLICE = 100

T = TypeVar("T")

_log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode
_details = msgspec.msgpack.Decoder(Details)


class OwnInbox:
    """The details that no sweep has taken yet, of a process that is the only one."""

    def __init__(self) -> None:
        self._waiting: dict[str, Details] = {}

    async def put(self, details: Mapping[str, Details]) -> None:
        """Keep them until a sweep takes them."""
        self._waiting |= details

    async def read(self) -> Mapping[str, Details]:
        """All that wait."""
        return dict(self._waiting)

    async def remove(self, numbers: Collection[str]) -> None:
        """Let go of some."""
        for number in numbers:
            self._waiting.pop(number, None)


class SharedInbox:
    """The inbox of all replicas; what Redis does not take now waits in this process.

    Args:
        client: where Redis is; no pick waits for it.
        base: what the instance's keys begin with, its hash tag included.
    """

    def __init__(self, client: Redis, base: str) -> None:
        self._client = client
        self._key = f"{base}inventory:inbox"
        self._put = read_script("inbox.lua")
        self._unsent: dict[str, Details] = {}

    async def put(self, details: Mapping[str, Details]) -> None:
        """Keep them, in Redis if it serves."""
        self._unsent |= details
        try:
            await self._send()
        except LedgerUnavailable:
            _log.warning("Redis is unreachable: details of new numbers wait in this process")

    async def read(self) -> Mapping[str, Details]:
        """All that wait; those of this process alone while Redis does not serve."""
        waiting = dict(self._unsent)
        with suppress(LedgerUnavailable), translated():
            await self._send()
            async for number, stored in self._client.hscan_iter(self._key, count=SLICE):
                with suppress(msgspec.DecodeError):  # of a release that is not adjacent
                    waiting[number.decode()] = _details.decode(stored)
        return waiting

    async def remove(self, numbers: Collection[str]) -> None:
        """Let go of some; what Redis does not forget now is taken again."""
        for some in _slices(numbers):
            with suppress(LedgerUnavailable), translated():
                await self._client.hdel(self._key, *some)

    async def _send(self) -> None:
        for some in _slices(self._unsent.items()):
            pairs = [part for number, told in some for part in (number, _encode(told))]
            with translated():
                await self._client.eval(self._put, 1, self._key, KEPT_MS, *pairs)
            for number, told in some:
                if self._unsent.get(number) is told:  # and not put anew meanwhile
                    del self._unsent[number]


Inbox: TypeAlias = OwnInbox | SharedInbox


class DetailedSweep:
    """A sweep whose numbers have their details.

    Args:
        sweep: reads all numbers from CCC, given those known, or raises SweepFailed.
        inbox: where new details wait.
        inventory: the snapshot, whose numbers keep what they have.
    """

    def __init__(
        self,
        sweep: Callable[[Mapping[str, PhoneNumber]], Awaitable[Sweep]],
        inbox: Inbox,
        inventory: Callable[[], Inventory | None],
    ) -> None:
        self._sweep = sweep
        self._inbox = inbox
        self._inventory = inventory

    async def put(self, details: Mapping[str, Details]) -> None:
        """Have the next sweep, on any replica, take what is new of these."""
        inventory = self._inventory()
        known = {} if inventory is None else inventory.numbers
        await self._inbox.put(
            {
                number: told
                for number, told in details.items()
                if number not in known or known[number].details != told
            }
        )

    async def __call__(self, known: Mapping[str, PhoneNumber]) -> Sweep:
        """Sweep.

        Args:
            known: the numbers of the last inventory.

        Raises:
            SweepFailed: as the sweep does.
        """
        sweep = await self._sweep(known)
        waiting = await self._inbox.read()
        # Removed by the sweep after the one that took them: by then they are published.
        taken = {
            number
            for number, told in waiting.items()
            if number in known and known[number].details == told
        }
        await self._inbox.remove(taken)
        return await asyncio.to_thread(detailed, sweep, known, waiting)


def detailed(sweep: Sweep, known: Mapping[str, PhoneNumber], told: Mapping[str, Details]) -> Sweep:
    """A sweep with what was told of its numbers now, or known of them before.

    Args:
        sweep: as CCC lists the numbers, without details.
        known: the numbers of before.
        told: what is new.
    """
    kept = {number: one.details for number, one in known.items() if one.details is not None}
    numbers = dict(sweep.numbers)
    for number, details in {**kept, **told}.items():
        if (seen := numbers.get(number)) is not None:
            numbers[number] = msgspec.structs.replace(seen, details=details)
    return msgspec.structs.replace(sweep, numbers=numbers)


def _slices(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(list(items))
    while some := list(islice(rest, SLICE)):
        yield some

"""Membership: how the leader of the sweep, and nobody else, tells Redis which numbers there are.

Removals go first, so that a number that changed its groups is never shown for the old ones. All
of it goes in slices that Redis handles in well under a millisecond, fenced by the leader's token.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.errors import StaleLeader
from service.inventory import Home, Inventory
from service.ledger.caller import known_from
from service.ledger.script import Script

SLICE = 100
SCAN_SLICE = 1000

T = TypeVar("T")


class Changes(msgspec.Struct, frozen=True):
    """What separates the members that the ledger has from those that it should have."""

    removed: list[str]
    placed: list[tuple[str, str]]
    homes: list[tuple[str, str]]
    deserted: list[str]


def changes_between(held: Mapping[str, str], homes: Mapping[str, Home]) -> Changes:
    """Compare the ledger's numbers, each with its home's id, with a snapshot's homes."""
    known = set(held.values())
    wanted = {home.home_id: home for home in homes.values()}
    return Changes(
        removed=[number for number in held if number not in homes],
        placed=[
            (number, home.home_id)
            for number, home in homes.items()
            if held.get(number) != home.home_id
        ],
        homes=[
            (home_id, "\n".join((home.limits, *home.pools)))
            for home_id, home in wanted.items()
            if home_id not in known
        ],
        deserted=[home_id for home_id in known if home_id not in wanted],
    )


class MembersWriter:
    """Brings one ledger's members to a snapshot.

    Args:
        client: where Redis is, with a timeout fit for many slices.
        base: what the ledger's keys begin with.
    """

    def __init__(self, client: Redis, base: str) -> None:
        self._client = client
        self._base = base
        self._script = Script("membership.lua")

    async def write(self, inventory: Inventory, fence: int, epoch: str) -> None:
        """Make the ledger's members those of the snapshot.

        Args:
            inventory: the snapshot.
            fence: the leader's token; a greater one has led later.
            epoch: names this life of the ledger, should it have none: a wiped one has lost it.

        Raises:
            StaleLeader: another replica has led since; nothing more was written.
        """
        # In a thread: many numbers take longer than a pick can wait.
        held = await self._held()
        changes = await asyncio.to_thread(changes_between, held, inventory.homes())
        for homes in _slices(changes.homes):
            await self._run(fence, homes=homes)
        for removed in _slices(changes.removed):
            await self._run(fence, removed=removed)
        for placed in _slices(changes.placed):
            await self._run(fence, placed=placed)
        await self._run(fence, commit=(inventory.generation, epoch, changes.deserted))

    async def _held(self) -> dict[str, str]:
        records = self._client.hscan_iter(f"{self._base}numbers", count=SCAN_SLICE)
        return {number.decode(): known_from(record).home async for number, record in records}

    async def _run(
        self,
        fence: int,
        *,
        homes: Sequence[tuple[str, str]] = (),
        removed: Sequence[str] = (),
        placed: Sequence[tuple[str, str]] = (),
        commit: tuple[int, str, list[str]] | tuple[()] = (),
    ) -> None:
        payload = msgspec.msgpack.encode((fence, homes, removed, placed, commit))
        try:
            await self._client.eval(self._script.source, 1, self._base, payload)
        except ResponseError as error:
            if str(error).startswith("FENCED"):
                raise StaleLeader("Another replica has written the members since") from error
            raise


def _slices(items: list[T]) -> Iterator[list[T]]:
    return (items[start : start + SLICE] for start in range(0, len(items), SLICE))

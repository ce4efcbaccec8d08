"""Membership: how the leader of the sweep, and nobody else, tells Redis which numbers there are.

Removals go first, so that a number that changed its groups is never shown for the old ones. All
of it goes in slices that Redis handles in well under a millisecond, fenced by the leader's token.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cache
from typing import TypeAlias, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.errors import StaleLeader
from service.inventory import Home, Inventory, moves_between
from service.ledger.record import KnownUse, Recall, home_of
from service.ledger.shared.script import MEMBERSHIP, joined
from service.tasks import in_slices

SLICE = 100
SCAN_SLICE = 250

T = TypeVar("T")

# A number and its home; where the ledger may have lost them, its use, and its parks by reason.
Placed: TypeAlias = tuple[str, str] | tuple[str, str, KnownUse, dict[str, int]]

NOWHERE = Home("", ())


class Slice(msgspec.Struct, frozen=True, array_like=True):
    """So much of a change as the script takes at once; `lua/membership.lua` says what each is."""

    first: bool = False
    anew: bool = False
    homes: Sequence[tuple[str, str]] = ()
    removed: Sequence[str] = ()
    placed: Sequence[Placed] = ()
    commit: tuple[int, str, list[str], int] | tuple[()] = ()


class Changes(msgspec.Struct, frozen=True):
    """The difference between the members that the ledger has and those that it should have."""

    removed: list[str]
    placed: list[tuple[str, str]]
    homes: list[tuple[str, str]]
    deserted: list[str]


def changes_between(
    held: Mapping[str, Home], homes: Mapping[str, Home]
) -> Generator[None, None, Changes]:
    """Compare the homes of the ledger's numbers, of which the ids count, with a snapshot's."""
    moves = yield from moves_between(held, homes)
    known, wanted = (yield from _by_id(held)), (yield from _by_id(homes))
    return Changes(
        removed=moves.gone,
        placed=[(number, homes[number].home_id) for number in moves.moved],
        homes=[
            (home_id, "\n".join((home.limits, *home.pools)))
            for home_id, home in wanted.items()
            if home_id not in known
        ],
        deserted=[home_id for home_id in known if home_id not in wanted],
    )


def _by_id(homes: Mapping[str, Home]) -> Generator[None, None, dict[str, Home]]:
    found: dict[str, Home] = {}
    for at, home in enumerate(homes.values()):
        if at % SLICE == 0:
            yield
        found[home.home_id] = home
    return found


class MembersWriter:
    """Brings one ledger's members to a snapshot.

    Args:
        client: where Redis is, with a timeout fit for many slices.
        base: what the ledger's keys begin with.
    """

    def __init__(self, client: Redis, base: str) -> None:
        self._client = client
        self._base = base
        self._script = joined(*MEMBERSHIP)

    async def write(
        self, inventory: Inventory, fence: int, epoch: str, recall: Recall | None = None
    ) -> None:
        """Make the ledger's members those of the snapshot.

        Args:
            inventory: the snapshot.
            fence: the leader's token; a greater one has led later.
            epoch: names this life of the ledger, should it have none: a wiped one has lost it.
            recall: tells what the ledger had of a number, to write all of it anew; None: it has it.

        Raises:
            StaleLeader: another replica has led since; nothing more was written.
        """
        is_anew = recall is not None
        await self._run(fence, Slice(first=True, anew=is_anew))
        held, homes = await self._held(), inventory.homes()
        if recall is not None:  # whatever else stands there, only who must leave is believed
            held = {number: NOWHERE for number in held if number not in homes}
        changes = await in_slices(changes_between(held, homes))
        for some in _slices(changes.homes):
            await self._run(fence, Slice(homes=some))
        for removed in _slices(changes.removed):
            await self._run(fence, Slice(removed=removed))
        turn = 0
        for placed in _slices(changes.placed):
            known_of = {number: had for number, _ in placed if recall and (had := recall(number))}
            turn = max([turn, *(known.turn for known, _ in known_of.values())])
            places = [_placed(*place, known_of.get(place[0])) for place in placed]
            await self._run(fence, Slice(anew=is_anew, placed=places))
        await self._run(fence, Slice(commit=(inventory.generation, epoch, changes.deserted, turn)))

    async def _held(self) -> dict[str, Home]:
        records = self._client.hscan_iter(f"{self._base}numbers", count=SCAN_SLICE)
        home = cache(lambda home_id: Home(home_id, ()))  # few, each of many numbers
        return {
            number.decode(errors="replace"): home(home_of(record))
            async for number, record in records
        }

    async def _run(self, fence: int, some: Slice) -> None:
        payload = msgspec.msgpack.encode((fence, some))
        try:
            await self._client.eval(self._script, 1, self._base, payload)
        except ResponseError as error:
            if "FENCED" in str(error):
                raise StaleLeader("Another replica has written the members since") from error
            raise


def _placed(number: str, home_id: str, had: tuple[KnownUse, dict[str, int]] | None) -> Placed:
    return (number, home_id) if had is None else (number, home_id, *had)


def _slices(items: list[T]) -> Iterator[list[T]]:
    return (items[start : start + SLICE] for start in range(0, len(items), SLICE))

"""The port of the ledger: what it can be asked, and what it answers.

An operation travels to Redis as an array, its name first, just as `calls.lua` takes it. Both
adapters give the same answers to the same operations; a property test holds them to it.
"""

from typing import Protocol

import msgspec

# What a call takes back of the numbers whose time has come, and how many of a level's candidates
# a pick rejects before it goes on to the next level. The same figures stand in calls.lua.
RETURNS_A_CALL = 8
SCAN_LIMIT = 64


class Pick(msgspec.Struct, frozen=True, array_like=True, tag="pick", gc=False):
    """The least recently used of the first step that has one, `count` of them.

    `steps` are the pools to try, level by level; `excluded` numbers are passed over.
    """

    dry_run: bool
    steps: tuple[tuple[str, ...], ...]
    count: int = 1
    excluded: tuple[str, ...] = ()

    @property
    def turns(self) -> int:
        """How much of a batch this takes up."""
        return self.count


class Take(msgspec.Struct, frozen=True, array_like=True, tag="take", gc=False):
    """This very number, if it is not parked: a pool of one, for what CCC itself picked."""

    dry_run: bool
    number: str
    turns: int = 1


class Park(msgspec.Struct, frozen=True, array_like=True, tag="park", gc=False):
    """Keep a number out until an instant (ms since 1970) for a reason; the latest reason counts."""

    number: str
    reason: str
    until: int


class Unpark(msgspec.Struct, frozen=True, array_like=True, tag="unpark", gc=False):
    """One reason to keep a number out no longer holds."""

    number: str
    reason: str


class Return(msgspec.Struct, frozen=True, array_like=True, tag="return", gc=False):
    """Take back up to `limit` numbers whose time has come."""

    limit: int


Operation = Pick | Take | Park | Unpark | Return


class Picked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to a pick: each number with its step, and how many were rejected, by reason."""

    uses: tuple[tuple[str, int], ...]
    rejected: tuple[tuple[str, int], ...]


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was picked and which ledger decided: `redis`, `memory` or `degraded`."""

    source: str
    picked: Picked


class Ledger(Protocol):
    """What the rest of the service asks of a ledger."""

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record, in one step.

        Raises:
            LedgerUnavailable: this ledger cannot decide in time.
        """

    async def park(self, park: Park) -> bool:
        """Take a number out of rotation; False for one that is no member."""

    async def unpark(self, unpark: Unpark) -> bool:
        """Put a number back; False where it was not parked for that reason."""

    async def take_back(self) -> None:
        """Return all numbers whose time has come, in bounded slices."""

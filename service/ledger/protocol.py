"""The port that the rest of the service asks, whichever ledger is behind it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from service.ledger.port import (
    Avoid,
    Cap,
    Decision,
    Followed,
    Glance,
    Outcome,
    Park,
    Pick,
    Standing,
    Stop,
    Take,
    Unpark,
)
from service.ledger.rules import Rules


class Ledger(Protocol):
    """Both adapters, and the one that joins them, give the same answers."""

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record, in one step.

        Raises:
            LedgerUnavailable: this ledger cannot decide in time.
        """

    async def park(self, park: Park) -> bool:
        """Take a number out of rotation; False for one that is no member."""

    async def unpark(self, unpark: Unpark) -> bool:
        """Put a number back; False where it was not parked for that reason."""

    async def follow(self, outcome: Outcome) -> Followed:
        """Renew or free the leases of a call."""

    async def stop(self, stop: Stop) -> None:
        """Refuse a callee for a while."""

    async def avoid(self, avoid: Avoid) -> bool:
        """Keep a number from a region; False for one that is no member."""

    async def cap(self, cap: Cap) -> bool:
        """Give a number a daily cap of its own; False for one that is no member."""

    async def describe(self, numbers: tuple[str, ...]) -> tuple[Standing, ...]:
        """Describe these numbers, in their order; at most 100."""

    def glance(self, numbers: Sequence[str]) -> list[Glance]:
        """Describe numbers as this process knows them, in their order; no I/O, some seconds old."""

    async def parked_by(self) -> Mapping[str, int]:
        """Count the parked numbers by reason."""

    def parked(self) -> Sequence[str]:
        """The numbers that are out, as this process knows them: some seconds late, at once."""

    async def take_back(self) -> None:
        """Return all numbers whose time has come, in bounded slices."""

    async def review(self) -> None:
        """Look again at all parked numbers, in bounded slices."""

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from now."""

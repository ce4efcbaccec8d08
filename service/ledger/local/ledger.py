"""The ledger in this process: the embedded default, and what decides while Redis cannot.

It keeps the same rules as the Lua and forgets at a restart.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.inventory import Inventory, Moves
from service.ledger.answers import Decision, Glance, Picked
from service.ledger.local.book import Book
from service.ledger.port import Answered, AnswerT, Pick, Return, Review, Take
from service.ledger.rules import Rules
from service.tasks import in_slices

RETURNS_A_SLICE = 100


class LocalLedger:
    """Every decision of the port, without I/O.

    `learned` and `members` take in what the shared ledger answers and holds.

    Args:
        clock: the instant, in ms since 1970.
        source: what a decision says of its origin, `memory` or `degraded`.
        start: where the rotation of a pool begins, as a part of it below 1; processes that decide
            apart start apart.
    """

    def __init__(
        self, clock: Callable[[], int], *, source: str = "memory", start: float = 0
    ) -> None:
        self._clock = clock
        self._source = source
        self._book = Book(start)
        self.learned, self.members = self._book.learned, self._book.members

    def replace(self, inventory: Inventory, moves: Moves | None = None) -> None:
        """Take the members of a new snapshot; a number keeps its turn, its counts, its parks.

        Args:
            inventory: the snapshot.
            moves: what separates it from the one before; None to find that out now, at once.
        """
        self.members.replace(inventory, moves)

    def answered(self, pick: Pick | Take) -> Picked | None:
        """Return what was answered before under a pick's call, None where that is not known."""
        return self._book.answered(self._clock(), pick)

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from now."""
        self._book.rule(rules)

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record."""
        return self.decide(pick)

    def decide(self, pick: Pick | Take) -> Decision:
        """The same at once: nothing here waits."""
        return Decision(self._source, self.apply_now(pick))

    async def apply(self, operation: Answered[AnswerT]) -> AnswerT:
        """Apply an operation."""
        return self.apply_now(operation)

    def apply_now(self, operation: Answered[AnswerT]) -> AnswerT:
        """Apply an operation at once: nothing here waits."""
        answer: Any
        (answer,) = self._book.apply(self._clock(), (operation,))
        return answer  # type: ignore[no-any-return]  # each kind of operation has its own

    @property
    def clock_behind(self) -> int:
        """The ms by which the clock is behind the greatest instant that was decided by."""
        return max(0, self._book.now - self._clock())

    @property
    def has_stops(self) -> bool:
        """True once a callee was stopped."""
        return self._book.has_stops

    def glance(self, numbers: Sequence[str]) -> list[Glance]:
        """Describe these numbers, in their order; changes nothing."""
        return list(self.members.glance(numbers, self._book.rules, self._clock()))

    async def parked_by(self) -> Mapping[str, int]:
        """Count the parked numbers by reason."""
        return self._book.parked_by()

    def parked(self) -> tuple[str, ...]:
        """The numbers that are out."""
        return self.members.parked()

    async def take_back(self) -> None:
        """Return all numbers whose time has come, and forget what no rule needs.

        Whoever limits keep out is looked at again where ledger time has gone back.
        """
        while self.apply_now(Return(RETURNS_A_SLICE)) == RETURNS_A_SLICE:
            pass
        await in_slices(self._book.forgetting())
        if self._book.has_gone_back:
            self._book.has_gone_back = False
            await self.review()

    async def review(self) -> None:
        """Look again at all parked numbers."""
        self.apply_now(Review(self.members.parked()))

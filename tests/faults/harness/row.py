"""A row of the table of faults: a fault, what it is done to, and what may come of it."""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from tests.faults.harness.stage import Setup, Stage

Fault = Callable[[Stage], Awaitable[None]]
Redis = Literal["serves", "away", ""]

FAULT_SECONDS = 1.2


class Allowed(msgspec.Struct, frozen=True):
    """What is inherent in a fault, and so no failure.

    `lost`, `doubled` and `contradicted` are shares of the calls, `over_cap` uses of a number beyond
    its cap, `failures` codes of requests that fail.
    """

    lost: float = 0.0
    doubled: float = 0.0
    contradicted: float = 0.0
    over_cap: int = 0
    refusals: bool = False
    failures: frozenset[str] = frozenset()

    def __str__(self) -> str:
        shares = {"lost": self.lost, "doubled": self.doubled, "differing": self.contradicted}
        words = [f"{name} ≤ {share:.1%}" for name, share in shares.items() if share]
        if self.over_cap:
            words.append(f"{self.over_cap} over a cap")
        return ", ".join([*words, *sorted(self.failures)])


class Row(msgspec.Struct, frozen=True):
    """A fault: `fault` does it and ends it.

    `redis` says what Redis does at the end of it where that is held: it "serves", or it is "away",
    has been all the time, and no process may have said anything else.
    """

    number: int
    name: str
    fault: Fault
    setup: Setup = Setup()
    allowed: Allowed = Allowed()
    redis: Redis = ""


def row(
    number: int,
    name: str,
    *,
    setup: Setup | None = None,
    allowed: Allowed | None = None,
    redis: Redis = "",
) -> Callable[[Fault], Row]:
    """Make a row of the function that does its fault."""
    return lambda fault: Row(number, name, fault, setup or Setup(), allowed or Allowed(), redis)

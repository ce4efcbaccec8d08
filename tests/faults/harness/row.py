"""A row of the table of faults: a fault, what it is done to, and what may come of it."""

from collections.abc import Awaitable, Callable

import msgspec

from tests.faults.harness.stage import Setup, Stage

Fault = Callable[[Stage], Awaitable[None]]

FAULT_SECONDS = 1.2


class Allowed(msgspec.Struct, frozen=True):
    """What is inherent in a fault, and so no failure.

    `lost`, `doubled` and `contradicted` are shares of the calls, `over_cap` uses of a number beyond
    its cap, `failures` codes of requests that fail. `returns` is how often a process may say that
    Redis decides again; None: that is not looked at.
    """

    lost: float = 0.0
    doubled: float = 0.0
    contradicted: float = 0.0
    over_cap: int = 0
    refusals: bool = False
    failures: frozenset[str] = frozenset()
    returns: int | None = None

    def __str__(self) -> str:
        shares = {"lost": self.lost, "doubled": self.doubled, "differing": self.contradicted}
        words = [f"{name} ≤ {share:.1%}" for name, share in shares.items() if share]
        if self.over_cap:
            words.append(f"{self.over_cap} over a cap")
        return ", ".join([*words, *sorted(self.failures)])


class Row(msgspec.Struct, frozen=True):
    """`fault` does it and ends it; with `serves`, Redis decides picks all the same at its end."""

    number: int
    name: str
    fault: Fault
    setup: Setup = Setup()
    allowed: Allowed = Allowed()
    serves: bool = False


def row(
    number: int,
    name: str,
    *,
    setup: Setup | None = None,
    allowed: Allowed | None = None,
    serves: bool = False,
) -> Callable[[Fault], Row]:
    """Make a row of the function that does its fault."""
    return lambda fault: Row(
        number, name, fault, setup or Setup(), allowed or Allowed(), serves=serves
    )

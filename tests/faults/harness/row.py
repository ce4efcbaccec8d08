"""A row of the table of faults: a fault, what it is done to, and what may come of it."""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from tests.faults.harness.figures import Allowed
from tests.faults.harness.stage import Setup, Stage

Fault = Callable[[Stage], Awaitable[None]]
Redis = Literal["serves", "away", ""]

FAULT_SECONDS = 1.2
SET_BACK = "the ledger's clock was set back"  # in the log of a service


class Row(msgspec.Struct, frozen=True):
    """A fault: `fault` does it and ends it.

    `redis` says what Redis does at the end of it where that is held: it "serves", or it is "away",
    has been all the time, and no process may have said anything else. `says` are words that must be
    in the log of each in the end.
    """

    number: int
    name: str
    fault: Fault
    setup: Setup = Setup()
    allowed: Allowed = Allowed()
    redis: Redis = ""
    says: str = ""


def row(  # noqa: PLR0913 - keywords, each of which few rows have
    number: int,
    name: str,
    *,
    setup: Setup | None = None,
    allowed: Allowed | None = None,
    redis: Redis = "",
    says: str = "",
) -> Callable[[Fault], Row]:
    """Make a row of the function that does its fault."""
    held = (setup or Setup(), allowed or Allowed(), redis, says)
    return lambda fault: Row(number, name, fault, *held)

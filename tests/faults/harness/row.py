"""A row of the table of faults: a fault, what it is done to, and what may come of it."""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from tests.faults.harness.figures import Allowed
from tests.faults.harness.stage import Setup, Stage

Fault = Callable[[Stage], Awaitable[None]]
Redis = Literal["serves", "away", ""]

FAULT_SECONDS = 1.2


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

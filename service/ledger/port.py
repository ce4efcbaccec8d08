"""The port of the ledger: what it can be asked, and what it answers.

An operation travels to Redis as an array, its name first, a pick as `wire` says. Both adapters
give the same answers to the same operations; a property test holds them to it. Instants and spans
are in ms, instants since 1970. Callees, calls and sets of groups come as digests.

A new operation is a class here, a function in `lua/7_operations.lua`, and one in `local/book`.
"""

from functools import cache
from typing import Any, Generic, TypeAlias, TypeVar, get_args

import msgspec

from service.inventory import Step
from service.ledger.answers import CalleeStanding, Followed, Picked, Standing, followed_from

# What a call takes back of the numbers whose time has come, and how many of a level's candidates
# a pick rejects before it goes on to the next level. The same figures stand in the Lua.
RETURNS_A_CALL = 8
SCAN_LIMIT = 64

BATCH_TURNS = 32  # of a batch at the most, so that no call keeps Redis for long

STICKY = "sticky"


def turns_of(count: int, pools: int) -> int:
    """Return the share of a batch that a pick of so many numbers of so many pools takes up.

    As Redis's time goes: 16 µs for each number, and 2 more for each pool that it may be in.
    """
    return count * (8 + pools) // 9 or 1


AnswerT = TypeVar("AnswerT")
AnswerT_co = TypeVar("AnswerT_co", covariant=True)


class Answered(msgspec.Struct, Generic[AnswerT_co], frozen=True, array_like=True, gc=False):
    """An operation that a ledger applies in one step, and the type of its answer."""

    def turns(self) -> int:
        """The share of a batch that this takes up, of `BATCH_TURNS`."""
        return 1

    @property
    def is_dry(self) -> bool:
        """True if this changes nothing: it is a dry run, or only reads."""
        return bool(getattr(self, "dry_run", False))

    def read(self, answer: Any) -> AnswerT_co:
        """Read an answer to this as it comes from Redis."""
        read: AnswerT_co = msgspec.convert(answer, _answer_type(type(self)))
        return read


Operation: TypeAlias = Answered[Any]
Uses: TypeAlias = tuple[tuple[str, str], ...]  # numbers, each with its mark


@cache
def _answer_type(kind: type[Operation]) -> Any:
    """Return the type of the answers to a kind of operation."""
    (base,) = kind.__orig_bases__  # type: ignore[attr-defined]  # where Python keeps the parameter
    return get_args(base)[0]


class Pick(Answered[Picked], frozen=True, gc=False):
    """The least recently used of the first step that has one, `count` of them.

    `excluded` numbers are passed over. `callee` is "" where no rule needs it, `groups` tells
    apart what is sticky, `region` is the callee's province: numbers kept from it are passed over.
    `call` is "" without an idempotency key, `body` digests what decides. `arm` goes behind the mark
    of each use.
    """

    dry_run: bool
    steps: tuple[Step, ...]
    count: int = 1
    excluded: tuple[str, ...] = ()
    callee: str = ""
    groups: str = ""
    call: str = ""
    body: str = ""
    explain: bool = False
    region: str = ""
    arm: str = ""

    def turns(self) -> int:
        """One for each number, and more where there are many pools.

        The widest step is the last or, with cities to spare, the one before it.
        """
        steps = self.steps
        pools = len(steps[-1].pools) if steps else 1
        if len(steps) > 1 and len(steps[-2].pools) > pools:
            pools = len(steps[-2].pools)
        return turns_of(self.count, pools)


class Take(Answered[Picked], frozen=True, tag="take", gc=False):
    """This very number, if nothing keeps it out: a pool of one, for what CCC itself picked."""

    dry_run: bool
    number: str
    callee: str = ""
    groups: str = ""
    call: str = ""
    body: str = ""


class Park(Answered[bool], frozen=True, tag="park", gc=False):
    """Keep a number out until an instant for a reason; the latest reason counts."""

    number: str
    reason: str
    until: int


class Unpark(Answered[bool], frozen=True, tag="unpark", gc=False):
    """One reason to keep a number out no longer holds."""

    number: str
    reason: str


class Return(Answered[int], frozen=True, tag="return", gc=False):
    """Take back up to `limit` numbers whose time has come; stands alone in its call."""

    limit: int

    def turns(self) -> int:
        """All: it has a call of its own."""
        return BATCH_TURNS


class Review(Answered[bool], frozen=True, tag="review", gc=False):
    """Look again at parked numbers: under raised limits some of them may come back."""

    numbers: tuple[str, ...]

    def turns(self) -> int:
        """All: it has a call of its own."""
        return BATCH_TURNS


class Describe(Answered[tuple[Standing, ...]], frozen=True, tag="describe", gc=False):
    """Describe these numbers; changes nothing."""

    dry_run: bool
    numbers: tuple[str, ...]

    def turns(self) -> int:
        """All: it has a call of its own."""
        return BATCH_TURNS


class DescribeCallee(Answered[CalleeStanding], frozen=True, tag="describe_callee", gc=False):
    """Describe this callee; changes nothing."""

    dry_run: bool
    callee: str


class Outcome(Answered[Followed], frozen=True, tag="outcome", gc=False):
    """The progress of a call, which is found by `call`, or by `callee` and `number`.

    An outcome that is not `final` renews the leases, a final one frees them.
    """

    call: str
    callee: str
    number: str
    final: bool

    def read(self, answer: Any) -> Followed:
        """Read an answer as it comes from Redis."""
        return followed_from(answer)


class Stop(Answered[bool], frozen=True, tag="stop", gc=False):
    """Refuse this callee until an instant; the answer is whether it was refused before.

    A stop that ends later stands, with its words, unless this `replaces` any: 0 ends it then.
    """

    callee: str
    until: int
    by: str = ""
    reason: str = ""
    replaces: bool = False


class Cap(Answered[bool], frozen=True, tag="cap", gc=False):
    """A daily cap of one number's own, below that of its limits; 0 takes it away."""

    number: str
    per_day: int


class Avoid(Answered[bool], frozen=True, tag="avoid", gc=False):
    """Do not show a number to callees of a region until an instant."""

    number: str
    region: str
    until: int


class Record(Answered[bool], frozen=True, tag="record", gc=False):
    """A pick that was made elsewhere at an instant: counted and remembered, not judged.

    `uses` has each number with its mark. An answer that is remembered under `call` has been
    counted already, so nothing is. `applied` is the instant at which this ledger had counted it
    before it lost that, 0 if it never had: a wiped ledger got some of its counts back.
    """

    uses: Uses
    instant: int
    callee: str = ""
    groups: str = ""
    call: str = ""
    body: str = ""
    applied: int = 0

    @classmethod
    def of(cls, asked: Pick | Take, uses: Uses, instant: int, *, applied: int = 0) -> "Record":
        """Return what tells a ledger that this was answered, at an instant."""
        return cls(uses, instant, asked.callee, asked.groups, asked.call, asked.body, applied)


class Undo(Answered[bool], frozen=True, tag="undo", gc=False):
    """A pick that was counted at an instant and shown to nobody: taken back, but for the turn.

    A call that is remembered of another instant was answered before, and nothing was counted; one
    that was repeated to another process stands until that retracts it. `applied` is as in `Record`.
    """

    numbers: tuple[str, ...]
    instant: int
    callee: str = ""
    call: str = ""
    applied: int = 0


class Retract(Answered[bool], frozen=True, tag="retract", gc=False):
    """An answer that was repeated under a call and not shown: undone if no other process did."""

    call: str

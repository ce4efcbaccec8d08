"""The use case: locate the callee, order the pools, ask the ledger, fall back, answer.

This is what a pick is asked and answers, as `/v1/pick` has it on the wire; `picker` picks.
"""

from typing import Annotated, Literal

import msgspec

Identifier = Annotated[str, msgspec.Meta(max_length=256)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class PickRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One pick as it was asked; `skill_group_ids` may be missing where `agent_id` is given."""

    called_number: str
    instance_id: Identifier = ""
    skill_group_ids: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=256)], ...],
        msgspec.Meta(max_length=16),
    ] = ()
    agent_id: Identifier = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    min_match: Literal["", "city", "area_code", "province", "any"] = ""
    exclude: Annotated[tuple[Label, ...], msgspec.Meta(max_length=16)] = ()
    dry_run: bool = False
    call_id: Annotated[str, msgspec.Meta(max_length=128)] = ""
    tags: Annotated[tuple[Label, ...], msgspec.Meta(max_length=16)] = ()
    explain: bool = False


class PlacedNumber(msgspec.Struct, frozen=True, gc=False):
    """A number and where it is; "" where that is not known."""

    number: str
    province: str
    city: str


class Pair(msgspec.Struct, frozen=True, gc=False):
    """One answer: show `caller` to `callee`; `match` says how near they are."""

    caller: PlacedNumber
    callee: PlacedNumber
    match: str


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """One candidate that was looked at; `reason` is what it was rejected for, "" if taken."""

    number: str
    match: str
    turn: int
    used_hour: int
    used_day: int
    reason: str


class PickAnswer(msgspec.Struct, frozen=True, gc=False):
    """The numbers to show, best first, and which ledger decided.

    `explanation` has every candidate that was looked at, in order, where it was asked for;
    `rejected` how many were passed over, by reason.
    """

    source: str
    data: tuple[Pair, ...]
    explanation: tuple[Candidate, ...] | None = None
    rejected: tuple[tuple[str, int], ...] = ()

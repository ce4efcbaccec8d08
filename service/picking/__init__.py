"""The use case: locate the callee, order the pools, ask the ledger, fall back, answer.

This is what a pick is asked and answers, as `/v1/pick` has it on the wire; `picker` picks.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

Identifier = Annotated[str, Meta(max_length=256)]
InstanceId = Annotated[
    Identifier, Meta(description="May be left out where one instance is configured.")
]
Labels = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=16)
]
SkillGroupIds = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=16)
]
Place = Annotated[str, Meta(description="In Chinese, empty where it is not known.")]
Match = Annotated[
    str,
    Meta(
        description="How near: `agent`, `sticky`, `city`, `area_code`, `province`, `near`, `any`, "
        "`ccc`."
    ),
]
# What keeps a number out; the command line and docs/operations.md say what each means.
REASONS = (
    "`cooldown`, `excluded`, `inactive`, `inbound_only`, `max_concurrent`, `max_per_day`, "
    "`max_per_hour`, `no_skill_group`, `operator`, `parked`, `provider`, `quarantine`, `region`, "
    "`rest`, `sip_park`, `sip_rest`, `toll_free`"
)
USED_HOUR = Meta(description="Picks of it in this hour.")
USED_DAY = Meta(description="Picks of it today.")


class PickRequest(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One pick as it was asked."""

    called_number: Annotated[
        str,
        Meta(
            description="The callee, as dialled: `13888888888`, `+86 138…`, `0086…`, "
            "`010-8989 8989`."
        ),
    ]
    instance_id: InstanceId = ""
    skill_group_ids: Annotated[
        SkillGroupIds,
        Meta(description="Numbers of any of these; required unless `agent_id` is given."),
    ] = ()
    agent_id: Annotated[
        Identifier, Meta(description="The agent's own numbers (`UserId`) come first.")
    ] = ""
    count: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="How many distinct numbers, best first; fewer where fewer are eligible.",
        ),
    ] = 1
    min_match: Annotated[
        Literal["", "city", "area_code", "province", "near", "any"],
        Meta(description="Go no further down than this level; empty for no bound."),
    ] = ""
    exclude: Annotated[Labels, Meta(description="Never these numbers.")] = ()
    dry_run: Annotated[
        bool, Meta(description="Decide, but record nothing, and do not ask CCC.")
    ] = False
    call_id: Annotated[
        str,
        Meta(
            max_length=128,
            description="The idempotency key: asked again, the same answer, counted once.",
        ),
    ] = ""
    tags: Annotated[Labels, Meta(description="Only numbers that bear all of these.")] = ()
    explain: Annotated[
        bool,
        Meta(
            description="Say of the candidates that were looked at, of those that are parked, and "
            "of those that are kept from the callee's place, why each was or was not taken."
        ),
    ] = False


class PlacedNumber(Struct, frozen=True, gc=False):
    """A number and where it is."""

    number: Annotated[str, Meta(description="In canonical form.")]
    province: Place
    city: Place


class Pair(Struct, frozen=True, gc=False):
    """One answer: show `caller` to `callee`."""

    caller: Annotated[PlacedNumber, Meta(description="The number to show.")]
    callee: Annotated[PlacedNumber, Meta(description="The number it is shown to.")]
    match: Match


class Candidate(Struct, frozen=True, gc=False):
    """One candidate that was looked at, that is parked, or that the callee's place never sees."""

    number: Annotated[str, Meta(description="In canonical form; masked in a refusal.")]
    match: Match
    turn: Annotated[
        int, Meta(description="When it was last taken, as a count; the least comes next.")
    ]
    used_hour: Annotated[int, USED_HOUR]
    used_day: Annotated[int, USED_DAY]
    reason: Annotated[
        str, Meta(description=f"Why it was rejected, empty if it was taken: {REASONS}.")
    ]
    until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Until when it is parked (RFC 3339); null for one that is not."),
    ] = None


class PickAnswer(Struct, frozen=True, gc=False):
    """The numbers to show, best first, and which ledger decided.

    `explanation` has the candidates that were looked at, in order, and those that are out, where it
    was asked for; `rejected` how many were passed over, by reason. `arm` is the callee's in an
    experiment, beside an explanation alone, "" for none.
    """

    source: str
    data: tuple[Pair, ...]
    explanation: tuple[Candidate, ...] | None = None
    rejected: tuple[tuple[str, int], ...] = ()
    arm: Literal["", "local", "any"] = ""

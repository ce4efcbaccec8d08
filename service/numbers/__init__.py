"""The numbers as operators see them: which there are, their state and their use.

This is what is asked and answered about the list, as `/v1/numbers` has it on the wire; `directory`
lists, `parking` parks and lifts, `overview` sums up.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.picking import USED_DAY, USED_HOUR, Identifier, InstanceId, Place

Lifted = Literal["operator", "sip_rest", "sip_park", "provider", "quarantine"]
Limited = Literal["max_per_hour", "max_per_day", "max_concurrent", "rest"]
Barred = Literal["inactive", "inbound_only", "toll_free", "no_skill_group"]
State = Literal["", "available", "parked", Lifted, Limited, Barred]
Sort = Literal["number", "-number", "used_hour", "-used_hour", "used_day", "-used_day"]
Reason = Literal[Lifted, "all"]
Result = Literal["parked", "unparked", "not_parked", "not_candidate", "unknown"]

MOST_NUMBERS = 10_000  # of one request
LONGEST_SECONDS = 31_536_000  # a year; CCC is where a number is given up

PlaceName = Annotated[str, Meta(max_length=64)]
Page = Annotated[int, Meta(ge=1, le=10**6, description="Which page, from 1.")]
PageSize = Annotated[int, Meta(ge=1, le=100, description="Numbers on a page.")]


class InstanceQuery(Struct, frozen=True):
    """The instance that is asked about."""

    instance_id: InstanceId = ""


class NumberQuery(InstanceQuery, frozen=True, forbid_unknown_fields=True, gc=False):
    """A filter over numbers, and a page of them; "" filters nothing."""

    q: Annotated[
        str,
        Meta(max_length=32, description="Anywhere in the number, spaces and hyphens aside."),
    ] = ""
    usage: Annotated[
        Literal["", "Inbound", "Outbound", "Bidirection"],
        Meta(description="Only numbers of this usage."),
    ] = ""
    active: Annotated[
        Literal["", "true", "false"],
        Meta(description="Only numbers that are active in CCC, or that are not."),
    ] = ""
    skill_group_id: Annotated[Identifier, Meta(description="Only numbers of this skill group.")] = (
        ""
    )
    province: Annotated[PlaceName, Meta(description="Only numbers of this province.")] = ""
    city: Annotated[PlaceName, Meta(description="Only numbers of this city.")] = ""
    page: Page = 1
    page_size: PageSize = 20
    state: Annotated[
        State,
        Meta(
            description="Only numbers that are `available`, `parked` (out for a time), or out for "
            "this reason, as this process knew it some seconds ago at the most."
        ),
    ] = ""
    sort: Annotated[Sort, Meta(description="The order; with `-` the greatest comes first.")] = (
        "number"
    )


class Parked(Struct, frozen=True):
    """A reason that keeps a number out, and its end."""

    reason: Annotated[str, Meta(description="Why it is out, as in `Candidate`.")]
    until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Until when (RFC 3339); null for as long as CCC has it so."),
    ]
    by: Annotated[str, Meta(description="The name of the client who parked it, if known.")] = ""
    note: Annotated[
        str, Meta(description="The operator's words, or the SIP code or provider; empty for none.")
    ] = ""


class NumberEntry(Struct, frozen=True):
    """One number; what the ledger knows is null while it cannot be asked."""

    number: Annotated[str, Meta(description="In canonical form.")]
    province: Place
    city: Place
    area_code: Annotated[str, Meta(description="Of a landline.")]
    usage: Annotated[
        str, Meta(description="`Inbound`, `Outbound` or `Bidirection`; a 400 number: `Inbound`.")
    ]
    active: Annotated[bool, Meta(description="Whether CCC says so.")]
    skill_group_ids: Annotated[tuple[str, ...], Meta(description="The skill groups.")]
    agent_id: Annotated[str, Meta(description="The agent whose own number it is, empty for none.")]
    tags: Annotated[tuple[str, ...], Meta(description="CCC's tags.")]
    provider: Annotated[str, Meta(description="The carrier that provides it.")]
    used_hour: Annotated[int | None, USED_HOUR] = None
    used_day: Annotated[int | None, USED_DAY] = None
    max_per_hour: Annotated[int | None, Meta(description="Its cap for an hour, 0 for none.")] = None
    max_per_day: Annotated[int | None, Meta(description="Its cap for a day, 0 for none.")] = None
    available: Annotated[bool | None, Meta(description="Whether it may be picked now.")] = None
    parked: Annotated[
        tuple[Parked, ...] | None, Meta(description="What keeps it out, all of it.")
    ] = None
    health: Annotated[
        str,
        Meta(
            description="Why it is or was out of good health, in calls answered and expected; "
            "empty if it never was."
        ),
    ] = ""
    trunks: Annotated[
        int | None,
        Meta(
            description="How many calls it carries at once. CCC tells this and what follows when "
            "a number is added in bulk; null where it has not."
        ),
    ] = None
    test_only: Annotated[bool | None, Meta(description="Whether it is a test number.")] = None
    remaining_time: Annotated[
        int | None, Meta(description="What is left to a test number, in minutes.")
    ] = None
    allow_outbound: Annotated[bool | None, Meta(description="Whether it may call.")] = None


class NumberPage(Struct, frozen=True):
    """One page of the numbers."""

    data: Annotated[tuple[NumberEntry, ...], Meta(description="The numbers.")]
    page: Page
    page_size: PageSize
    total: Annotated[int, Meta(description="How many numbers there are on all pages.")]
    standing: Annotated[
        Literal["known", "unavailable"],
        Meta(description="Whether the ledger could be asked; while not, what it knows is null."),
    ]


LiftedReason = Annotated[
    Reason,
    Meta(
        description="What is lifted: an operator's park, one by a SIP code, its provider's, a "
        "quarantine, or all of these. Never a cap, a lease or a rest."
    ),
]


class ParkRequest(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A span of time, by one of two fields, and the operator's reason in free words."""

    seconds: Annotated[
        int,
        Meta(ge=1, le=LONGEST_SECONDS, description="For how long. Give this or `until`."),
    ] = 0
    until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Until when (RFC 3339), within a year. Give this or `seconds`."),
    ] = None
    reason: Annotated[str, Meta(max_length=200, description="Why, in words for other people.")] = ""


Numbers = Annotated[
    tuple[str, ...],
    Meta(min_length=1, max_length=MOST_NUMBERS, description="The numbers, in any form."),
]


class BulkParkRequest(ParkRequest, frozen=True, kw_only=True):
    """Numbers, and a span of time as in `ParkRequest`."""

    numbers: Numbers
    instance_id: InstanceId = ""


class BulkUnparkRequest(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Numbers, and what is to keep them out no longer."""

    numbers: Numbers
    reason: LiftedReason = "operator"
    instance_id: InstanceId = ""


class UnparkQuery(InstanceQuery, frozen=True):
    """What is to keep a number out no longer."""

    reason: LiftedReason = "operator"


class NumberResult(Struct, frozen=True, gc=False):
    """The result for one number that was given."""

    number: Annotated[str, Meta(description="As it was given.")]
    result: Annotated[
        Result,
        Meta(
            description="`not_parked`: not for this reason. `not_candidate`: never in rotation, or "
            "not yet. `unknown`: none of the instance's, or no number."
        ),
    ]

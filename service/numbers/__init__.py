"""The numbers as operators see them: which there are, their state and their use.

This is what is asked and answered about the list, as `/v1/numbers` has it on the wire; `directory`
lists and parks, `overview` sums up.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.picking import USED_DAY, USED_HOUR, Identifier, InstanceId, Place

PlaceName = Annotated[str, Meta(max_length=64)]
Page = Annotated[int, Meta(ge=1, le=10**6, description="Which page, from 1.")]
PageSize = Annotated[int, Meta(ge=1, le=100, description="Numbers on a page.")]


class InstanceQuery(Struct, frozen=True):
    """The instance that is asked about."""

    instance_id: InstanceId = ""


class NumberQuery(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A filter over numbers, and a page of them; "" filters nothing."""

    instance_id: InstanceId = ""
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


class Parked(Struct, frozen=True):
    """A reason that keeps a number out, and its end."""

    reason: Annotated[str, Meta(description="Why it is out, as in `Candidate`.")]
    until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Until when (RFC 3339); null for as long as CCC has it so."),
    ]


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

"""What may be asked of the write side, and what it answers."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.ccc.additions import NumberDetails

Usage = Literal["Inbound", "Outbound", "Bidirection"]
Identifier = Annotated[str, Meta(max_length=256)]
SkillGroups = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=16)
]


class AddRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AddPhoneNumbers of CCC 2020-07-01: these numbers, for this usage."""

    numbers: tuple[str, ...]
    usage: Usage
    instance_id: Identifier = ""
    contact_flow_id: Identifier = ""
    number_group_id: Identifier = ""


class BulkRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AddBulkPhoneNumbers of CCC 2017-07-05: these numbers, bound to these skill groups."""

    numbers: tuple[str, ...]
    usage: Usage
    instance_id: Identifier = ""
    contact_flow_id: Identifier = ""
    skill_group_ids: SkillGroups = ()


class Addition(Struct, frozen=True):
    """What became of each number; together they are the numbers that were asked for.

    `pending` are the added ones that the inventory lacks after the refresh: CCC does not list them
    yet, or the refresh failed. The next sweep that sees them lets them in.
    """

    added: tuple[str, ...]
    failed: tuple[str, ...]
    pending: tuple[str, ...] = ()


class BulkAddition(Struct, frozen=True):
    """What became of each number; `details` are of those that the instance has now.

    `pending` as in `Addition`.
    """

    added: tuple[str, ...]
    failed: tuple[str, ...]
    in_use: tuple[str, ...]
    in_arrears: tuple[str, ...]
    details: tuple[NumberDetails, ...] = ()
    pending: tuple[str, ...] = ()

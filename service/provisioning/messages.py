"""What may be asked of the write side, and what it answers."""

from typing import Literal

from msgspec import Struct

Usage = Literal["Inbound", "Outbound", "Bidirection"]


class AddRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AddPhoneNumbers of CCC 2020-07-01: these numbers, for this usage."""

    numbers: tuple[str, ...]
    usage: Usage
    instance_id: str = ""
    contact_flow_id: str = ""
    number_group_id: str = ""


class BulkRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AddBulkPhoneNumbers of CCC 2017-07-05: these numbers, bound to these skill groups."""

    numbers: tuple[str, ...]
    usage: Usage
    instance_id: str = ""
    contact_flow_id: str = ""
    skill_group_ids: tuple[str, ...] = ()


class Addition(Struct, frozen=True):
    """What became of each number; together they are the numbers that were asked for."""

    added: tuple[str, ...]
    failed: tuple[str, ...]


class NumberDetails(Struct, frozen=True):
    """What the bulk answer alone says of a number; `raw` is CCC's own row, for the RPC door."""

    number: str
    trunks: int
    test_only: bool
    remaining_time: int
    allow_outbound: bool
    raw: dict[str, object]


class BulkAddition(Struct, frozen=True):
    """What became of each number; `details` are of those that the instance has now."""

    added: tuple[str, ...]
    failed: tuple[str, ...]
    in_use: tuple[str, ...]
    in_arrears: tuple[str, ...]
    details: tuple[NumberDetails, ...] = ()

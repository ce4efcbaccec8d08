"""The numbers as operators see them: which there are, their state and their use.

This is what is asked and answered about the list, as `/v1/numbers` has it on the wire; `directory`
lists and parks, `overview` sums up.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from service.picking import Identifier


class NumberQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A filter over numbers, and a page of them; "" filters nothing.

    `q` is looked for anywhere in the number, spaces and hyphens aside.
    """

    instance_id: Identifier = ""
    q: Annotated[str, msgspec.Meta(max_length=32)] = ""
    usage: Literal["", "Inbound", "Outbound", "Bidirection"] = ""
    active: Literal["", "true", "false"] = ""
    skill_group_id: Identifier = ""
    province: Annotated[str, msgspec.Meta(max_length=64)] = ""
    city: Annotated[str, msgspec.Meta(max_length=64)] = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 1
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


class Parked(msgspec.Struct, frozen=True):
    """A reason that keeps a number out, and its end; None for one of the inventory's own."""

    reason: str
    until: datetime | None


class NumberEntry(msgspec.Struct, frozen=True):
    """One number; what the ledger knows is None while it cannot be asked. A cap of 0 is none.

    `health` says why a number is or was out of good health, with how sure that is. What comes last
    CCC told when the number was added in bulk; None where it was not.
    """

    number: str
    province: str
    city: str
    area_code: str
    usage: str
    active: bool
    skill_group_ids: tuple[str, ...]
    agent_id: str
    tags: tuple[str, ...]
    provider: str
    used_hour: int | None = None
    used_day: int | None = None
    max_per_hour: int | None = None
    max_per_day: int | None = None
    available: bool | None = None
    parked: tuple[Parked, ...] | None = None
    health: str = ""
    trunks: int | None = None
    test_only: bool | None = None
    remaining_time: int | None = None
    allow_outbound: bool | None = None


class NumberPage(msgspec.Struct, frozen=True):
    """One page; `standing` says whether the ledger could be asked."""

    data: tuple[NumberEntry, ...]
    page: int
    page_size: int
    total: int
    standing: Literal["known", "unavailable"]

"""One of our numbers as the inventory knows it, and whether it may call out at all."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

OUTBOUND_USAGES = frozenset({"Outbound", "Bidirection"})


class Details(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Facts that AddBulkPhoneNumbers alone tells of a number, as of its addition.

    `trunks` is how many calls the number carries at once, 0 where that was not told;
    `remaining_time` what is left to a test number, in minutes.
    """

    trunks: int = 0
    test_only: bool = False
    remaining_time: int = 0
    allow_outbound: bool = True


class PhoneNumber(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A number of one instance; names of places are in their normal form, "" where unknown.

    `details` are None for a number that was not added in bulk through this service. It travels as
    an array between replicas: new fields go to the end, with a default.
    """

    number: str
    province: str = ""
    city: str = ""
    area_code: str = ""
    usage: str = "Bidirection"
    active: bool = True
    skill_group_ids: tuple[str, ...] = ()
    agent_id: str = ""
    tags: tuple[str, ...] = ()
    provider: str = ""
    details: Details | None = None


class UnreadableRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A row of CCC's list that is set aside: the masked number, if it has one, and the reason.

    `digest` tells apart rows that look the same so. It travels as an array, as `PhoneNumber` does.
    """

    number: str
    reason: str
    digest: bytes = b""

    def __str__(self) -> str:
        """Name the row and say why it is set aside."""
        return f"{self.number or 'a row'} ({self.reason})"


def bar(number: PhoneNumber) -> str:
    """Return the reason why this number can never be shown, or "" for a candidate.

    The rules are CCC's: `Active`, `Usage`, 400 numbers receive only, and a number reaches a pick
    through a skill group or through the agent who owns it (`UserId`).
    """
    if not number.active:
        return "inactive"
    if number.usage not in OUTBOUND_USAGES:
        return "inbound_only"
    if number.number.startswith("400"):
        return "toll_free"
    if not number.skill_group_ids and not number.agent_id:
        return "no_skill_group"
    return ""


class Terms(NamedTuple):
    """The terms of a number's use: the name of its limits, and the places that it is kept from.

    `limits` is "" for those of most numbers; `avoid` has names as `names_of` gives them.
    """

    limits: str = ""
    avoid: frozenset[str] = frozenset()


COMMON = Terms()


def common_terms(_: PhoneNumber) -> Terms:
    """Return the terms that most numbers have."""
    return COMMON


class Alike(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Numbers that differ in nothing but their digits; `pattern` is what they are, without these.

    So they travel and are read for a fraction of what each of them whole would cost.
    """

    pattern: PhoneNumber
    digits: tuple[str, ...]


def alike(numbers: Iterable[PhoneNumber]) -> tuple[Alike, ...]:
    """The same numbers, together where they are alike."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for number in numbers:
        digits, *fields = msgspec.structs.astuple(number)
        found.setdefault(tuple(fields), []).append(digits)
    return tuple(Alike(PhoneNumber("", *fields), tuple(all_)) for fields, all_ in found.items())


class CommonFields:
    """Lets numbers share what they have in common, so that it stands in memory once.

    A decoder makes its own string for each place, group and carrier that it meets: three quarters
    of what a large inventory would weigh.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def numbers(self, some: Alike) -> list[PhoneNumber]:
        """The numbers, with the fields of the first ones that they are like."""
        _, *fields = msgspec.structs.astuple(some.pattern)
        common = self._first.setdefault(tuple(fields), tuple(fields))
        return [PhoneNumber(digits, *common) for digits in some.digits]

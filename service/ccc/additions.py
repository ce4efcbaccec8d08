"""The two actions that add numbers: what is sent, and what is answered, decoded liberally.

AddPhoneNumbers lists in `Data` the numbers that it could not add, "无" (nothing) in the documents'
own example. AddBulkPhoneNumbers nests three such lists, and rows of what the instance has, each in
a holder beside `Code`. A number that cannot be read, or was not asked for, is CccMalformed: it may
stand for any of those that were.
"""

import json
from collections.abc import Collection
from functools import partial
from typing import Any

import msgspec

from service.ccc.payloads import malformed, usable
from service.ccc.replies import CccReply
from service.ccc.requests import BY_RPC_V1, Action, given
from service.ccc.rows import split
from service.inventory import Details
from service.locality import restore_number

NOTHING = ("", "无")


class AdditionBatch(msgspec.Struct, frozen=True, kw_only=True):
    """One call's additions; AddPhoneNumbers takes `number_group_id`, the other `skill_group_ids`.

    The numbers are in canonical form.
    """

    instance_id: str
    numbers: tuple[str, ...]
    usage: str
    contact_flow_id: str = ""
    number_group_id: str = ""
    skill_group_ids: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, str]:
        """The parameters of AddPhoneNumbers."""
        listed = {"NumberList": json.dumps(self.numbers), "NumberGroupId": self.number_group_id}
        return given(self._common | listed)

    @property
    def bulk_params(self) -> dict[str, str]:
        """The parameters of AddBulkPhoneNumbers."""
        numbers = {f"PhoneNumber.{at}": number for at, number in enumerate(self.numbers, 1)}
        groups = {f"SkillGroupId.{at}": group for at, group in enumerate(self.skill_group_ids, 1)}
        return given(self._common | numbers | groups)

    @property
    def _common(self) -> dict[str, str]:
        return {
            "InstanceId": self.instance_id,
            "Usage": self.usage,
            "ContactFlowId": self.contact_flow_id,
        }


class NumberDetails(msgspec.Struct, frozen=True):
    """A number that the instance has, and what ListPhoneNumbers does not say of it.

    `raw` is CCC's own row.
    """

    number: str
    details: Details
    raw: dict[str, Any]


class AdditionAnswer(msgspec.Struct, frozen=True):
    """The numbers that a call did not add, by the reason, and all that the instance has now.

    AddPhoneNumbers tells of `failed` alone.
    """

    failed: tuple[str, ...]
    in_use: tuple[str, ...] = ()
    in_arrears: tuple[str, ...] = ()
    details: tuple[NumberDetails, ...] = ()


class _AdditionRow(msgspec.Struct, rename="pascal"):
    number: str | int
    trunks: int | None = None
    test_only: bool | None = None
    remaining_time: int | None = None
    allow_outbound: bool | None = None


def add_phone_numbers(batch: AdditionBatch) -> Action[AdditionAnswer]:
    """AddPhoneNumbers.

    Neither action is repeated unless CCC surely did nothing: a second answer would call failed, or
    in use, what the first call added.
    """
    return Action("AddPhoneNumbers", partial(addition_answer, batch.numbers), repeatable=False)


def add_bulk_phone_numbers(batch: AdditionBatch) -> Action[AdditionAnswer]:
    """AddBulkPhoneNumbers of 2017-07-05."""
    decode = partial(bulk_answer, batch.numbers)
    return Action("AddBulkPhoneNumbers", decode, repeatable=False, version=BY_RPC_V1)


def addition_answer(asked: Collection[str], reply: CccReply) -> AdditionAnswer:
    """Decode AddPhoneNumbers."""
    return AdditionAnswer(_numbers(asked, reply, reply.data, ""))


def bulk_answer(asked: Collection[str], reply: CccReply) -> AdditionAnswer:
    """Decode AddBulkPhoneNumbers. Raises CccMalformed, too, where `Success` contradicts `Code`."""
    if str(reply.success).lower() == "false":
        raise malformed(reply, "Code is OK and Success is false")
    rows = _held(reply, reply.phone_numbers, "PhoneNumber")
    return AdditionAnswer(
        failed=_numbers(asked, reply, reply.failed_phone_numbers, "FailedPhoneNumber"),
        in_use=_numbers(asked, reply, reply.userd_phone_numbers, "UserdPhoneNumber"),
        in_arrears=_numbers(asked, reply, reply.arrearage_phone_numbers, "ArrearagePhoneNumber"),
        details=tuple(row for row in map(_row, rows) if row is not None),
    )


def _numbers(
    asked: Collection[str], reply: CccReply, holder: msgspec.Raw, inner: str
) -> tuple[str, ...]:
    items = _held(reply, holder, inner)
    if len(items) == 1 and isinstance(items[0], str):
        items = [item.strip() if isinstance(item, str) else item for item in split(items[0])]
    listed = (item for item in items if item not in NOTHING)
    numbers = dict.fromkeys(usable(reply, at, item) for at, item in enumerate(listed))
    if not numbers.keys() <= set(asked):
        raise malformed(reply, f"{inner or 'Data'} names a number that was not to be added")
    return tuple(numbers)


def _held(reply: CccReply, holder: msgspec.Raw, inner: str) -> list[Any]:
    """The items of a list, of one alone, or of either in its holder; an empty holder has none."""
    try:
        found = msgspec.json.decode(bytes(holder) or b"null")
    except (ValueError, RecursionError) as error:
        raise malformed(reply, f"{inner or 'Data'} cannot be read: {error}") from None
    if isinstance(found, dict) and (not found or inner in found):
        found = found.get(inner)
    items = found if isinstance(found, list) else [found]
    return [item for item in items if item is not None]


def _row(sent: Any) -> NumberDetails | None:
    """A row whose number can be read; the others are not what was asked about."""
    try:
        row = msgspec.convert(sent, _AdditionRow, strict=False)
        number = restore_number(row.number)
    except (ValueError, msgspec.ValidationError):
        return None
    details = Details(
        trunks=max(0, row.trunks or 0),
        test_only=bool(row.test_only),
        remaining_time=max(0, row.remaining_time or 0),
        allow_outbound=row.allow_outbound is not False,
    )
    return NumberDetails(number, details, sent)

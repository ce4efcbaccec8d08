"""The use case of adding numbers: check, ask CCC call by call, refresh, tell each number's end.

An addition whose answer is lost is never repeated: the second answer would call in use what the
first call added. Instead the refresh shows which of its numbers CCC lists.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from service.ccc.additions import AdditionBatch, NumberDetails
from service.ccc.client import CccClient
from service.errors import CccError
from service.inventory import Details
from service.picking.instance import instance_named
from service.provisioning import (
    Addition,
    AddRequest,
    BulkAddition,
    BulkRequest,
    PartlyAdded,
    checked,
)
from service.sync import DetailedSweep, InventoryKeeper

# How many numbers one call takes is not documented. 100 is what a page of ListPhoneNumbers holds,
# and as JSON in a query they come to about 2 KB, well within the 8 KB that gateways take of a URL.
NUMBERS_A_CALL = 100

# The numbers of one call that were not added, by their end.
Ends: TypeAlias = Mapping[str, Sequence[str]]
Send: TypeAlias = Callable[[tuple[str, ...]], Awaitable[Ends]]

_log = logging.getLogger(__name__)


class Target(Struct, frozen=True):
    """One instance, as far as adding numbers to it goes."""

    instance_id: str
    ccc: CccClient
    keeper: InventoryKeeper
    learner: DetailedSweep


class _Sent(Struct, frozen=True):
    """The fate of the numbers sent; `lost` are those of a call whose answer was lost."""

    ended: Mapping[str, str]
    lost: tuple[str, ...] = ()
    cause: CccError | None = None


class Provisioner:
    """Adds numbers to the configured instances.

    Args:
        targets: by instance id.
    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets

    async def add(self, request: AddRequest, request_id: str) -> Addition:
        """Add by AddPhoneNumbers, then refresh. The numbers are in no skill group then.

        Args:
            request: the numbers; they come back in canonical form.
            request_id: for the log.

        Raises:
            InvalidField, UnknownInstance: nothing was sent.
            CccError: nothing was added.
            PartlyAdded: it ended half-way, or an answer was lost.
        """
        target = instance_named(self._targets, request.instance_id)
        numbers = checked(request.numbers, request.usage)

        async def send(some: tuple[str, ...]) -> Ends:
            batch = AdditionBatch(
                instance_id=target.instance_id,
                numbers=some,
                usage=request.usage,
                contact_flow_id=request.contact_flow_id,
                number_group_id=request.number_group_id,
            )
            return {"failed": await target.ccc.add_phone_numbers(batch)}

        fates = await _add(target, numbers, send, request_id)
        return Addition(fates["added"], fates["failed"], _pending(target, fates))

    async def add_bulk(self, request: BulkRequest, request_id: str) -> BulkAddition:
        """Add by AddBulkPhoneNumbers, then refresh; what it tells of the numbers' lines is kept.

        Args:
            request: the numbers; they come back in canonical form.
            request_id: for the log.

        Raises:
            InvalidField, UnknownInstance, CccError, PartlyAdded: as `add`.
        """
        target = instance_named(self._targets, request.instance_id)
        numbers = checked(request.numbers, request.usage)
        details: dict[str, NumberDetails] = {}

        async def send(some: tuple[str, ...]) -> Ends:
            batch = AdditionBatch(
                instance_id=target.instance_id,
                numbers=some,
                usage=request.usage,
                contact_flow_id=request.contact_flow_id,
                skill_group_ids=request.skill_group_ids,
            )
            answer = await target.ccc.add_bulk_phone_numbers(batch)
            details.update({one.number: one for one in answer.details})
            await target.learner.put({one.number: _kept(one) for one in answer.details})
            return {
                "failed": answer.failed,
                "in_use": answer.in_use,
                "in_arrears": answer.in_arrears,
            }

        fates = await _add(target, numbers, send, request_id)
        return BulkAddition(
            added=fates["added"],
            failed=fates["failed"],
            in_use=fates["in_use"],
            in_arrears=fates["in_arrears"],
            details=tuple(details.values()),
            pending=_pending(target, fates),
        )


async def _add(
    target: Target, numbers: tuple[str, ...], send: Send, request_id: str
) -> dict[str, tuple[str, ...]]:
    """Send the numbers, refresh, and sort them by how they ended."""
    sent = await _send_all(numbers, send)
    if sent.cause is not None and not sent.ended and not sent.lost:
        raise sent.cause
    ended = dict(sent.ended)
    report = await target.keeper.refresh()
    if report.result == "failed":
        _log.warning("Request %s: no refresh after adding numbers: %s", request_id, report.detail)
    else:
        ended |= {number: "added" for number in sent.lost if target.keeper.lists(number)}
    open_end = {**dict.fromkeys(numbers, "not_added"), **dict.fromkeys(sent.lost, "unknown")}
    fates = {
        fate: tuple(one for one in numbers if ended.get(one, open_end[one]) == fate)
        for fate in PartlyAdded.FATES
    }
    if sent.cause is not None and (fates["unknown"] or fates["not_added"]):
        raise PartlyAdded(numbers, fates, sent.cause)
    return fates


async def _send_all(numbers: tuple[str, ...], send: Send) -> _Sent:
    """Send the numbers call by call, until one fails."""
    ended: dict[str, str] = {}
    for start in range(0, len(numbers), NUMBERS_A_CALL):
        some = numbers[start : start + NUMBERS_A_CALL]
        try:
            ends = await send(some)
        except CccError as error:
            return _Sent(ended, some if error.may_have_happened else (), error)
        # Of two ends the later says why.
        told = {number: end for end, members in ends.items() for number in members}
        ended |= {number: told.get(number, "added") for number in some}
    return _Sent(ended)


def _pending(target: Target, fates: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(number for number in fates["added"] if not target.keeper.lists(number))


def _kept(one: NumberDetails) -> Details:
    return Details(one.trunks, one.test_only, one.remaining_time, one.allow_outbound)

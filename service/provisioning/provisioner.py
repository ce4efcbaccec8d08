"""The use case of adding numbers: check, ask CCC call by call, refresh, tell each number's end.

An addition whose answer is lost is never repeated: the second answer would call in use what the
first call added. Instead the refresh shows which of its numbers CCC lists.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from service.ccc.additions import AdditionAnswer, AdditionBatch, NumberDetails
from service.ccc.client import CccClient
from service.errors import CccError
from service.picking.instance import instance_named
from service.provisioning import (
    Addition,
    AdditionRequest,
    AddRequest,
    BulkRequest,
    PartlyAdded,
    checked,
)
from service.sync import DetailedSweep, InventoryKeeper

# How many numbers one call takes is not documented. 100 is what a page of ListPhoneNumbers holds,
# and as JSON in a query they come to about 2 KB, well within the 8 KB that gateways take of a URL.
NUMBERS_A_CALL = 100

Send: TypeAlias = Callable[[AdditionBatch], Awaitable[AdditionAnswer]]

_log = logging.getLogger(__name__)


class Target(Struct, frozen=True):
    """One instance, as far as adding numbers to it goes."""

    instance_id: str
    ccc: CccClient
    keeper: InventoryKeeper
    learner: DetailedSweep


class _Sent(Struct):
    """The fate of the numbers sent; `lost` are those of a call whose answer was lost.

    `details` are of the numbers that the instance has now.
    """

    fates: dict[str, str] = {}
    details: dict[str, NumberDetails] = {}
    lost: tuple[str, ...] = ()
    cause: CccError | None = None


class Provisioner:
    """Adds numbers to the configured instances.

    Args:
        targets: by instance id.
    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets

    async def add(self, request: AddRequest | BulkRequest, request_id: str) -> Addition:
        """Add numbers, call by call, then refresh.

        By AddPhoneNumbers they are in no skill group then; what AddBulkPhoneNumbers tells of the
        numbers' lines is kept.

        Args:
            request: the numbers; they come back in canonical form.
            request_id: for the log.

        Raises:
            InvalidField, UnknownInstance: nothing was sent.
            CccError: nothing was added.
            PartlyAdded: it ended half-way, or an answer was lost.
        """
        target = instance_named(self._targets, request.instance_id)

        async def send_bulk(batch: AdditionBatch) -> AdditionAnswer:
            answer = await target.ccc.add_bulk_phone_numbers(batch)
            # The answer lists all that the instance has; what nobody added stays as it was.
            asked = frozenset(batch.numbers)
            told = {row.number: row.details for row in answer.details if row.number in asked}
            await target.learner.put(told)
            return answer

        is_bulk = isinstance(request, BulkRequest)
        send = send_bulk if is_bulk else target.ccc.add_phone_numbers
        return await _add(target, request, send, request_id)


async def _add(target: Target, request: AdditionRequest, send: Send, request_id: str) -> Addition:
    """Send the numbers, refresh, and sort them by how they ended."""
    numbers = checked(request.numbers, request.usage)
    batch = msgspec.convert(request, AdditionBatch, from_attributes=True)
    batch = msgspec.structs.replace(batch, instance_id=target.instance_id, numbers=numbers)
    sent = await _send_all(batch, send)
    if sent.cause is not None and not sent.fates and not sent.lost:
        raise sent.cause
    report = await target.keeper.refresh()
    if report.result == "failed":
        _log.warning("Request %s: no refresh after adding numbers: %s", request_id, report.detail)
    else:
        sent.fates |= {number: "added" for number in sent.lost if target.keeper.lists(number)}
    open_end = dict.fromkeys(numbers, "not_added") | dict.fromkeys(sent.lost, "unknown")
    ended = open_end | sent.fates
    fates = {
        fate: tuple(number for number in numbers if ended[number] == fate)
        for fate in PartlyAdded.FATES
    }
    if sent.cause is not None and (fates["unknown"] or fates["not_added"]):
        raise PartlyAdded(numbers, fates, sent.cause)
    return Addition(
        added=fates["added"],
        failed=fates["failed"],
        in_use=fates["in_use"],
        in_arrears=fates["in_arrears"],
        details=tuple(sent.details.values()),
        pending=tuple(number for number in fates["added"] if not target.keeper.lists(number)),
    )


async def _send_all(batch: AdditionBatch, send: Send) -> _Sent:
    """Send the numbers call by call, until one fails."""
    sent = _Sent()
    for start in range(0, len(batch.numbers), NUMBERS_A_CALL):
        numbers = batch.numbers[start : start + NUMBERS_A_CALL]
        try:
            answer = await send(msgspec.structs.replace(batch, numbers=numbers))
        except CccError as error:
            sent.lost = numbers if error.may_have_happened else ()
            sent.cause = error
            return sent
        sent.fates |= dict.fromkeys(numbers, "added")
        for fate in ("failed", "in_use", "in_arrears"):  # of two, the later says why
            sent.fates |= dict.fromkeys(getattr(answer, fate), fate)
        sent.details |= {row.number: row for row in answer.details}
    return sent

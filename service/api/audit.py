"""The audit: one log line for each change that somebody made.

It says who, what, how many numbers and of which instance, and shows no number in clear. Whether
somebody may change a thing is decided before.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeVar

from aiohttp import web

from service.api.auth import asker_of
from service.api.parts import API, REQUEST_ID
from service.errors import LedgerUnavailable
from service.numbers import NumberResult
from service.numbers.callees import CalleeResult
from service.provisioning import Addition, AddRequest, BulkRequest, PartlyAdded

R = TypeVar("R", NumberResult, CalleeResult)

_log = logging.getLogger(__name__)


def note(request: web.Request, what: str, numbers: int, instance_id: str) -> None:
    """Tell of a change that was made.

    Args:
        request: by which it was asked for.
        what: the change, in the past tense; numbers in it are masked.
        numbers: how many numbers have changed.
        instance_id: whose, "" for the one that is configured.
    """
    change = {
        "who": asker_of(request).name or "somebody without a credential",
        "what": what,
        "numbers": numbers,
        "instance": request.app[API].label(instance_id),
        "request_id": request[REQUEST_ID],
    }
    _log.info("%(who)s %(what)s: %(numbers)d of %(instance)s", change, extra={"audit": change})


async def changed(
    request: web.Request,
    what: str,
    instance_id: str,
    numbers: Sequence[str],
    steps: AsyncIterator[Iterable[R]],
) -> tuple[R, ...]:
    """Take the steps of a change of numbers, and tell of it, also where it ended half-way.

    Args:
        request: by which it was asked for.
        what: the change, in the past tense; numbers in it are masked.
        instance_id: whose.
        numbers: all of them.
        steps: make the change; each yields the results of some.

    Raises:
        CallerIdError: as the steps do; of Redis that went away it says how many were done.
    """
    results: list[R] = []
    try:
        async for some in steps:
            results += some
    except LedgerUnavailable as error:
        what = f"{what}, half-way"
        told = f"at least {_done(results)} of {len(numbers)} numbers are done: {error}"
        raise LedgerUnavailable(told) from error
    finally:
        if done := _done(results):
            note(request, what, done, instance_id)
    return tuple(results)


def _done(results: Iterable[NumberResult | CalleeResult]) -> int:
    """Count what was changed."""
    return sum(one.result in ("parked", "unparked", "stopped", "let") for one in results)


async def add(request: web.Request, wanted: AddRequest | BulkRequest) -> Addition:
    """Add numbers, and tell of it, also where it ended half-way.

    Args:
        request: by which it was asked for.
        wanted: the numbers.

    Raises:
        CallerIdError: as the provisioner does.
    """
    provisioner, instance_id = request.app[API].parts.provisioner, wanted.instance_id
    try:
        addition = await provisioner.add(wanted, request[REQUEST_ID])
    except PartlyAdded as error:
        note(request, "added, half-way", len(error.fates.get("added", ())), instance_id)
        raise
    note(request, "added", len(addition.added), instance_id)
    return addition

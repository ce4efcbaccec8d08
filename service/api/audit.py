"""The audit: one log line for each change that somebody made.

It says who, what, how many numbers and of which instance, and shows no number in clear. Whether
somebody may change a thing is decided before.
"""

import logging

from aiohttp import web

from service.api.auth import Asker
from service.api.parts import API, REQUEST_ID
from service.provisioning import Addition, AddRequest, BulkRequest, PartlyAdded

_log = logging.getLogger(__name__)


def note(request: web.Request, asker: Asker, what: str, numbers: int, instance_id: str) -> None:
    """Tell of a change that was made.

    Args:
        request: by which it was asked for.
        asker: who made it.
        what: the change, in the past tense; numbers in it are masked.
        numbers: how many numbers have changed.
        instance_id: whose, "" for the one that is configured.
    """
    change = {
        "who": asker.name or "somebody without a credential",
        "what": what,
        "numbers": numbers,
        "instance": request.app[API].label(instance_id),
        "request_id": request[REQUEST_ID],
    }
    _log.info("%(who)s %(what)s: %(numbers)d of %(instance)s", change, extra={"audit": change})


async def add(request: web.Request, asker: Asker, wanted: AddRequest | BulkRequest) -> Addition:
    """Add numbers, and tell of it, also where it ended half-way.

    Args:
        request: by which it was asked for.
        asker: who asked for it.
        wanted: the numbers.

    Raises:
        CallerIdError: as the provisioner does.
    """
    provisioner, instance_id = request.app[API].parts.provisioner, wanted.instance_id
    try:
        addition = await provisioner.add(wanted, request[REQUEST_ID])
    except PartlyAdded as error:
        note(request, asker, "added, half-way", len(error.fates.get("added", ())), instance_id)
        raise
    note(request, asker, "added", len(addition.added), instance_id)
    return addition

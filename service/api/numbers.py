"""`/v1/numbers`: the cached numbers with how each stands, their parks, and new numbers."""

import msgspec
from aiohttp import web

from service.api import admin, audit
from service.api.answers import AdditionReply, BulkAdditionReply, answer
from service.api.parts import API, REQUEST_ID
from service.numbers import NumberQuery
from service.provisioning import AddRequest, BulkRequest


async def get(request: web.Request) -> web.Response:
    """List the numbers, with how each stands: one page of those that the query leaves.

    While the ledger cannot be asked the list is still given: `standing` is `unavailable` then, and
    `used_hour`, `used_day`, `available` and `parked` are null, which is no claim either way.
    """
    asked = admin.query(request, NumberQuery)
    return answer(await request.app[API].parts.directory.page(asked))


async def add(request: web.Request) -> web.Response:
    """Add numbers to an instance, by AddPhoneNumbers; 200 also where CCC did not add some.

    The answer waits for CCC and for the refresh; a client that hangs up ends neither.
    """
    addition = await audit.add(request, await admin.body(request, AddRequest))
    return answer(
        AdditionReply(request[REQUEST_ID], addition.added, addition.failed, addition.pending)
    )


async def add_bulk(request: web.Request) -> web.Response:
    """Add numbers, and bind them to skill groups, by AddBulkPhoneNumbers; else as `add`."""
    addition = await audit.add(request, await admin.body(request, BulkRequest))
    fates = msgspec.structs.asdict(addition)
    del fates["details"]
    return answer(BulkAdditionReply(request[REQUEST_ID], **fates))

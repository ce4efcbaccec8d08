"""`/v1/numbers`: the cached numbers with how each stands, their parks, and new numbers."""

from typing import TypeVar

import msgspec
from aiohttp import web

from service.api import audit, bodies, forms
from service.api.answers import AdditionReply, BulkAdditionReply, answer
from service.api.parts import REQUEST_ID, admitted
from service.numbers import NumberQuery
from service.provisioning import Addition, AddRequest, BulkRequest

R = TypeVar("R", AddRequest, BulkRequest)

_add_decoder = msgspec.json.Decoder(AddRequest)
_bulk_decoder = msgspec.json.Decoder(BulkRequest)


async def get(request: web.Request) -> web.Response:
    """List the numbers, with how each stands: one page of those that the query leaves.

    While the ledger cannot be asked the list is still given: `standing` is `unavailable` then, and
    `used_hour`, `used_day`, `available` and `parked` are null, which is no claim either way.
    """
    api, asker = admitted(request, "admin")
    asked = forms.query(request, NumberQuery)
    asker.keep_to(asked.instance_id)
    return answer(await api.parts.directory.page(asked))


async def add(request: web.Request) -> web.Response:
    """Add numbers to an instance, by AddPhoneNumbers; 200 also where CCC did not add some.

    The answer waits for CCC and for the refresh; a client that hangs up ends neither.
    """
    addition = await _add(request, _add_decoder)
    return answer(
        AdditionReply(request[REQUEST_ID], addition.added, addition.failed, addition.pending)
    )


async def add_bulk(request: web.Request) -> web.Response:
    """Add numbers, and bind them to skill groups, by AddBulkPhoneNumbers; else as `add`."""
    addition = await _add(request, _bulk_decoder)
    fates = msgspec.structs.asdict(addition)
    del fates["details"]
    return answer(BulkAdditionReply(request[REQUEST_ID], **fates))


async def _add(request: web.Request, decoder: msgspec.json.Decoder[R]) -> Addition:
    _, asker = admitted(request, "admin")
    wanted = await bodies.read_json(request, decoder)
    asker.keep_to(wanted.instance_id)
    return await audit.add(request, asker, wanted)

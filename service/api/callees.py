"""`/v1/callees`: why a called number is refused, and stops, of one or of thousands.

No answer has a called number in clear, and none is to be stored.
"""

from aiohttp import web
from msgspec import Struct

from service.api import admin, audit, bodies, examples
from service.api.answers import NOT_TO_BE_STORED, CalleeResults, answer
from service.api.auth import asker_of
from service.api.parking import MAX_BYTES, until_of
from service.api.parts import API, REQUEST_ID
from service.api.route import Route, good
from service.errors import InvalidCalledNumber, LedgerUnavailable
from service.ledger import Stop
from service.logs import mask
from service.numbers import BulkParkRequest, InstanceQuery, Numbers, ParkRequest
from service.numbers.callees import CalleeResult
from service.picking import InstanceId
from service.picking.explaining import instant

LET = Stop("", 0, replaces=True)


class CalleesToStop(BulkParkRequest, frozen=True, kw_only=True):
    """Called numbers, and a span of time as in `ParkRequest`."""


class CalleesToLet(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Called numbers that may be called again."""

    numbers: Numbers
    instance_id: InstanceId = ""


async def get(request: web.Request) -> web.Response:
    """Say why a callee is refused: its stop, its picks rule by rule, what it was shown.

    While Redis does not serve this is a 503: a process alone knows its own picks at the most.
    """
    asked = admin.query(request, InstanceQuery)
    return await _described(request, asked.instance_id)


async def stop(request: web.Request) -> web.Response:
    """Refuse a callee for a while; stopped again, it is refused until the new instant."""
    asked = admin.query(request, InstanceQuery)
    wanted = await bodies.read_json(request, ParkRequest)
    stop = _stop_of(request, wanted, asked.instance_id, replaces=True)
    return await _change(request, asked.instance_id, stop)


async def let(request: web.Request) -> web.Response:
    """Let a callee be called again, whoever stopped it; its rules still hold."""
    asked = admin.query(request, InstanceQuery)
    return await _change(request, asked.instance_id, LET)


async def stop_many(request: web.Request) -> web.Response:
    """Refuse many callees for a while; 200 also where some numbers cannot be read.

    One that is stopped for longer stays so, with the words to that. 503 says how many were stopped
    before Redis went away; asking again is safe.
    """
    wanted = await admin.body(request, CalleesToStop, MAX_BYTES)
    stop = _stop_of(request, wanted, wanted.instance_id, replaces=False)
    results = await _changed(request, wanted.instance_id, wanted.numbers, stop)
    return answer(CalleeResults(request[REQUEST_ID], results), headers=NOT_TO_BE_STORED)


async def let_many(request: web.Request) -> web.Response:
    """Let many callees be called again, as one is; 200 also where some are not stopped."""
    wanted = await admin.body(request, CalleesToLet, MAX_BYTES)
    results = await _changed(request, wanted.instance_id, wanted.numbers, LET)
    return answer(CalleeResults(request[REQUEST_ID], results), headers=NOT_TO_BE_STORED)


async def _described(request: web.Request, instance_id: str) -> web.Response:
    callees, number = request.app[API].parts.callees, request.match_info["number"]
    return answer(await callees.describe(instance_id, number), headers=NOT_TO_BE_STORED)


async def _change(request: web.Request, instance_id: str, stop: Stop) -> web.Response:
    """Stop the callee in the path or let it again, and describe it."""
    number = request.match_info["number"]
    (result,) = await _changed(request, instance_id, (number,), stop)
    if result.why:
        raise InvalidCalledNumber(result.why)
    return await _described(request, instance_id)


async def _changed(
    request: web.Request, instance_id: str, numbers: tuple[str, ...], stop: Stop
) -> tuple[CalleeResult, ...]:
    """Stop callees or let them again, and tell of it."""
    whom = mask(numbers[0]) if len(numbers) == 1 else "callees"
    what = f"stopped {whom} until {instant(stop.until)}: {stop.reason}"
    what = what if stop.until else f"let {whom} be called again"
    steps = request.app[API].parts.callees.stop(instance_id, numbers, stop)
    return await audit.changed(request, what, instance_id, numbers, steps)


def _stop_of(
    request: web.Request, wanted: ParkRequest, instance_id: str, *, replaces: bool
) -> Stop:
    """Return what is asked for as the ledger has it, for any callee."""
    until = until_of(wanted, request.app[API].parts.callees.now(instance_id) / 1000)
    return Stop("", int(until.timestamp() * 1000), asker_of(request).name, wanted.reason, replaces)


_SPAN = {"seconds": 2_592_000, "reason": "asked not to be called"}
_MANY = {"numbers": ["13888888888", "0871-6555 0001"]}
_ONE = (InvalidCalledNumber, LedgerUnavailable)

ROUTES = (
    Route("GET /v1/callees/{number}", get, good(examples.CALLEE), _ONE, InstanceQuery),
    Route(
        "PUT /v1/callees/{number}/stop",
        stop,
        good(examples.CALLEE),
        query=InstanceQuery,
        body=ParkRequest,
        example=_SPAN,
        errors=_ONE,
    ),
    Route("DELETE /v1/callees/{number}/stop", let, good(examples.LET_ALONE), _ONE, InstanceQuery),
    Route(
        "POST /v1/callees/stop",
        stop_many,
        good(examples.STOPPED),
        body=CalleesToStop,
        example=_MANY | _SPAN,
        errors=(LedgerUnavailable,),
    ),
    Route(
        "POST /v1/callees/unstop",
        let_many,
        good(examples.LET),
        body=CalleesToLet,
        example=_MANY,
        errors=(LedgerUnavailable,),
    ),
)

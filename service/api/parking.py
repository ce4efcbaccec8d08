"""`/v1/numbers/…/park`: numbers are taken out of rotation, and what keeps them out is lifted."""

from datetime import UTC, datetime
from typing import TypeAlias

from aiohttp import web
from msgspec.structs import asdict

from service.api import admin, audit, bodies, examples
from service.api.answers import BulkParkReply, ParkReply, UnparkReply, answer
from service.api.auth import asker_of
from service.api.parts import API, REQUEST_ID
from service.api.route import Route, good
from service.errors import InvalidField, InventoryUnavailable, LedgerUnavailable, UnknownNumber
from service.logs import mask
from service.numbers import (
    LONGEST_SECONDS,
    BulkParkRequest,
    BulkUnparkRequest,
    InstanceQuery,
    NumberResult,
    Parked,
    ParkRequest,
    UnparkQuery,
)
from service.numbers.parking import OPERATOR
from service.picking.instance import own_number

Results: TypeAlias = tuple[NumberResult, ...]

MAX_BYTES = 524_288  # of thousands of numbers

_WHY_NOT = {
    "unknown": "is not a number of this instance",
    "not_candidate": "is not a candidate: the list says why, or the ledger has yet to hear of it",
    "not_parked": "is not parked for this reason; the list says for which, ?reason=all lifts all",
}


async def park(request: web.Request) -> web.Response:
    """Take a number out of rotation; parked again, it is out until the new instant.

    The ledger knows the reason as `operator`; the words stand in the list, as the park's `note`.
    """
    asked = admin.query(request, InstanceQuery)
    number = _number_in(request)
    span = asdict(await bodies.read_json(request, ParkRequest))
    wanted = BulkParkRequest(**span, numbers=(number,), instance_id=asked.instance_id)
    parked, (result,) = await _park(request, wanted)
    _check(result)
    return answer(ParkReply(request[REQUEST_ID], number, parked, wanted.reason))


async def park_many(request: web.Request) -> web.Response:
    """Take many numbers out of rotation, as one is; 200 also where some are not there to park.

    503 says how many were parked before Redis went away; asking again is safe.
    """
    wanted = await admin.body(request, BulkParkRequest, MAX_BYTES)
    _, results = await _park(request, wanted)
    return answer(BulkParkReply(request[REQUEST_ID], results))


async def unpark(request: web.Request) -> web.Response:
    """Lift what keeps a number out, for a reason; whatever else keeps it out still does.

    From a quarantine it comes on probation, under the cap of that, and is judged by its calls from
    then on.
    """
    asked = admin.query(request, UnparkQuery)
    number = _number_in(request)
    wanted = BulkUnparkRequest((number,), asked.reason, asked.instance_id)
    (result,) = await _unpark(request, wanted)
    _check(result)
    return answer(UnparkReply(request[REQUEST_ID], number))


async def unpark_many(request: web.Request) -> web.Response:
    """Lift what keeps many numbers out, as of one; 200 also where there is nothing to lift.

    503 says how many were lifted before Redis went away; asking again is safe.
    """
    wanted = await admin.body(request, BulkUnparkRequest, MAX_BYTES)
    return answer(BulkParkReply(request[REQUEST_ID], await _unpark(request, wanted)))


def until_of(wanted: ParkRequest, now: float) -> datetime:
    """Return the end of a span that begins now, in Unix time; raises InvalidField for none."""
    if (wanted.until is None) == (wanted.seconds == 0):
        raise InvalidField("until", "give either seconds or until")
    if wanted.until is None:
        return datetime.fromtimestamp(int(now) + wanted.seconds, UTC)
    if not now < wanted.until.timestamp() <= now + LONGEST_SECONDS:
        raise InvalidField("until", "takes an instant within a year from now")
    return wanted.until.astimezone(UTC)


async def _park(request: web.Request, wanted: BulkParkRequest) -> tuple[Parked, Results]:
    parking, instance_id = request.app[API].parts.parking, wanted.instance_id
    until = until_of(wanted, parking.now(instance_id) / 1000)
    by, words, end = asker_of(request).name, wanted.reason, until.timestamp() * 1000
    numbers, what = wanted.numbers, f"parked {_whom(wanted.numbers)} until {until}: {words}"
    steps = parking.park(instance_id, numbers, int(end), by=by, words=words)
    results = await audit.changed(request, what, instance_id, numbers, steps)
    return Parked(OPERATOR, until, by, words), results


async def _unpark(request: web.Request, wanted: BulkUnparkRequest) -> Results:
    numbers, reason, instance_id = wanted.numbers, wanted.reason, wanted.instance_id
    steps = request.app[API].parts.parking.lift(instance_id, numbers, reason)
    what = f"unparked {_whom(numbers)} ({reason})"
    return await audit.changed(request, what, instance_id, numbers, steps)


def _whom(numbers: tuple[str, ...]) -> str:
    return mask(numbers[0]) if len(numbers) == 1 else "many"


def _check(result: NumberResult) -> None:
    """Refuse to call the change of a number done that is none."""
    if why_not := _WHY_NOT.get(result.result):
        raise UnknownNumber(f"{mask(result.number)} {why_not}")


def _number_in(request: web.Request) -> str:
    """Return the number in the path, as a key."""
    return own_number("number", request.match_info["number"])


_ONE = (UnknownNumber, InventoryUnavailable, LedgerUnavailable)
_MANY = (InventoryUnavailable, LedgerUnavailable)
_SPAN = {"seconds": 3600, "reason": "complaints"}

ROUTES = (
    Route(
        "PUT /v1/numbers/{number}/park",
        park,
        good(examples.PARK),
        query=InstanceQuery,
        body=ParkRequest,
        example=_SPAN,
        errors=_ONE,
    ),
    Route("DELETE /v1/numbers/{number}/park", unpark, good(examples.UNPARK), _ONE, UnparkQuery),
    Route(
        "POST /v1/numbers/park",
        park_many,
        good(examples.PARKED_MANY),
        body=BulkParkRequest,
        example={"numbers": [examples.NUMBER]} | _SPAN,
        errors=_MANY,
    ),
    Route(
        "POST /v1/numbers/unpark",
        unpark_many,
        good(examples.UNPARKED_MANY),
        body=BulkUnparkRequest,
        example={"numbers": [examples.NUMBER], "reason": "sip_rest"},
        errors=_MANY,
    ),
)

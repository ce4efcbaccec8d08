"""`/v1/numbers`: the cached numbers with how each stands, an operator's park, and new numbers."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from service.api import audit, bodies, forms
from service.api.answers import (
    AdditionReply,
    BulkAdditionReply,
    ParkReply,
    UnparkReply,
    answer,
)
from service.api.auth import Asker
from service.api.parts import REQUEST_ID, admitted
from service.errors import InvalidField
from service.logs import mask
from service.numbers import InstanceQuery, NumberQuery, Parked
from service.numbers.directory import OPERATOR
from service.provisioning import Addition, AddRequest, BulkRequest

R = TypeVar("R", AddRequest, BulkRequest)

LONGEST_SECONDS = 31_536_000  # a year; CCC is where a number is given up


class ParkRequest(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A span of time, by one of two fields, and the operator's reason in free words."""

    seconds: Annotated[
        int,
        Meta(ge=1, le=LONGEST_SECONDS, description="For how long. Give this or `until`."),
    ] = 0
    until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Until when (RFC 3339), within a year. Give this or `seconds`."),
    ] = None
    reason: Annotated[str, Meta(max_length=200, description="Why, in words for other people.")] = ""


_park_decoder = msgspec.json.Decoder(ParkRequest)
_add_decoder = msgspec.json.Decoder(AddRequest)
_bulk_decoder = msgspec.json.Decoder(BulkRequest)


async def get(request: web.Request) -> web.Response:
    """One page of the numbers that the query leaves.

    While the ledger cannot be asked the list is still given: `standing` is `unavailable` then, and
    `used_hour`, `used_day`, `available` and `parked` are null, which is no claim either way.
    """
    api, asker = admitted(request, "admin")
    asked = forms.query(request, NumberQuery)
    asker.keep_to(asked.instance_id)
    return answer(await api.parts.directory.page(asked))


async def park(request: web.Request) -> web.Response:
    """Take a number out of rotation; parked again, it is out until the new instant.

    The ledger knows the reason as `operator`; the words go back in the answer and to the log.
    """
    api, asker = admitted(request, "admin")
    instance_id, named = _named(request, asker)
    wanted = await bodies.read_json(request, _park_decoder)
    until = until_of(wanted, api.parts.directory.now(instance_id) / 1000)
    number = await api.parts.directory.park(instance_id, named, int(until.timestamp() * 1000))
    what = f"parked {mask(number)} until {until}: {wanted.reason}"
    audit.note(request, asker, what, 1, instance_id)
    return answer(ParkReply(request[REQUEST_ID], number, Parked(OPERATOR, until), wanted.reason))


async def unpark(request: web.Request) -> web.Response:
    """End an operator's park; whatever else keeps the number out still does."""
    api, asker = admitted(request, "admin")
    instance_id, named = _named(request, asker)
    number = await api.parts.directory.unpark(instance_id, named)
    audit.note(request, asker, f"unparked {mask(number)}", 1, instance_id)
    return answer(UnparkReply(request[REQUEST_ID], number))


async def add(request: web.Request) -> web.Response:
    """Add numbers by AddPhoneNumbers; 200 also where CCC did not add some.

    The answer waits for CCC and for the refresh; a client that hangs up ends neither.
    """
    addition = await _add(request, _add_decoder)
    return answer(
        AdditionReply(request[REQUEST_ID], addition.added, addition.failed, addition.pending)
    )


async def add_bulk(request: web.Request) -> web.Response:
    """Add numbers by AddBulkPhoneNumbers, and bind them to skill groups; else as `add`."""
    addition = await _add(request, _bulk_decoder)
    return answer(
        BulkAdditionReply(
            request_id=request[REQUEST_ID],
            added=addition.added,
            failed=addition.failed,
            in_use=addition.in_use,
            in_arrears=addition.in_arrears,
            pending=addition.pending,
        )
    )


async def _add(request: web.Request, decoder: msgspec.json.Decoder[R]) -> Addition:
    _, asker = admitted(request, "admin")
    wanted = await bodies.read_json(request, decoder)
    asker.keep_to(wanted.instance_id)
    return await audit.add(request, asker, wanted)


def until_of(wanted: ParkRequest, now: float) -> datetime:
    """Return the end of a span that begins now, in Unix time; raises InvalidField for none."""
    if (wanted.until is None) == (wanted.seconds == 0):
        raise InvalidField("until", "give either seconds or until")
    if wanted.until is None:
        return datetime.fromtimestamp(int(now) + wanted.seconds, UTC)
    if not now < wanted.until.timestamp() <= now + LONGEST_SECONDS:
        raise InvalidField("until", "takes an instant within a year from now")
    return wanted.until.astimezone(UTC)


def _named(request: web.Request, asker: Asker) -> tuple[str, str]:
    """The instance that was named, if any, and the number."""
    instance_id = forms.query(request, InstanceQuery).instance_id
    asker.keep_to(instance_id)
    return instance_id, request.match_info["number"]

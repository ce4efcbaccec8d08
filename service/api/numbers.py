"""`/v1/numbers`: the cached numbers with how each stands, and an operator's park of one."""

import logging
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Annotated, Any

import msgspec
from aiohttp import web

from service.api import bodies, forms
from service.api.parts import API, REQUEST_ID, Api
from service.errors import InvalidField, UnsupportedMediaType
from service.logs import mask
from service.picking.directory import OPERATOR, NumberQuery

LONGEST_SECONDS = 31_536_000  # a year; CCC is where a number is given up

_log = logging.getLogger(__name__)


class ParkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """How long a number is to be out, by one of two, and why, in words for other people."""

    seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_SECONDS)] = 0
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


_decoder = msgspec.json.Decoder(ParkRequest)
_encoder = msgspec.json.Encoder()


async def get(request: web.Request) -> web.Response:
    """One page of the numbers that the query leaves.

    While the ledger cannot be asked the list is still given: `standing` is `unavailable` then, and
    `used_hour`, `used_day`, `available` and `parked` are null, which is no claim either way.
    """
    api = request.app[API]
    api.tokens.require(request, "admin")
    query = request.rel_url.raw_query_string.encode("utf-8", "surrogateescape")
    asked = forms.decode(query, NumberQuery) if query else NumberQuery()
    return _answer(await api.parts.directory.page(asked))


async def park(request: web.Request) -> web.Response:
    """Take a number out of rotation; parked again, it is out until the new instant.

    The ledger knows the reason as `operator`; the words go back in the answer and to the log.
    """
    api = request.app[API]
    api.tokens.require(request, "admin")
    wanted = await _read(request, api)
    until = _until(wanted, api.parts.clock())
    number = await api.parts.directory.park(*_named(request), int(until.timestamp() * 1000))
    _log.info("%s parked %s until %s: %s", _who(request, api), mask(number), until, wanted.reason)
    return _answer(
        {
            "request_id": request[REQUEST_ID],
            "number": number,
            "parked": {"reason": OPERATOR, "until": until},
            "reason": wanted.reason,
        }
    )


async def unpark(request: web.Request) -> web.Response:
    """End an operator's park; whatever else keeps the number out still does."""
    api = request.app[API]
    api.tokens.require(request, "admin")
    number = await api.parts.directory.unpark(*_named(request))
    _log.info("%s unparked %s", _who(request, api), mask(number))
    return _answer({"request_id": request[REQUEST_ID], "number": number})


async def _read(request: web.Request, api: Api) -> ParkRequest:
    if request.content_type != "application/json":
        raise UnsupportedMediaType("Content-Type: send application/json")
    return bodies.decode(await bodies.read(request, api.parts.body_seconds), _decoder)


def _until(wanted: ParkRequest, now: float) -> datetime:
    if (wanted.until is None) == (wanted.seconds == 0):
        raise InvalidField("until", "give either seconds or until")
    if wanted.until is None:
        return datetime.fromtimestamp(int(now) + wanted.seconds, UTC)
    if not now < wanted.until.timestamp() <= now + LONGEST_SECONDS:
        raise InvalidField("until", "takes an instant within a year from now")
    return wanted.until.astimezone(UTC)


def _named(request: web.Request) -> tuple[str, str]:
    return request.query.get("instance_id", ""), request.match_info["number"]


def _who(request: web.Request, api: Api) -> str:
    """The client's name in the configuration, for the log; the token was checked before."""
    given = request.headers.get("Authorization", "").partition(" ")[2].strip()
    token = given.encode("utf-8", "surrogateescape")
    clients = api.parts.settings.auth.clients
    names = (one.name for one in clients if compare_digest(one.token.encode(), token))
    return next(names, "Somebody without a token")


def _answer(body: Any) -> web.Response:
    return web.Response(body=_encoder.encode(body), headers={"Content-Type": "application/json"})

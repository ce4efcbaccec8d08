"""`POST /v1/outcomes`: how a call went on, in JSON or in a form, as for a pick."""

from collections.abc import Awaitable
from http import HTTPStatus

import msgspec
from aiohttp import web

from service.api import bodies, forms
from service.api.answers import OutcomeReply, answer
from service.api.auth import Asker
from service.api.parts import REQUEST_ID, Api, admitted
from service.outcomes import OutcomeReport

_decoder = msgspec.json.Decoder(OutcomeReport)
_encoder = msgspec.json.Encoder()


async def post(request: web.Request) -> web.Response:
    """Tell how a call went on; 202 whether the ledger has it already or is told later.

    It is not counted among the picks in flight: refused in an overload, it would leave its number
    busy.
    """
    api, asker = admitted(request, "pick")
    await take(api, asker, await forms.read(request, _decoder))
    return answer(OutcomeReply(request[REQUEST_ID]), HTTPStatus.ACCEPTED)


def decode(body: bytes) -> OutcomeReport:
    """A report of its JSON.

    Raises:
        MalformedRequest: it is no strict JSON.
        InvalidField: it is, and no report.
    """
    return bodies.decode(body, _decoder)


def take(api: Api, asker: Asker, report: OutcomeReport) -> Awaitable[None]:
    """Have a report followed, if its sender may tell of its instance."""
    asker.keep_to(report.instance_id)
    return api.parts.outcomes.report(report)


def encode(request_id: str) -> bytes:
    """The answer as JSON."""
    return _encoder.encode(OutcomeReply(request_id))

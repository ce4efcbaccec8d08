"""`POST /v1/outcomes`: how a call went on, in JSON or in a form, as for a pick."""

from http import HTTPStatus

import msgspec
from aiohttp import web

from service.api import bodies, forms
from service.api.answers import OutcomeReply, answer
from service.api.parts import API, REQUEST_ID, Api
from service.errors import UnsupportedMediaType
from service.picking.outcomes import OutcomeReport

_FORM = "application/x-www-form-urlencoded"

_decoder = msgspec.json.Decoder(OutcomeReport)


async def post(request: web.Request) -> web.Response:
    """Accept it: 202 whether the ledger has it already or is told later.

    It is not counted among the picks in flight: refused in an overload, it would leave its number
    busy.
    """
    api = request.app[API]
    asker = api.tokens.require(request, "pick")
    report = await _read(request, api)
    asker.keep_to(report.instance_id)
    await api.parts.outcomes.report(report)
    return answer(OutcomeReply(request[REQUEST_ID]), HTTPStatus.ACCEPTED)


async def _read(request: web.Request, api: Api) -> OutcomeReport:
    kind = request.content_type
    if kind not in ("application/json", _FORM):
        raise UnsupportedMediaType(f"Content-Type: send application/json or {_FORM}")
    body = await bodies.read(request, api.parts.body_seconds)
    if kind == _FORM:
        return forms.decode(body, OutcomeReport)
    return bodies.decode(body, _decoder)

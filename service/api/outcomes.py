"""`POST /v1/outcomes`: how a call went on, in JSON or in a form, as for a pick."""

from http import HTTPStatus

import msgspec
from aiohttp import web

from service.api import forms
from service.api.answers import OutcomeReply, answer
from service.api.parts import REQUEST_ID, admitted
from service.outcomes import OutcomeReport

_decoder = msgspec.json.Decoder(OutcomeReport)


async def post(request: web.Request) -> web.Response:
    """Accept it: 202 whether the ledger has it already or is told later.

    It is not counted among the picks in flight: refused in an overload, it would leave its number
    busy.
    """
    api, asker = admitted(request, "pick")
    report = await forms.read(request, _decoder)
    asker.keep_to(report.instance_id)
    await api.parts.outcomes.report(report)
    return answer(OutcomeReply(request[REQUEST_ID]), HTTPStatus.ACCEPTED)

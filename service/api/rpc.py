"""The RPC door: `GET|POST /` answers as Alibaba Cloud CCC does, for the official SDKs.

It knows which action is called and the good answer's envelope. `rpc_call` takes a call apart,
`rpc_auth` says who calls, `rpc_actions` and `rpc_adds` do what is asked for, `rpc_format` writes
the answer, `rpc_refusal` whatever went wrong.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from service.api import rpc_call, rpc_format
from service.api.parts import API, REQUEST_ID
from service.api.rpc_actions import list_phone_numbers, pick_outbound_numbers
from service.api.rpc_adds import add_bulk_phone_numbers, add_phone_numbers
from service.api.rpc_refusal import Refused
from service.ccc.claims import Call

Perform = Callable[[web.Request], Awaitable[dict[str, Any]]]

_ACTIONS: dict[str, dict[str, Perform]] = {
    "2020-07-01": {
        "AddPhoneNumbers": add_phone_numbers,
        "ListPhoneNumbers": list_phone_numbers,
        "PickOutboundNumbers": pick_outbound_numbers,
    },
    "2017-07-05": {"AddBulkPhoneNumbers": add_bulk_phone_numbers},
}


async def answer(request: web.Request) -> web.Response:
    """Do what the call asks for."""
    call = await rpc_call.read(request, request.app[API].parts.body_seconds)
    perform = _action(call)
    request_id = request[REQUEST_ID]
    told = await perform(request)
    body = {"RequestId": request_id, "HttpStatusCode": 200, "Code": "OK", "Message": "", **told}
    return rpc_format.response(request, f"{call.action}Response", body, 200, {})


def _action(call: Call) -> Perform:
    if not call.version:
        raise Refused("MissingParameter", "Version")
    if not call.action:
        raise Refused("MissingParameter", "Action")
    if call.version not in _ACTIONS:
        raise Refused("InvalidVersion", "Version")
    if call.action not in _ACTIONS[call.version]:
        raise Refused("InvalidAction.NotFound", "Action")
    return _ACTIONS[call.version][call.action]

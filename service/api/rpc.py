"""The RPC door: `GET|POST /` answers as Alibaba Cloud CCC does, for the official SDKs.

It knows the good answer's envelope and which action is called; `rpc_actions` knows what an action
takes and gives. Answers are in JSON. Where auth is required, the door asks for a bearer token, as
the other doors do: signatures are not checked.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from service.api.parts import API, REQUEST_ID
from service.api.rpc_actions import list_phone_numbers, pick_outbound_numbers
from service.api.rpc_params import read_params
from service.api.rpc_refusal import Refused

VERSION = "2020-07-01"

_ACTIONS: dict[str, Callable[[web.Request], Awaitable[Any]]] = {
    "ListPhoneNumbers": list_phone_numbers,
    "PickOutboundNumbers": pick_outbound_numbers,
}


async def answer(request: web.Request) -> web.Response:
    """Do what the call asks for."""
    if await _named(request, "x-acs-version", "Version") != VERSION:
        raise Refused("InvalidVersion", "Version")
    action = await _named(request, "x-acs-action", "Action")
    if action not in _ACTIONS:
        raise Refused("InvalidAction.NotFound", "Action")
    data = await _ACTIONS[action](request)
    request_id = request[REQUEST_ID]
    body = {
        "RequestId": request_id,
        "HttpStatusCode": 200,
        "Code": "OK",
        "Message": "",
        "Data": data,
    }
    headers = {"Content-Type": "application/json;charset=utf-8", "x-acs-request-id": request_id}
    return web.Response(body=orjson.dumps(body), headers=headers)


async def _named(request: web.Request, header: str, parameter: str) -> str:
    """Action or version: a header under ACS3, a parameter under RPC v1."""
    told = request.headers.get(header) or request.query.get(parameter)
    told = told or (await read_params(request, request.app[API])).get(parameter)
    if not told:
        raise Refused("MissingParameter", parameter)
    return told

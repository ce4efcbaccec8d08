"""The RPC door: `GET|POST /` answers as Alibaba Cloud CCC does, for the official SDKs.

It knows which action is called and the good answer's envelope. `call` takes a call apart, `auth`
says who calls, `actions` do what is asked for, `formats` writes the answer, `refusal` whatever went
wrong.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from service.api import bodies
from service.api.parts import API, REQUEST_ID
from service.api.rpc import formats
from service.api.rpc.actions import (
    add_bulk_phone_numbers,
    add_phone_numbers,
    list_phone_numbers,
    pick_outbound_numbers,
)
from service.api.rpc.auth import enter, refuse_strangers
from service.api.rpc.call import take_apart
from service.ccc import catalogue
from service.ccc.parameters import check_action
from service.errors import Overloaded

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
    """Do what the call asks for; to take it apart has its place in the gate, as a pick has."""
    api = request.app[API]
    # Whoever lets a body trickle holds no place meanwhile.
    body = await bodies.read(request) if request.can_read_body else b""
    try:
        with enter(request):
            call = take_apart(request, body, partial(refuse_strangers, request))
    except Overloaded:
        api.refused["", Overloaded.code].inc()
        raise
    check_action(call, _ACTIONS)
    perform = _ACTIONS[call.version][call.action]
    good = catalogue.success(request[REQUEST_ID], await perform(request))
    return formats.response(request, f"{call.action}Response", good, 200, {})

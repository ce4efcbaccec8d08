"""`/openapi.json`: the description of all routes, generated from what they decode and encode."""

from collections.abc import Iterable

import orjson
from aiohttp import web

from service.api.bodies import JSON
from service.api.openapi.document import described
from service.api.parts import API
from service.api.route import Route

__all__ = ["DOCUMENT", "described", "encoded", "get"]

DOCUMENT = web.AppKey("DOCUMENT", bytes)


async def get(request: web.Request) -> web.Response:
    """The OpenAPI document of this service.

    Any known credential opens it: it shows nothing secret, but only health and readiness are open
    to everybody.
    """
    request.app[API].tokens.admit(request)
    return web.Response(body=request.app[DOCUMENT], headers={"Content-Type": JSON})


def encoded(routes: Iterable[Route], *, auth_is_required: bool) -> bytes:
    """The document as it is served; see `described`."""
    return orjson.dumps(described(routes, auth_is_required=auth_is_required))

"""HTTP and nothing else: what comes in is read strictly, what went wrong gets one shape.

It decides no pick, keeps no inventory and opens no port: `server` says how a runner should.
"""

from functools import cache

from aiohttp import web

from service.api import console, openapi
from service.api.bodies import MAX_BYTES
from service.api.envelope import answered, nothing_here
from service.api.parts import (
    API,
    Adds,
    Api,
    Counts,
    Follows,
    Health,
    Keeper,
    Lists,
    Parts,
    Picks,
    Tries,
)
from service.api.routes import ROUTES
from service.api.server import make_runner

__all__ = [
    "Adds",
    "Counts",
    "Follows",
    "Health",
    "Keeper",
    "Lists",
    "Parts",
    "Picks",
    "Tries",
    "build",
    "make_runner",
]


def build(parts: Parts) -> web.Application:
    """Put the routes together.

    Args:
        parts: what the handlers work with.
    """
    app = web.Application(client_max_size=MAX_BYTES)
    app[API] = Api(parts)
    app[openapi.DOCUMENT] = _document(auth_is_required=parts.settings.auth_is_required)
    for route in ROUTES:
        handler = answered(route.handler)
        if route.method == "GET":
            app.router.add_get(route.path, handler, allow_head=route.path != "/")
        else:
            app.router.add_route(route.method, route.path, handler)
    if parts.settings.console.enabled:
        console.add_routes(app)
    app.router.add_route("*", "/{path:.*}", answered(nothing_here))
    return app


@cache  # it takes some ms, and all applications of a process have the same
def _document(*, auth_is_required: bool) -> bytes:
    return openapi.encoded(ROUTES, auth_is_required=auth_is_required)

"""HTTP and nothing else: what comes in is read strictly, what went wrong gets one shape.

It decides no pick, keeps no inventory and opens no port: `make_runner` says how a runner should.
"""

from functools import cache

from aiohttp import web

from service.api import console, openapi, rpc
from service.api.bodies import MAX_BYTES
from service.api.envelope import answered, nothing_here
from service.api.listener import Site
from service.api.parts import API, Api, Components, Parts
from service.api.routes import ROUTES
from service.api.server import Runner

__all__ = ["Components", "Parts", "Site", "build", "make_runner"]


# The RPC door has its parameters in the query: 16 skill groups of 256 characters, three signs to
# each when escaped, are 12 KiB, and a security token another 2 to 4.
MAX_LINE_BYTES = 16_384
# The longest header is the same security token.
MAX_HEADER_BYTES = 8_190

# `/v1/callees/stop` is the path of a list, and of no callee.
_APART = "/callees/{number}", "/callees/{number:(?!(?:un)?stop$)[^/]+}"


def build(parts: Parts) -> web.Application:
    """Put the routes together.

    Args:
        parts: what the handlers work with.
    """
    app = web.Application(client_max_size=MAX_BYTES)
    app[API] = Api(parts)
    app[openapi.DOCUMENTS] = _documents()
    for route in ROUTES:
        handler = answered(route.handler)
        if route.method == "GET":
            app.router.add_get(route.path.replace(*_APART), handler)
        else:
            app.router.add_route(route.method, route.path, handler)
    for method in ("GET", "POST"):
        app.router.add_route(method, "/", answered(rpc.answer))
    if parts.settings.console.enabled:
        console.add_routes(app)
    app.router.add_route("*", "/{path:.*}", answered(nothing_here))
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """A runner with these limits; it opens no port.

    `keepalive_timeout` is the one limit on headers that trickle (its default is an hour), and
    `lingering_time` what a refused body may go on for.
    """
    return Runner(
        app,
        shutdown_timeout=5,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=15,
        lingering_time=1,
        max_field_size=MAX_HEADER_BYTES,
        max_line_size=MAX_LINE_BYTES,
    )


@cache  # it takes some ms, and all applications of a process have the same
def _documents() -> dict[bool, bytes]:
    """Return the documents of a service that requires auth, and of one that does not."""
    return {
        required: openapi.encoded(ROUTES, auth_is_required=required) for required in (False, True)
    }

"""HTTP and nothing else: what comes in is read strictly, what went wrong gets one shape.

It decides no pick, keeps no inventory and opens no port: `server` says how a runner should.
"""

from aiohttp import web

from service.api import console, inventory, numbers, ops, outcomes, pick, rpc
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
    app.router.add_post("/v1/pick", answered(pick.post))
    app.router.add_post("/v1/outcomes", answered(outcomes.post))
    app.router.add_get("/v1/numbers", answered(numbers.get))
    app.router.add_post("/v1/numbers", answered(numbers.add))
    app.router.add_post("/v1/numbers/bulk", answered(numbers.add_bulk))
    app.router.add_put("/v1/numbers/{number}/park", answered(numbers.park))
    app.router.add_delete("/v1/numbers/{number}/park", answered(numbers.unpark))
    app.router.add_get("/v1/inventory", answered(inventory.get))
    app.router.add_post("/v1/inventory/refresh", answered(inventory.refresh))
    if parts.settings.console.enabled:
        console.add_routes(app)
    app.router.add_get("/healthz", answered(ops.healthz))
    app.router.add_get("/readyz", answered(ops.readyz))
    app.router.add_get("/metrics", answered(ops.metrics))
    app.router.add_get("/", answered(rpc.answer), allow_head=False)
    app.router.add_post("/", answered(rpc.answer))
    app.router.add_route("*", "/{path:.*}", answered(nothing_here))
    return app

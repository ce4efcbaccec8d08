"""HTTP and nothing else: what comes in is read strictly, what went wrong gets one shape.

It decides no pick, keeps no inventory and opens no port: `server` says how a runner should.
"""

from aiohttp import web

from service.api import inventory, numbers, ops, outcomes, pick, rpc
from service.api.bodies import MAX_BYTES
from service.api.envelope import answered
from service.api.parts import API, Api, Follows, Health, Keeper, Lists, Parts, Picks
from service.api.server import make_runner

__all__ = ["Follows", "Health", "Keeper", "Lists", "Parts", "Picks", "build", "make_runner"]


def build(parts: Parts) -> web.Application:
    """Put the routes together.

    Args:
        parts: what the handlers work with.
    """
    app = web.Application(middlewares=[answered], client_max_size=MAX_BYTES)
    app[API] = Api(parts)
    app.router.add_post("/v1/pick", pick.post)
    app.router.add_post("/v1/outcomes", outcomes.post)
    app.router.add_get("/v1/numbers", numbers.get)
    app.router.add_put("/v1/numbers/{number}/park", numbers.park)
    app.router.add_delete("/v1/numbers/{number}/park", numbers.unpark)
    app.router.add_get("/v1/inventory", inventory.get)
    app.router.add_post("/v1/inventory/refresh", inventory.refresh)
    app.router.add_get("/healthz", ops.healthz)
    app.router.add_get("/readyz", ops.readyz)
    app.router.add_get("/metrics", ops.metrics)
    app.router.add_get("/", rpc.answer, allow_head=False)
    app.router.add_post("/", rpc.answer)
    return app

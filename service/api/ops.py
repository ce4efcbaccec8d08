"""What orchestrators and Prometheus ask for."""

from http import HTTPStatus

import orjson
from aiohttp import web

from service.api.parts import API
from service.metrics import CONTENT_TYPE


async def healthz(_request: web.Request) -> web.Response:
    """The event loop answers; nothing else is looked at."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Whether requests should come here, and the components by name."""
    health = request.app[API].parts.health()
    components = {
        "inventory": dict(health.inventory),
        "redis": health.redis,
        "draining": health.draining,
    }
    return web.Response(
        status=HTTPStatus.OK if health.is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
        body=orjson.dumps({"ready": health.is_ready, "components": components}),
        content_type="application/json",
    )


async def metrics(request: web.Request) -> web.Response:
    """The exposition for Prometheus."""
    api = request.app[API]
    api.tokens.require(request, "metrics")
    return web.Response(body=api.parts.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

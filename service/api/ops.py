"""The endpoints that orchestrators and Prometheus ask."""

from http import HTTPStatus

from aiohttp import web
from msgspec.structs import replace

from service.api.answers import Readiness, answer
from service.api.parts import API, admitted
from service.metrics import CONTENT_TYPE


async def healthz(_request: web.Request) -> web.Response:
    """The event loop answers; nothing else is looked at."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Answer whether to send requests here, with each component by name."""
    api = request.app[API]
    health = api.parts.health()
    if not api.tokens.may_watch(request):
        health = replace(health, redis_detail={})
    status = HTTPStatus.OK if health.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return answer(Readiness(health.is_ready, health), status)


async def metrics(request: web.Request) -> web.Response:
    """The exposition for Prometheus."""
    api, _ = admitted(request, "metrics")
    return web.Response(body=api.parts.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

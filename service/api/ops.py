"""The endpoints that orchestrators and Prometheus ask."""

from collections import Counter
from http import HTTPStatus

from aiohttp import web

from service.api.answers import Readiness, answer
from service.api.parts import API, admitted
from service.metrics import CONTENT_TYPE


async def healthz(_request: web.Request) -> web.Response:
    """Liveness: the event loop answers, and nothing else is looked at."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Readiness: whether to send requests here, with the state of each component.

    Instances and Redis's words are named to who has the scope `metrics` or `admin`, or to anybody
    where nobody has to say who asks.
    """
    api = request.app[API]
    health = api.parts.health()
    status = HTTPStatus.OK if health.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    states = Counter(health.inventory.values())
    shown = health if api.tokens.may_watch(request) else health.without_names()
    return answer(Readiness(health.is_ready, states, shown), status)


async def metrics(request: web.Request) -> web.Response:
    """Metrics for Prometheus."""
    api, _ = admitted(request, "metrics")
    return web.Response(body=api.parts.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

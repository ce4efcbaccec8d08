"""`GET /v1/experiment`: how the holdout stands, and what it says so far."""

from aiohttp import web

from service.api import admin, examples
from service.api.answers import answer
from service.api.parts import API
from service.api.route import Route, good
from service.errors import LedgerUnavailable
from service.numbers import InstanceQuery
from service.picking.instance import instance_named


async def get(request: web.Request) -> web.Response:
    """Say whether local numbers are answered more often: the experiment of an instance.

    Raises:
        LedgerUnavailable: the counts cannot be read now.
    """
    asked = admin.query(request, InstanceQuery)
    experiments = request.app[API].parts.experiments
    return answer(await instance_named(experiments, asked.instance_id).report())


ROUTE = Route(
    "GET /v1/experiment", get, good(examples.EXPERIMENT), (LedgerUnavailable,), InstanceQuery
)

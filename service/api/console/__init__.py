"""The operator's page, `/console`, and the data that it alone asks for, under `/v1/console`.

The page itself holds no data and needs no token, so that a browser can open it; each of its
requests carries one with the scope `admin`. The rest of what it shows and does goes through the
routes that everybody has: the numbers, their parks, the inventory, the readiness. Page and data
come together and change together, so the OpenAPI document does not have them.
"""

from aiohttp import web

from service.api.console import data, page
from service.api.envelope import answered


def add_routes(app: web.Application) -> None:
    """Serve the page and its data."""
    app.router.add_get("/console", answered(page.serve(page.assembled())))
    app.router.add_get("/v1/console/overview", answered(data.overview))
    app.router.add_get("/v1/console/parked", answered(data.parked))
    app.router.add_get("/v1/console/picks", answered(data.picks))
    app.router.add_post("/v1/console/try", answered(data.try_pick))

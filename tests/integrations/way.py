"""A way to the service on which a test disturbs what is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web


class Way:
    """Passes on each POST and its answer; `url` is where it begins.

    `is_open` cleared, requests wait before they reach the service. So many as `busy` says are
    answered with 503 instead. So many answers as `losses` says get lost: the service has decided,
    and whoever asked sees a broken connection.
    """

    def __init__(self, service_url: str) -> None:
        self.url = ""
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.busy = 0
        self.losses = 0
        self.asked = 0
        self._service_url = service_url

    async def pass_on(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.is_open.wait()
        if self.busy:
            self.busy -= 1
            return web.Response(status=503)
        kind = {"Content-Type": request.headers["Content-Type"]}
        async with (
            aiohttp.ClientSession() as client,
            client.post(
                f"{self._service_url}{request.path_qs}", data=await request.read(), headers=kind
            ) as response,
        ):
            body = await response.read()
        if self.losses:
            self.losses -= 1
            assert request.transport is not None
            request.transport.abort()
        told = ("Content-Type", "Retry-After")
        headers = {name: response.headers[name] for name in told if name in response.headers}
        return web.Response(status=response.status, body=body, headers=headers)


@asynccontextmanager
async def way_to(service_url: str) -> AsyncIterator[Way]:
    """A way to a service, undisturbed at first."""
    way = Way(service_url)
    app = web.Application()
    app.router.add_post("/{path:.*}", way.pass_on)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    way.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield way
    finally:
        way.is_open.set()
        await runner.cleanup()

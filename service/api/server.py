"""How aiohttp is to serve: its limits, measured where its defaults would hurt."""

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from service.api.express import Connection, Lane
from service.api.parts import API

# The RPC door has its parameters in the query: 16 skill groups of 256 characters, three signs to
# each when escaped, are 12 KiB, and a security token another 2 to 4.
MAX_LINE_BYTES = 16_384
# The longest header is the same security token.
MAX_HEADER_BYTES = 8_190


class _Server(web.Server):
    """aiohttp's server, whose connections have the express lane."""

    def __init__(self, lane: Lane, ordinary: web.Server, options: dict[str, Any]) -> None:
        super().__init__(
            ordinary.request_handler,
            request_factory=ordinary.request_factory,
            handler_cancellation=ordinary.handler_cancellation,
        )
        self._lane = lane
        self._options = options

    def __call__(self) -> RequestHandler:
        return Connection(self, self._lane, loop=self._loop, **self._options)


class _Runner(web.AppRunner):
    """Runs an application behind such a server."""

    def __init__(self, app: web.Application, shutdown_timeout: float, **options: Any) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout, handler_cancellation=False)
        self._lane = Lane(app[API])
        self._options = options

    async def _make_server(self) -> web.Server:
        return _Server(self._lane, await super()._make_server(), self._options)


def make_runner(app: web.Application) -> web.AppRunner:
    """A runner with these limits; it opens no port.

    `keepalive_timeout` is the one limit on headers that trickle (its default is an hour), and
    `lingering_time` what a refused body may go on for.
    """
    return _Runner(
        app,
        shutdown_timeout=5,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=15,
        lingering_time=1,
        max_field_size=MAX_HEADER_BYTES,
        max_line_size=MAX_LINE_BYTES,
    )

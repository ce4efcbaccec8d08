"""aiohttp's server with our connections: counted, bounded, and with the express lane."""

import asyncio
import logging
from inspect import signature
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from service.api.express import Connection
from service.api.lane import Lane
from service.api.parts import API, Api
from service.api.protocol import Protocol, refusing

_log = logging.getLogger(__name__)

# aiohttp's private parts that the lane leans on, and methods that it overrides.
_LEANED_ON = (
    *("_buffer_paused", "_close", "_force_close", "_keepalive_timeout", "_loop", "_messages"),
    *("_next_keepalive_close_time", "_pause_transport_reading", "_paused", "_process_keepalive"),
    *("_request_count", "_request_in_progress", "_resume_transport_reading", "transport"),
)
_FINISH_RESPONSE = ["self", "request", "resp", "start_time"]


class ConnectionServer(web.Server):
    """aiohttp's server, which counts its connections and gives them the express lane.

    Args:
        api: the parts.
        ordinary: the application's server.
        options: for the connections, as aiohttp takes them.
        has_lane: False where this aiohttp has moved what the lane leans on.
    """

    def __init__(
        self, api: Api, ordinary: web.Server, options: dict[str, Any], *, has_lane: bool
    ) -> None:
        super().__init__(
            refusing(ordinary.request_handler, api.parts.new_id),
            request_factory=ordinary.request_factory,
            handler_cancellation=ordinary.handler_cancellation,
            **options,
        )
        self.api = api
        self.connected = 0
        self.expected = 0  # accepted, and not connected yet
        self._lane = Lane(api) if has_lane else None
        api.pulse.start()

    def __call__(self, waited_since: float | None = None) -> RequestHandler:
        """Make the protocol of a connection; `waited_since` is when its first request came."""
        if self._lane is None:
            return Protocol(self, self.api.parts.new_id, loop=self._loop, **self._kwargs)
        return Connection(self, self._lane, waited_since, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count it."""
        super().connection_made(handler, transport)
        self.expected = max(0, self.expected - 1)
        self.connected += 1
        self.api.parts.metrics.connections.inc()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Count it no more."""
        super().connection_lost(handler, exc)
        self.connected -= 1
        self.api.parts.metrics.connections.dec()

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's
        """Close what is open."""
        await super().shutdown(timeout)
        self.api.pulse.stop()


class Runner(web.AppRunner):
    """Runs an application behind a `ConnectionServer`.

    Args:
        app: the application.
        shutdown_timeout: seconds that requests under way may take at the end.
        options: for the connections, as aiohttp takes them.
    """

    def __init__(self, app: web.Application, shutdown_timeout: float, **options: Any) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout, handler_cancellation=False)
        self._options = options
        self._moved = [name for name in _LEANED_ON if not hasattr(RequestHandler, name)]
        if [*signature(RequestHandler.finish_response).parameters] != _FINISH_RESPONSE:
            self._moved.append("finish_response")
        if self._moved:
            _log.warning(
                "This aiohttp has moved %s: the express lane is off, picks take longer", self._moved
            )

    async def _make_server(self) -> web.Server:
        ordinary = await super()._make_server()
        return ConnectionServer(self.app[API], ordinary, self._options, has_lane=not self._moved)

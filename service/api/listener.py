"""The listening sockets: whatever waits is accepted at once, however many connections are busy.

uvloop's own server accepts one connection in each turn of its loop, and a turn with hundreds of
busy connections takes tens of ms. So the sockets are read here, and the loop is given what they
yield.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, cast

from aiohttp import web

from service.addresses import open_all
from service.api.server import ConnectionServer

BACKLOG = 4096
ACCEPTED_A_TURN = 256  # of each socket; making a connection takes about 50 µs
PAUSE_SECONDS = 0.1  # without files or memory for another connection
SILENT_SECONDS = 60.0  # between two lines of the log about that


_log = logging.getLogger(__name__)


class Listener:
    """Accepts connections for a server, up to `server.max_connections`.

    Args:
        server: has the connections.
        sockets: are listening.
    """

    def __init__(self, server: ConnectionServer, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self._server = server
        self._most = server.api.parts.settings.server.max_connections
        self._refused = server.api.parts.metrics.refused_connections
        self._loop = asyncio.get_running_loop()
        self._joining: set[Coroutine[Any, Any, object]] = set()
        self._told_at = -SILENT_SECONDS
        for listening in sockets:
            listening.settimeout(0)
            self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accept no more."""
        for listening in self.sockets:
            self._loop.remove_reader(listening)
            listening.close()
        self.sockets = []

    async def joined(self) -> None:
        """Wait for what was accepted to be connections of the server."""
        while self._joining:  # noqa: ASYNC110 - a turn of the loop or two
            await asyncio.sleep(0)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_A_TURN):
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._pause(listening, error)
                return
            if self._server.connected + self._server.expected >= self._most:
                self._refused.labels("max_connections").inc()
                accepted.close()
            else:
                self._join(accepted)

    def _join(self, accepted: socket.socket) -> None:
        server, waited_since = self._server, self._waited_since(accepted)
        server.expected += 1
        joining = self._loop.connect_accepted_socket(lambda: server(waited_since), accepted)
        # Its first step at once: a task would take it a turn later, which may be 30 ms.
        made: asyncio.Future[None] = joining.send(None)
        self._joining.add(joining)
        made.add_done_callback(lambda _: self._end(joining))

    def _end(self, joining: Coroutine[Any, Any, object]) -> None:
        """Let a connection that was made have its last step."""
        self._joining.discard(joining)
        with suppress(StopIteration):
            joining.send(None)

    def _waited_since(self, accepted: socket.socket) -> float | None:
        """Return when the request arrived that came while the process stood still, if one did."""
        arrived = self._server.api.pulse.stalled_since()
        if arrived is None:
            return None
        accepted.settimeout(0)
        try:
            return arrived if accepted.recv(1, socket.MSG_PEEK) else None
        except OSError:
            return None

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """Let who waits wait on for a moment: the socket would call again at once, and in vain."""
        self._refused.labels(errno.errorcode.get(error.errno or 0, "unknown")).inc()
        if self._loop.time() - self._told_at >= SILENT_SECONDS:
            self._told_at = self._loop.time()
            _log.error("No connection can be accepted at present, others wait: %s", error.strerror)
        self._loop.remove_reader(listening)
        self._loop.call_later(PAUSE_SECONDS, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        if listening in self.sockets:
            self._loop.add_reader(listening, self._accept, listening)


class Site(web.BaseSite):
    """A host and port at which a runner listens.

    Args:
        runner: was set up.
        host: a name or an address; all addresses of a name are listened at.
        port: 0 takes any free one, the same for all addresses.
        share_port: whether other processes may listen there too.
    """

    def __init__(
        self, runner: web.AppRunner, host: str, port: int, *, share_port: bool = False
    ) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._host, self._port, self._share_port = host, port, share_port
        self._listener: Listener | None = None

    @property
    def name(self) -> str:
        """The address, for people."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not this machine's.
        """
        await super().start()
        found = await asyncio.get_running_loop().getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening_at = partial(_listening_at, share_port=self._share_port)
        sockets = open_all(found, self._port, listening_at)
        self._listener = Listener(cast("ConnectionServer", self._runner.server), sockets)
        self._server = self._listener  # type: ignore[assignment]  # all that a site asks of it

    async def stop(self) -> None:
        """Listen no more."""
        await super().stop()
        if self._listener is not None:
            await self._listener.joined()


def _listening_at(family: int, address: Any, *, share_port: bool) -> socket.socket:
    return socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=share_port)

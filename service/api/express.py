"""The express lane of `POST /v1/pick`: a head that aiohttp has read once is not read again.

A dialer sends the same head with every pick, to the byte. aiohttp parses the first one; its bytes
are then remembered, and a request that begins with just these, where a request has to begin, can
only mean the same. No HTTP is parsed here: whatever is new, broken, pipelined or closing goes
through aiohttp to the handler in `pick`. A request answered with a constant costs 12 µs of CPU by
this lane, 80 by a handler. Decision 19 says how to do without it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from inspect import signature
from typing import Any, NamedTuple

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.web_protocol import RequestHandler

from service.api import bodies, pick
from service.api.auth import Asker
from service.api.envelope import HEADERS, expected
from service.api.parts import API, Api
from service.api.problems import problem
from service.api.protocol import Protocol, ProtocolRunner, ProtocolServer
from service.errors import RequestError
from service.picking import PickRequest

HEADS_REMEMBERED = 1024
MAX_HEAD_BYTES = 4096
REST_SECONDS = 0.05  # clients that write head and body apart do so in one breath

_log = logging.getLogger(__name__)
_END = b"\r\n\r\n"
_LINES = {status: f"HTTP/1.1 {status:d} {status.phrase}\r\n" for status in HTTPStatus}
_STANDING = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()) + "\r\n"
# aiohttp's private parts that the lane leans on, and a method that it overrides.
_LEANED_ON = (
    *("_close", "_force_close", "_keepalive_timeout", "_loop", "_messages", "_paused"),
    *("_next_keepalive_close_time", "_pause_transport_reading", "_resume_transport_reading"),
    *("_request_in_progress", "transport"),
)
_FINISH_RESPONSE = ["self", "request", "resp", "start_time"]

# What makes a head mean more than a body's length and a client, or differ from pick to pick.
_UNUSUAL = ("Content-Encoding", "Expect", "Transfer-Encoding", "Upgrade", "X-Request-Id")


class KnownHead(NamedTuple):
    """A head that was let in before: the length of its body, and the client that sent it."""

    length: int
    asker: Asker


class Lane:
    """The heads of picks that were answered in this process."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._heads: dict[bytes, KnownHead] = {}
        api.on_reload.append(self._heads.clear)

    def known(self, head: bytes) -> KnownHead | None:
        """Return what is known of a head; None for one that aiohttp must read first."""
        return None if self.api.parts.is_draining() else self._heads.get(head)

    def learn(self, request: web.BaseRequest, head: bytes) -> None:
        """Remember the head of a pick that was answered, unless there is more to it than that."""
        length = request.content_length
        if length is None or len(head) > MAX_HEAD_BYTES or not _is_plain(request):
            return
        if len(self._heads) >= HEADS_REMEMBERED:
            self._heads.clear()
        with suppress(RequestError):  # who was let in may not be any more
            if self.api.page_guard is not None:
                self.api.page_guard.check(request)
            self._heads[head] = KnownHead(length, self.api.tokens.require(request, "pick"))


class Connection(Protocol):
    """A client's connection: aiohttp's, but for the picks behind a head that is known."""

    __slots__ = ("_answering", "_held", "_lane", "_seen", "_timer")

    def __init__(self, manager: ProtocolServer, lane: Lane, **options: Any) -> None:
        super().__init__(manager, **options)
        self._lane = lane
        self._seen: bytes | None = b""  # since a request had to begin; None once that is unclear
        self._held = b""  # the beginning of a pick, or what came behind one
        self._timer: asyncio.TimerHandle | None = None
        self._answering: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Start a pick whose head is known; leave anything else to aiohttp."""
        if self._held:
            data = self._release() + data
        if self._answering is not None:
            self._held = data
            self._pause_transport_reading()
        elif self._seen != b"" or not self._is_idle() or not self._take(data):
            self._pass_on(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Learn from a request that went through aiohttp, and where the next one begins."""
        seen, self._seen = self._seen, None
        if seen and "Transfer-Encoding" not in request.headers:
            head = seen[: seen.find(_END) + len(_END)]
            if len(head) + (request.content_length or 0) == len(seen):
                self._seen = b""
                if resp.status == web.HTTPOk.status_code:
                    self._lane.learn(request, head)
        return await super().finish_response(request, resp, start_time)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """Close, after the pick that is being answered."""
        if self._answering is not None:
            await asyncio.wait([self._answering], timeout=timeout)
        await super().shutdown(timeout)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what waits; a pick under way is decided all the same, as in aiohttp."""
        self._release()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        """Return whether every earlier request is answered and the client reads its answers."""
        return not (
            self._request_in_progress
            or self._messages
            or self._paused
            or self._close
            or self._force_close
        )

    def _take(self, data: bytes) -> bool:
        """Begin the pick that these bytes are; False where they are no pick to be taken here."""
        start = data.find(_END) + len(_END)
        known = self._lane.known(data[:start])
        if known is None or len(data) > start + known.length:
            return False
        if len(data) < start + known.length:
            self._hold(data)
            return True
        self._answering = self._loop.create_task(self._answer(known.asker, data[start:]))
        return True

    async def _answer(self, asker: Asker, body: bytes) -> None:
        api = self._lane.api
        request_id = api.parts.new_id()

        async def read() -> PickRequest:
            asked = pick.decode(body)
            asker.keep_to(asked.instance_id)
            return asked

        try:
            answer = await pick.answer_pick(api, request_id, read)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            status, headers, told = problem(expected(error, request_id), request_id)
        else:
            status, headers, told = HTTPStatus.OK, pick.HEADERS, pick.encode(answer, request_id)
        if self.transport is not None:
            self.transport.write(_head(status, headers, len(told), request_id) + told)
        self._answering = None
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._held:
            self._resume_transport_reading()
            self.data_received(b"")

    def _hold(self, data: bytes) -> None:
        """Wait for the rest of a body, and then let aiohttp wait for it."""
        self._held = data
        self._timer = self._loop.call_later(REST_SECONDS, lambda: self._pass_on(self._release()))

    def _release(self) -> bytes:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, b""
        return held

    def _pass_on(self, data: bytes) -> None:
        if self._seen is not None:
            room = len(self._seen) + len(data) <= MAX_HEAD_BYTES + bodies.MAX_BYTES
            self._seen = self._seen + data if room else None
        super().data_received(data)


def runner(app: web.Application, shutdown_timeout: float, **options: Any) -> web.AppRunner:
    """Return a runner with the express lane, or without where the lane cannot stand.

    Args:
        app: the application.
        shutdown_timeout: seconds that requests under way may take at the end.
        options: for the connections, as aiohttp takes them.
    """
    moved = [name for name in _LEANED_ON if not hasattr(RequestHandler, name)]
    if [*signature(RequestHandler.finish_response).parameters] != _FINISH_RESPONSE:
        moved.append("finish_response")
    connect: Callable[..., Protocol] = partial(Protocol, **options)
    if moved:
        _log.warning("This aiohttp has moved %s: the express lane is off, picks take longer", moved)
    else:
        connect = partial(Connection, lane=Lane(app[API]), **options)
    return ProtocolRunner(app, connect, shutdown_timeout)


def _is_plain(request: web.BaseRequest) -> bool:
    return (
        request.raw_path == "/v1/pick"
        and request.method == "POST"
        and request.version == HttpVersion11
        and request.keep_alive
        and request.content_type == "application/json"
        and not any(name in request.headers for name in _UNUSUAL)
    )


def _head(status: HTTPStatus, headers: Mapping[str, str], length: int, request_id: str) -> bytes:
    """A response's head, with the headers that aiohttp gives those of the application."""
    own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return (
        f"{_LINES[status]}{own}X-Request-Id: {request_id}\r\nContent-Length: {length}\r\n"
        f"Date: {rfc822_formatted_time()}\r\n{_STANDING}"
    ).encode("latin-1")

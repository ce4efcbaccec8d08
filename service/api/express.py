"""The express lane of picks and outcomes: a head that aiohttp has read once is not read again.

A dialer sends the same head with every pick, but for the headers that `heads` knows to vary.
aiohttp parses the first one; its bytes are then remembered, and a request that begins with just
these, where a request has to begin, can only mean the same. No HTTP is parsed here: whatever is
new, broken, pipelined or closing goes through aiohttp to the ordinary handlers. A request answered
with a constant costs 12 µs of CPU by this lane, 80 by a handler. Decision 19 has how to go without.
"""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import StreamReader, web

from service.api import bodies
from service.api.auth import NOBODY, Asker
from service.api.envelope import expected
from service.api.heads import END, MAX_HEAD_BYTES, KnownHead, body_length, ids_in
from service.api.lane import Lane, Work
from service.api.problems import problem
from service.api.protocol import Protocol
from service.api.response import beginning, response
from service.errors import CallerIdError, MalformedRequest, RequestTimeout
from service.metrics import OK
from service.tasks import LightTask
from service.tracing import TRACEPARENT

_LEARNED_FROM = {200, 202}  # the answers to a pick and to an outcome

END_SECONDS = 0.005  # between two looks whether a pick under way is answered
REST_SECONDS = 0.05  # clients that write head and body apart do so in one breath

# Of any head, all lines together: the longest signed query of the door is half of it.
LONGEST_HEAD = 32_768
LATE = "The head did not arrive within {:g} s; send it whole"
TOO_LONG = f"The head is longer than {LONGEST_HEAD} bytes"
PIECE_BYTES = 8_192  # of what aiohttp is given at once


class Connection(Protocol):
    """A client's connection: aiohttp's, but for what comes behind a head that is known.

    `arrived` is when it was last read from, by the timer of the parts.

    Args:
        manager: aiohttp's server.
        lane: what the connections share.
        waited_since: when the first request arrived at the latest, where it did before it is read.
        options: as aiohttp takes them.
    """

    __slots__ = (
        *("_answering", "_held", "_is_unread", "_lane", "_payload", "_seen", "_timer"),
        *("_unparsed", "_waited_since", "arrived"),
    )

    def __init__(
        self, manager: web.Server, lane: Lane, waited_since: float | None, **options: Any
    ) -> None:
        super().__init__(manager, lane.api.parts.new_id, **options)
        self._lane = lane
        self._waited_since = waited_since
        self.arrived = 0.0
        self._seen: bytes | None = b""  # since a request had to begin; None once that is unclear
        self._is_unread = False  # True while the gate counts a pick that aiohttp reads
        self._held = b""  # the beginning of a pick, or what came behind one
        self._unparsed = 0  # bytes of a head that has not ended yet
        self._payload: StreamReader | None = None  # of the request that aiohttp parsed last
        self._timer: asyncio.TimerHandle | None = None
        self._answering: LightTask | None = None

    def data_received(self, data: bytes) -> None:
        """Start what has a known head; leave anything else to aiohttp."""
        self.arrived = self._lane.arrival()
        if self._waited_since is not None:
            self.arrived, self._waited_since = self._waited_since, None
        held = self._release() if self._held else b""
        whole = held + data
        if self._answering is not None:
            self._held = whole
            self._pause_transport_reading()
        elif self._seen != b"" or not self._is_idle() or not self._take(whole):
            # As they came: of what comes in one piece with a broken head aiohttp answers nothing.
            for piece in (held, data) if held else (data,):
                self._pass_on(piece)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Learn from a request that went through aiohttp, and where the next one begins."""
        self._be_read()
        seen, self._seen = self._seen, None
        if seen and "Transfer-Encoding" not in request.headers:
            head = seen[: seen.find(END) + len(END)]
            if len(head) + (request.content_length or 0) == len(seen):
                self._seen = b""
                if resp.status in _LEARNED_FROM:
                    self._lane.learn(request, head)
        return await super().finish_response(request, resp, start_time)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """Close, after what is being answered."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._answering is not None:  # noqa: ASYNC110 - at the end, and not for long
                    await asyncio.sleep(END_SECONDS)
        await super().shutdown(timeout)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what waits; a pick under way is decided all the same, as in aiohttp."""
        self._release()
        self._be_read()
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
        """Begin what these bytes ask for; False where they are nothing to be taken here."""
        start = data.find(END) + len(END)
        known = self._lane.find(data[:start])
        if known is None:
            return self._turn_away(data, start)
        missing = start + known.length - len(data)
        if missing > 0:
            self._hold(data)
        elif missing == 0:
            self._admit(known, data[start:])
        return missing >= 0

    def _admit(self, known: KnownHead, body: bytes) -> None:
        """Have a request answered in the loop's next turn, or refuse it in this one."""
        request_id = known.request_id or self._lane.api.parts.new_id()
        if (work := self._lane.answer(known, self.arrived, request_id, body)) is None:
            self._overload(known.asker, request_id, known.traceparent)
            return
        self._answering = LightTask(self._answer(work, known, request_id), self._loop)

    def _turn_away(self, data: bytes, start: int) -> bool:
        """Refuse a pick before aiohttp has read it, if it would not be let in then."""
        length, gate = body_length(data[:start]), self._lane.api.gate
        if length is None or len(data) != start + length:
            return False
        if gate.is_full:
            request_id, traceparent = ids_in(data[:start])
            self._overload(NOBODY, request_id or self._lane.api.parts.new_id(), traceparent)
            return True
        gate.unread += 1
        self._is_unread = True
        return False

    def _be_read(self) -> None:
        self._lane.api.gate.unread -= self._is_unread
        self._is_unread = False

    def _overload(self, asker: Asker, request_id: str, traceparent: str) -> None:
        self._write(self._lane.refuse(asker, request_id, traceparent, self.arrived))
        self._rest()

    async def _answer(self, work: Work, known: KnownHead, request_id: str) -> None:
        if known.traceparent:
            TRACEPARENT.set(known.traceparent)  # for this task alone
        try:
            answer, code = await work, OK
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - also of what was given up
            refused = expected(error, request_id)
            answer, code = self._refusal(refused, request_id), refused.code
        self._lane.outbox.put(self._leave, answer)
        self._lane.api.replied.count((known.asker.name, code))

    def _leave(self, answer: bytes) -> None:
        """Write the answer, and only then begin what has come behind its request."""
        self._write(answer)
        self._answering = None
        self._rest()
        if self._held:
            TRACEPARENT.set("")  # what is held has its own
            self._resume_transport_reading()
            self.data_received(b"")

    def _rest(self) -> None:
        """Wait for the next request for as long as aiohttp does."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout

    def _refusal(self, error: CallerIdError, request_id: str, **more: str) -> bytes:
        status, headers, body = problem(error, request_id)
        return response(beginning(status, headers | more), body, request_id)

    def _write(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)

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
            seen = self._seen + data
            most = MAX_HEAD_BYTES + bodies.MAX_BYTES if END in seen else MAX_HEAD_BYTES
            self._seen = seen if len(seen) <= most else None
        for start in range(0, len(data), PIECE_BYTES) or (0,):
            self._feed(data[start : start + PIECE_BYTES])

    def _feed(self, piece: bytes) -> None:
        """Let aiohttp parse, and give up a head that becomes too long."""
        parsed = self._request_count
        if self._unparsed and self._unparsed + max(0, piece.find(END)) > LONGEST_HEAD:
            self._give_up(MalformedRequest(TOO_LONG))
            return
        super().data_received(piece)
        if self._request_count != parsed:
            self._unparsed, self._payload = 0, self._messages[-1][1]
        elif not self._buffer_paused and (self._payload is None or self._payload.is_eof()):
            # Blank lines before a head, which old clients send behind a body, are none of it.
            self._unparsed += len(piece if self._unparsed else piece.lstrip(b"\r\n"))
            if self._unparsed > LONGEST_HEAD:
                self._give_up(MalformedRequest(TOO_LONG))

    def _process_keepalive(self) -> None:
        """Close where nothing has come for too long; say so to who has sent half a head."""
        if self._answering is not None or self._held:
            self._rest()  # aiohttp takes a connection for idle while the lane is at work
        is_due = self._loop.time() >= self._next_keepalive_close_time
        if self._unparsed and is_due and not self._force_close:
            self._give_up(RequestTimeout(LATE.format(self._keepalive_timeout)))
        super()._process_keepalive()

    def _give_up(self, error: CallerIdError) -> None:
        """Refuse a head that does not end, and close; silently behind what is to be answered."""
        if self._is_idle():
            self._write(self._refusal(error, self._lane.api.parts.new_id(), Connection="close"))
        self._unparsed = 0
        self.force_close()

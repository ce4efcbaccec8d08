"""What the connections of a process share: known heads, what answers behind them, the turnstile."""

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from aiohttp import web

from service.api import outcomes, pick
from service.api.auth import Asker
from service.api.gate import Admission
from service.api.heads import Heads, KnownHead, is_plain
from service.api.parts import Api
from service.api.response import ACCEPTED, PICKED, Outbox, Turnstile, response
from service.errors import Overloaded, RequestError
from service.tracing import traced_by

Work = Coroutine[Any, None, bytes]


class Lane:
    """The express lane of a process.

    Args:
        api: what the handlers work with.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.arrival = api.pulse.arrival
        self.heads = Heads()
        self.turnstile = Turnstile()
        self.outbox = Outbox()
        api.on_reload.append(self._forget)

    def find(self, head: bytes) -> KnownHead | None:
        """Return what is known of a head; None for one that aiohttp must read first."""
        return None if self.api.parts.is_draining() else self.heads.find(head)

    def learn(self, request: web.BaseRequest, head: bytes) -> None:
        """Remember the head of what was answered, if it is plain."""
        if not is_plain(request, head):
            return
        with suppress(RequestError):  # who was let in may not be any more
            if self.api.page_guard is not None:
                self.api.page_guard.check(request)
            asker = self.api.tokens.require(request, "pick")
            self.heads.learn(head, request.content_length or 0, asker)

    def answer(self, known: KnownHead, arrived: float, request_id: str, body: bytes) -> Work | None:
        """Return what makes the response to a request; None for a pick that finds the gate full.

        Args:
            known: the request's head.
            arrived: when it was read, by the timer of the parts.
            request_id: its id.
            body: all of it.
        """
        if known.is_outcome:
            return self._report(known.asker, request_id, body)
        admission = self.api.gate.admit(known.asker, arrived)
        return None if admission is None else self._pick(admission, request_id, body)

    async def _pick(self, admission: Admission, request_id: str, body: bytes) -> bytes:
        asked = None
        try:
            asked = pick.decode(body)
            answer = await pick.decide(self.api, admission, asked)
        except Exception as error:
            pick.note_refusal(self.api, request_id, asked, error)
            raise
        finally:
            self.api.gate.leave(admission)
        pick.note_answer(self.api, request_id, admission, asked, answer)
        return response(PICKED, pick.encode(answer, request_id), request_id)

    async def _report(self, asker: Asker, request_id: str, body: bytes) -> bytes:
        await outcomes.take(self.api, asker, outcomes.decode(body))
        return response(ACCEPTED, outcomes.encode(request_id), request_id)

    def refuse(self, asker: Asker, request_id: str, traceparent: str, arrived: float) -> bytes:
        """Count a pick that there is no place for, and return its answer."""
        self.api.refused["", Overloaded.code].inc()
        self.api.replied.count((asker.name, Overloaded.code))
        with traced_by(traceparent):
            return self.turnstile.refuse(request_id, arrived)

    def _forget(self) -> None:
        self.heads = Heads()

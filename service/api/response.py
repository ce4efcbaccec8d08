"""The bytes of responses that do not go through aiohttp."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec
from aiohttp.helpers import rfc822_formatted_time

from service.api.bodies import JSON
from service.api.envelope import HEADERS
from service.api.gate import FULL
from service.api.problems import problem
from service.errors import Overloaded
from service.tracing import TRACEPARENT

ABREAST = 1000  # clients that are to come back at the same time: refusing them takes 20 ms

LONGEST_ROW = 64  # answers: the first of them waits for little more than a millisecond

_STANDING = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())


def beginning(status: HTTPStatus, headers: Mapping[str, str]) -> str:
    """Return the status line and these headers."""
    own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"HTTP/1.1 {status:d} {status.phrase}\r\n{own}"


def response(beginning: str, body: bytes, request_id: str) -> bytes:
    """Return a whole response, with the headers that aiohttp gives those of the application."""
    traceparent = TRACEPARENT.get()
    traced = f"traceparent: {traceparent}\r\n" if traceparent else ""
    return (
        f"{beginning}X-Request-Id: {request_id}\r\n{traced}{_STANDING}"
        f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
    ).encode("latin-1") + body


PICKED = beginning(HTTPStatus.OK, {"Content-Type": JSON})
ACCEPTED = beginning(HTTPStatus.ACCEPTED, {"Content-Type": JSON})


class Outbox:
    """Lets answers that are ready in one turn of the loop leave in a row.

    A write to a client that sleeps wakes it, which costs several µs; the first of a row finds it
    asleep, the others find it at work. Who finds the gate full does not wait for it.
    """

    def __init__(self) -> None:
        self._answers: list[tuple[Callable[[bytes], None], bytes]] = []

    def put(self, write: Callable[[bytes], None], answer: bytes) -> None:
        """Have an answer written when all that is ready is decided."""
        if not self._answers:
            asyncio.get_running_loop().call_soon(self.leave)
        self._answers.append((write, answer))
        if len(self._answers) == LONGEST_ROW:
            self.leave()

    def leave(self) -> None:
        """Write what there is."""
        answers, self._answers = self._answers, []
        for write, answer in answers:
            write(answer)


class Turnstile:
    """Refuses the excess: a response in a fifth of the time that a problem document takes.

    Clients that are refused together and wait out the same `Retry-After` come back together, and
    would hold up those who were let in. So each thousand of a second is sent away for longer.
    """

    def __init__(self) -> None:
        status, headers, body = problem(Overloaded(FULL), "")
        self._beginning = beginning(status, {"Content-Type": headers["Content-Type"]})
        self._before, self._member, self._behind = body.partition(b'"request_id":""')
        self._second = self._refused = 0

    def refuse(self, request_id: str, now: float) -> bytes:
        """Return the whole response to a request.

        Args:
            request_id: the request's.
            now: seconds that only go forward.
        """
        if int(now) != self._second:
            self._second, self._refused = int(now), 0
        seconds = 1 + self._refused // ABREAST
        self._refused += 1
        member = self._member[:-2] + msgspec.json.encode(request_id)
        body = self._before + member + self._behind
        return response(f"{self._beginning}Retry-After: {seconds}\r\n", body, request_id)

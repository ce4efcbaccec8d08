"""A closed-loop load over loopback: so many connections, each with one request in flight.

Raw protocols on uvloop, so that the generator takes as little as it can of the two cores.
"""

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import cast

import msgspec
import uvloop

CONNECTIONS = 64
PATIENCE = 10  # seconds beyond a run's own, before it is given up
READY_A_SECOND = 40_000  # requests made before the clock starts

_callees = Random(1)
_length_in = re.compile(rb"(?i)\r\ncontent-length: ([0-9]+)").search


class Load(msgspec.Struct, frozen=True):
    """What the clients send: picks for ever new callees, each followed by its outcome or not."""

    groups: tuple[str, ...]
    connections: int = CONNECTIONS
    seconds: float = 1.5
    outcomes: bool = False
    call_ids: bool = False
    fresh_heads: bool = False  # an `X-Request-Id` and a `traceparent` of its own for each request


class Figures(msgspec.Struct, frozen=True):
    """One run: picks per second, and how long the median and the 99th of them took, in ms."""

    picks: int
    per_second: float
    p50_ms: float
    p99_ms: float
    not_ok: int


def _requests(port: int, path: str, body: bytes, ids: bytes = b"") -> bytes:
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n%b"
        b"Content-Length: %d\r\n\r\n%b" % (path.encode(), port, ids, len(body), body)
    )


def _ids(randomness: Random) -> bytes:
    trace = randomness.getrandbits(128)
    parent = b"00-%032x-%016x-01" % (trace, trace >> 64 or 1)
    return b"X-Request-Id: %032x\r\ntraceparent: %b\r\n" % (trace, parent)


def request_of(port: int, groups: tuple[str, ...]) -> bytes:
    """A pick for some callee."""
    callee = b"138%08d" % _callees.randrange(10**8)
    body = b'{"called_number":"%b","skill_group_ids":%b}' % (callee, msgspec.json.encode(groups))
    return _requests(port, "/v1/pick", body)


def _sent(port: int, load: Load, seed: int) -> Iterator[tuple[bool, bytes]]:
    """What one run sends, in order: whether it is a pick, and its bytes."""
    randomness = Random(seed)
    groups = msgspec.json.encode(load.groups)
    for number in itertools.count():
        call = b"%d-%d" % (seed, number) if load.call_ids or load.outcomes else b""
        named = b',"call_id":"%b"' % call if call else b""
        callee = randomness.randrange(10**8)
        body = b'{"called_number":"138%08d","skill_group_ids":%b%b}' % (callee, groups, named)
        ids = _ids(randomness) if load.fresh_heads else b""
        yield True, _requests(port, "/v1/pick", body, ids)
        if load.outcomes:
            told = b'{"call_id":"%b","result":"answered"}' % call
            yield False, _requests(port, "/v1/outcomes", told, ids)


class _Connection(asyncio.Protocol):
    """Sends a pick, and its outcome where there is one, when the answer before it is there."""

    def __init__(self, sent: Iterator[tuple[bool, bytes]], until: float) -> None:
        self.requests, self.until = sent, until
        self.times: list[float] = []
        self.not_ok = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.buffer = b""
        self.send()

    def send(self) -> None:
        self.is_pick, request = next(self.requests)
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n") + 4
        length = _length_in(self.buffer)
        if end < 4 or length is None or len(self.buffer) < end + int(length[1]):
            return
        now = time.perf_counter()
        if self.is_pick:
            self.times.append(now - self.sent)
        self.not_ok += not self.buffer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202"))
        self.buffer = b""
        if now < self.until:
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _ready(sent: Iterator[tuple[bool, bytes]], count: int) -> Iterator[tuple[bool, bytes]]:
    """The same, the first of them made already: making them takes time from who answers."""
    return itertools.chain(list(itertools.islice(sent, count)), sent)


async def _run(port: int, load: Load, seed: int) -> Figures:
    loop = asyncio.get_running_loop()
    ready = int(READY_A_SECOND * load.seconds) // CONNECTIONS
    requests = [
        _ready(_sent(port, load, 1000 * seed + at), ready) for at in range(load.connections)
    ]
    start = time.perf_counter()

    def client_of(sent: Iterator[tuple[bool, bytes]]) -> Callable[[], _Connection]:
        return lambda: _Connection(sent, start + load.seconds)

    made = [await loop.create_connection(client_of(sent), "127.0.0.1", port) for sent in requests]
    async with asyncio.timeout(load.seconds + PATIENCE):
        await asyncio.gather(*(protocol.done for _, protocol in made))
    took = time.perf_counter() - start
    times = sorted(one for _, protocol in made for one in protocol.times)
    return Figures(
        len(times),
        len(times) / took,
        1000 * times[len(times) // 2],
        1000 * times[int(len(times) * 0.99)],
        sum(protocol.not_ok for _, protocol in made),
    )


_seeds = itertools.count(time.time_ns() // 1_000_000_000)


def run(port: int, load: Load) -> Figures:
    """Load one server; neither callees nor calls come back in another run."""
    return uvloop.run(_run(port, load, next(_seeds)))

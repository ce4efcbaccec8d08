"""A closed-loop load over loopback: so many connections, each with one request in flight.

Raw protocols on uvloop, so that the generator takes as little as it can of the two cores.
"""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import cast

import msgspec
import uvloop

PATIENCE = 10  # seconds beyond a run's own, before it is given up


class Figures(msgspec.Struct, frozen=True):
    """One run: answers per second, and how long the median and the 99th of them took, in ms."""

    per_second: float
    p50_ms: float
    p99_ms: float
    not_ok: int


def request_bytes(port: int, group: str, callee: str) -> bytes:
    body = b'{"called_number":"%s","skill_group_ids":["%s"]}' % (callee.encode(), group.encode())
    return (
        b"POST /v1/pick HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (port, len(body), body)
    )


class _Connection(asyncio.Protocol):
    def __init__(self, ask: Callable[[], bytes], until: float) -> None:
        self.ask, self.until = ask, until
        self.times: list[float] = []
        self.not_ok = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.buffer = b""
        self.send()

    def send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.ask())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        start = head.lower().index(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        self.times.append(now - self.sent)
        self.not_ok += not head.startswith(b"HTTP/1.1 200")
        self.buffer = b""
        if now < self.until:
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _run(port: int, connections: int, seconds: float, group: str) -> Figures:
    randomness = Random(1)
    loop = asyncio.get_running_loop()

    def ask() -> bytes:
        return request_bytes(port, group, f"138{randomness.randrange(10**8):08d}")

    start = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(ask, start + seconds), "127.0.0.1", port)
        for _ in range(connections)
    ]
    async with asyncio.timeout(seconds + PATIENCE):
        await asyncio.gather(*(protocol.done for _, protocol in made))
    took = time.perf_counter() - start
    times = sorted(one for _, protocol in made for one in protocol.times)
    return Figures(
        len(times) / took,
        1000 * times[len(times) // 2],
        1000 * times[int(len(times) * 0.99)],
        sum(protocol.not_ok for _, protocol in made),
    )


def run(port: int, connections: int, seconds: float, group: str) -> Figures:
    """Load one server; callees are ever new."""
    return uvloop.run(_run(port, connections, seconds, group))

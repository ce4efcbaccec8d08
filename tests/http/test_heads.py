"""Heads that do not end: bounded in size and in time, whatever stands before them."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service import api
from service.api.server import Runner
from tests.http.http_fixtures import PICK, Service, picked, raw, serving, status_of, whole_answer
from tests.http.test_express import connected, pick_of
from tests.waiting import eventually

START = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\n"
LINE = b"X-%03d: " + b"a" * 7990 + b"\r\n"
CHUNKED = (
    b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(PICK), PICK)
)


def lines(count: int) -> bytes:
    return b"".join(LINE % number for number in range(count))


@pytest.mark.parametrize("before", [b"", pick_of(), CHUNKED, b"\r\n"], ids=len)
@pytest.mark.parametrize("together", [True, False])
async def test_a_head_that_does_not_end_is_given_up(
    service: Service, before: bytes, *, together: bool
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    if together:
        writer.write(before + START + lines(120))
    else:
        writer.write(before)
        if before.strip():
            assert status_of(await whole_answer(reader)) == 200
        for part in (START, *(LINE % number for number in range(120))):
            if writer.is_closing():
                break
            writer.write(part)
            await asyncio.sleep(0)
    answers = b""
    try:
        async with asyncio.timeout(5):
            while data := await reader.read(65_536):
                answers += data
    except ConnectionError:
        pass  # more was on its way when it was closed
    finally:
        writer.close()
    assert b"InternalError" not in answers
    assert (await picked(service)).status == 200
    await eventually(lambda: service.sample("connections") == 0)


async def test_a_head_that_is_too_long_gets_a_problem_document(service: Service) -> None:
    async with connected(service) as client:
        answer = await client.ask(START + lines(3), lines(2)[:9000])
        assert status_of(answer) == 400
        assert b'"code":"MalformedRequest"' in answer
        assert b"\r\nConnection: close\r\n" in answer
        assert await client.reader.read() == b""


async def test_the_longest_head_that_may_be_is_read(service: Service) -> None:
    padding = b"".join(b"X-%03d: %b\r\n" % (number, b"a" * 8000) for number in range(4))
    head = START + padding[:-300] + b"\r\nContent-Type: application/json\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(PICK) + PICK
    assert 31_500 < len(request) < 32_768
    assert status_of(await raw(service, request)) == 200


async def test_many_requests_in_one_piece_are_no_long_head(service: Service) -> None:
    count = 400
    async with connected(service) as client:
        client.writer.write(pick_of() * count)
        answers = [status_of(await whole_answer(client.reader)) for _ in range(count)]
    assert answers == [200] * count


async def test_a_long_body_is_no_long_head(service: Service) -> None:
    body = PICK + b" " * 60_000
    request = pick_of(body)
    async with connected(service) as client:
        for cut in (1000, 40_000, len(request)):
            assert status_of(await client.ask(request[:cut], request[cut:])) == 200


async def test_unfinished_heads_take_little_memory(service: Service) -> None:
    count, most = 40, 100_000  # bytes each: 200 of them are 20 MB
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        writers = []
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(START + lines(4)[:31_000])
            await writer.drain()
            writers.append(writer)
        await asyncio.sleep(0.03)
        taken = tracemalloc.get_traced_memory()[0] - before
        assert service.sample("connections") == count
    finally:
        tracemalloc.stop()
        for writer in writers:
            writer.close()
    assert 31_000 * count < taken < most * count


@asynccontextmanager
async def impatient() -> AsyncIterator[Service]:
    """A service that waits for a head for a moment only."""
    service = Service()
    runner = Runner(service.app(), 1, keepalive_timeout=0.05, access_log=None)
    await runner.setup()
    try:
        await api.Site(runner, "127.0.0.1", 0).start()
        service.port = runner.addresses[0][1]
        yield service
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("part", [b"P", START, pick_of()[:60]])
async def test_a_head_that_trickles_is_given_up(part: bytes) -> None:
    async with impatient() as service, connected(service) as client:
        answer = await client.ask(part)
        assert status_of(answer) == 408
        assert b'"code":"RequestTimeout"' in answer
        assert await client.reader.read() == b""


@pytest.mark.parametrize("behind", [b"", b"\r\n"])
async def test_a_connection_that_says_nothing_is_closed_without_a_word(behind: bytes) -> None:
    async with impatient() as service, connected(service) as client:
        assert status_of(await client.ask(pick_of())) == 200
        client.writer.write(behind)
        assert await client.reader.read() == b""


async def test_a_body_that_trickles_behind_a_known_head_is_given_up() -> None:
    async with serving(Service()) as service, connected(service) as client:
        await client.ask(pick_of())
        answer = await client.ask(pick_of()[:-5])
        assert status_of(answer) == 408
        assert b"RequestTimeout" in answer
        client.writer.write(PICK[-5:])

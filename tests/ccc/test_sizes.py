"""Replies of any size: what is too large is left unread, what is large is decoded in a thread."""

import asyncio
import json
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from service.ccc.payloads import ListedPage, number_page
from service.ccc.replies import MOST_BYTES, CccReply
from service.errors import CccError, CccMalformed, CccRefused
from tests.ccc.calling import Observed, client_of
from tests.ccc.recording import Answer, RecordingServer

HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: keep-alive\r\n"
CHUNK = b"10000\r\n" + b" " * 65536 + b"\r\n"


def page_of(rows: int, padding: int = 0) -> bytes:
    listed = [{"Number": f"0105{n:07}", "ContactFlowName": "x" * padding} for n in range(rows)]
    data = {"TotalCount": rows, "List": listed}
    return json.dumps({"Code": "OK", "Data": data}).encode()


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD % b"200 OK" + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(CHUNK)
        await writer.drain()


async def endless_error(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD % b"500 Broken" + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(CHUNK)
        await writer.drain()


async def without_end_by_close(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b'{"Code": "OK", "Data": [' * 4096)
        await writer.drain()


async def bomb(writer: asyncio.StreamWriter) -> None:
    pack = zlib.compressobj(wbits=31)
    packed = b"".join(pack.compress(b" " * 2**20) for _ in range(50)) + pack.flush()
    writer.write(HEAD % b"200 OK" + b"Content-Encoding: gzip\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(packed), packed))
    await writer.drain()


@asynccontextmanager
async def server_of(
    answer: Callable[[asyncio.StreamWriter], object],
) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Answer a request by hand; the event says that the client has closed the connection."""
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)  # type: ignore[misc]
            await reader.read()
        except ConnectionError:
            pass
        finally:
            closed.set()
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname()), closed


@pytest.mark.parametrize("answer", [endless, endless_error, without_end_by_close, bomb])
async def test_a_reply_that_is_too_large_is_read_no_further_and_its_connection_closed(
    answer: Callable[[asyncio.StreamWriter], object],
) -> None:
    observed = Observed()
    async with (
        server_of(answer) as (url, closed),
        client_of(url, observed=observed, budget=60.0) as client,
    ):
        tracemalloc.start()
        try:
            with pytest.raises(CccMalformed, match=r"larger than 8 MB.*ccc\.endpoint"):
                await client.list_phone_numbers("ccc-test")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await asyncio.wait_for(closed.wait(), 30)
    assert most < 4 * MOST_BYTES
    assert observed == [("ListPhoneNumbers", "Malformed")]


async def test_a_reply_of_the_largest_size_is_read(recorder: RecordingServer) -> None:
    body = page_of(100)
    recorder.answers = [Answer(body=body + b" " * (MOST_BYTES - len(body)))]
    async with client_of(recorder.url) as client:
        assert len((await client.list_phone_numbers("ccc-test")).numbers) == 100


@pytest.mark.parametrize(("padding", "is_in_a_thread"), [(0, False), (1000, True)])
async def test_only_a_large_reply_is_decoded_in_a_thread(
    recorder: RecordingServer,
    padding: int,
    is_in_a_thread: bool,  # noqa: FBT001
) -> None:
    threads = []

    def decode(reply: CccReply) -> ListedPage:
        threads.append(threading.current_thread())
        return number_page(reply)

    recorder.answers = [Answer(body=page_of(100, padding))]
    async with client_of(recorder.url) as client:
        page = await client.list_phone_numbers("ccc-test", read=decode)
        assert len(page.numbers) == 100
    assert (threads != [threading.main_thread()]) is is_in_a_thread


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"Code": "Parameter.Null", "Message": "13888888888 " * 100_000}).encode(),
        b'{"Code": "Parameter.Null", "RequestId": "%s"}' % (b"R" * 10**6),
        b"<Error><Code>Parameter.Null</Code></Error>" + b"<Message>x</Message>" * 200_000,
    ],
)
async def test_an_error_of_a_megabyte_is_told_in_a_line(
    recorder: RecordingServer, body: bytes
) -> None:
    recorder.answers = [Answer(400, body)]
    async with client_of(recorder.url) as client:
        with pytest.raises(CccError) as caught:
            await client.list_phone_numbers("ccc-test")
    assert type(caught.value) is CccRefused
    assert caught.value.ccc_code == "Parameter.Null"
    assert len(str(caught.value)) < 1200
    assert "13888888888" not in str(caught.value)

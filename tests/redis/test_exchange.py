"""The bytes of the calls' connection: a reply belongs to the command before it, or to nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError

from service.ledger.shared.exchange import Exchange
from tests.waiting import eventually

COMMAND = b"*1\r\n$4\r\nPING\r\n"


@asynccontextmanager
async def exchange_with(*replies: bytes) -> AsyncIterator[Exchange]:
    """A server that answers the first command with these pieces, one after the other."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(COMMAND))
        for piece in replies:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = Connection(port=port, protocol=2, driver_info=None)
    await connection.connect()
    exchange = Exchange(connection)
    try:
        yield exchange
    finally:
        await exchange.close()
        server.close()
        await server.wait_closed()


async def test_a_reply_in_pieces_is_one_reply() -> None:
    async with exchange_with(b"$11\r\nhello", b" world\r\n") as exchange:
        assert await exchange.ask(COMMAND) == b"hello world"
        assert exchange.is_open


async def test_a_reply_that_nobody_asked_for_closes_the_connection() -> None:
    async with exchange_with(b"$1\r\na\r\n$1\r\nb\r\n") as exchange:
        assert await exchange.ask(COMMAND) == b"a"
        await eventually(lambda: not exchange.is_open)


async def test_an_error_reply_leaves_the_connection_open() -> None:
    async with exchange_with(b"-NOSCRIPT No matching script\r\n") as exchange:
        with pytest.raises(ResponseError, match=r"^NOSCRIPT"):
            await exchange.ask(COMMAND)
        assert exchange.is_open


@pytest.mark.parametrize(("reply", "error"), [(b"garbage\r\n", InvalidResponse)])
async def test_what_is_no_reply_fails_the_command(reply: bytes, error: type[Exception]) -> None:
    async with exchange_with(reply) as exchange:
        with pytest.raises(error):
            await exchange.ask(COMMAND)


async def test_a_connection_that_breaks_fails_the_command() -> None:
    async with exchange_with() as exchange:
        asked = exchange.ask(COMMAND)
        exchange._transport.abort()
        with pytest.raises(RedisConnectionError):
            await asked


async def test_a_late_reply_fails_the_command_and_closes_the_connection() -> None:
    async with exchange_with(b"", b"$1\r\na\r\n") as exchange:
        exchange.timeout = 0.001
        with pytest.raises(TimeoutError):
            await exchange.ask(COMMAND)
        await eventually(lambda: not exchange.is_open)


async def test_an_answered_command_leaves_the_next_all_of_its_time() -> None:
    async with exchange_with(b"$1\r\na\r\n") as exchange:
        exchange.timeout = 5
        assert await exchange.ask(COMMAND) == b"a"
        assert exchange._timer is not None
        assert exchange._timer.cancelled()

"""A TCP proxy in front of Redis, which does to replies what a network or a broken peer may do."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Self

HOST = "127.0.0.1"
CHUNK = 65536
FILLING = 3  # connections that fill the shortest queue of a listener

# Passes on one reply, or what becomes of it.
Reply = Callable[[asyncio.StreamWriter, bytes], None]


def passed(client: asyncio.StreamWriter, data: bytes) -> None:
    client.write(data)


def lost(_client: asyncio.StreamWriter, _data: bytes) -> None:
    """Nothing comes, on a connection that stays open."""


def cut(client: asyncio.StreamWriter, data: bytes) -> None:
    client.write(data[: len(data) // 2])
    client.close()


def truncated(client: asyncio.StreamWriter, data: bytes) -> None:
    client.write(data[: len(data) // 2])


def repeated(client: asyncio.StreamWriter, data: bytes) -> None:
    client.write(data + data)


def garbled(client: asyncio.StreamWriter, data: bytes) -> None:
    client.write(b"?\x00\xff" + data)


def said(text: bytes) -> Reply:
    """Make a reply that is always this one."""

    def say(client: asyncio.StreamWriter, _data: bytes) -> None:
        client.write(text)

    return say


class Proxy:
    """Listens on a port of its own for that of a `target`.

    That, `reply` and `delay`, in seconds, may be changed meanwhile.
    """

    def __init__(self, target: int) -> None:
        self.reply: Reply = passed
        self.delay = 0.0
        self.port = 0
        self.target = target
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._served, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections from now, and reset those that there are."""
        if self._server is not None:
            self._server.close()
        self.reset()

    def reset(self) -> None:
        """Break all connections off, in the middle of whatever is under way."""
        for client in tuple(self._clients):
            client.transport.abort()

    @asynccontextmanager
    async def swallowed(self) -> AsyncIterator[None]:
        """Let no connection be made, and none refused, as where packets vanish on their way."""
        await self.close()
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, self.port))
            listener.listen(0)
            for _ in range(FILLING):
                filling = stack.enter_context(socket.socket())
                filling.setblocking(False)  # noqa: FBT003 - the socket's own
                filling.connect_ex((HOST, self.port))
            yield
        await self.open()

    async def _served(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._clients.add(client)
        try:
            with suppress(OSError):
                replies, server = await asyncio.open_connection(HOST, self.target)
                try:
                    await _first_of(_asked(reader, server), self._answered(replies, client))
                finally:
                    server.close()
        finally:
            self._clients.discard(client)
            client.close()

    async def _answered(self, replies: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await replies.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            self.reply(client, data)


async def _asked(reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        server.write(data)


async def _first_of(*ways: Coroutine[None, None, None]) -> None:
    """Run the two ways of a connection until one of them has ended."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

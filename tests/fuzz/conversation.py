"""Sends requests over connections of its own and reads what comes back."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from tests.fuzz.requests import Request

PATIENCE = 10.0  # seconds for an answer: a busy machine is no hang

# Of an answer's code: the request was refused before what it says was looked at.
UNREAD = {
    *("MalformedRequest", "InvalidField", "RequestTimeout", "RequestTooLarge"),
    *("UnsupportedMediaType", "Unauthenticated", "NotFound", "MethodNotAllowed"),
    *("ExpectationFailed", "nothing", "HTTP 400", "HTTP 401", "HTTP 404", "HTTP 405"),
}

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: ([0-9]+)\r\n")
_CODE = re.compile(rb'"[cC]ode":"([A-Za-z.]+)"|<Code>([A-Za-z.]+)</Code>')


class Tally(msgspec.Struct):
    """What became of the requests.

    `codes` counts answers by their code (the status where they have none), `wrong` has requests
    that met a 5xx other than 503, `hung` those that got neither an answer nor an end.
    """

    codes: Counter[str] = msgspec.field(default_factory=Counter)
    signatures: set[str] = msgspec.field(default_factory=set)
    wrong: list[bytes] = []
    hung: list[bytes] = []
    unanswered: list[bytes] = []

    @property
    def total(self) -> int:
        return self.codes.total()

    @property
    def read_share(self) -> float:
        """The share whose content was looked at."""
        unread = sum(count for code, count in self.codes.items() if code in UNREAD)
        return 1 - unread / max(1, self.total)


async def converse(port: int, requests: Iterator[Request], tally: Tally) -> None:
    """Send one request after the other, over one connection while it is kept."""
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for request in requests:
        if streams is None or streams[1].is_closing() or not request.whole:
            await _close(streams)
            streams = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = streams
        if request.signature:
            tally.signatures.add(request.signature)
        try:
            async with asyncio.timeout(PATIENCE):
                kept = await _asked(reader, writer, request, tally)
        except TimeoutError:
            tally.hung.append(request.octets)
            kept = False
        if not kept:
            await _close(streams)
            streams = None
    await _close(streams)


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request, tally: Tally
) -> bool:
    """Send one and count its answer; returns whether the connection goes on."""
    writer.write(request.octets)
    if not request.whole:
        writer.write_eof()
    head, body = await _answer(reader, bodiless=request.octets.startswith(b"HEAD "))
    code = _code_of(head, body)
    tally.codes[code] += 1
    if code == "nothing":
        if request.whole:
            tally.unanswered.append(request.octets)
        return False
    status = head.split(b" ", 2)[1]
    if status.startswith(b"5") and status not in {b"503", b"502"}:
        tally.wrong.append(request.octets)
    is_kept = head.startswith(b"HTTP/1.1") and b"\r\nconnection: close" not in head.lower()
    return request.whole and is_kept


async def _answer(reader: asyncio.StreamReader, *, bodiless: bool) -> tuple[bytes, bytes]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head, b"" if bodiless or length is None else await reader.readexactly(int(length[1]))
    except (asyncio.IncompleteReadError, ConnectionError):
        return b"", b""


def _code_of(head: bytes, body: bytes) -> str:
    status = _STATUS.match(head)
    if status is None:
        return "nothing"
    code = _CODE.search(body) if int(status[1]) >= 400 else None
    return (code[1] or code[2]).decode() if code else f"HTTP {status[1].decode()}"


async def _close(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    if streams is not None:
        streams[1].close()
        with suppress(ConnectionError):
            await streams[1].wait_closed()

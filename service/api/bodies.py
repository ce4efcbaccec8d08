"""Reading a body and decoding it strictly, at little cost where there is nothing to object to.

The typed decoder is lenient in two things: of a key given twice it takes the last, and it lets
NUL into strings. Both are looked for in a way that is cheap and never wrong to the lenient side;
where it suspects, and where the decoder refuses, `faults` reads the body again, exactly.
"""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from service.api import faults
from service.api.parts import API
from service.errors import (
    MalformedRequest,
    RequestTimeout,
    RequestTooLarge,
    UnsupportedMediaType,
)

JSON = "application/json"

# 16 skill groups of 256 characters, each escaped as six bytes, are 24 KiB.
MAX_BYTES = 65_536

T = TypeVar("T")

_decoder_of: Callable[[Any], Any] = cache(msgspec.json.Decoder)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def read(request: web.Request, most: int = MAX_BYTES) -> bytes:
    """The bytes of a body, at most so many, which has `body_seconds` to arrive.

    Raises:
        UnsupportedMediaType: it is compressed.
        RequestTooLarge: it is longer, or says so.
        RequestTimeout: it is not there in time.
        MalformedRequest: nobody is there to send the rest.
    """
    if "Content-Encoding" in request.headers:
        raise UnsupportedMediaType("Content-Encoding: send the body as it is, not compressed")
    _check_length(request.content_length or 0, most)
    try:
        if request.content.is_eof():  # it came with its headers, as almost all do
            body = request.content.read_nowait()
            _check_length(len(body), most)
            return body
        seconds = request.app[API].parts.body_seconds
        async with asyncio.timeout(seconds):
            return await _read_on(request, most)
    except TimeoutError:
        raise RequestTimeout(
            f"The body did not arrive within {seconds:g} s; send it whole"
        ) from None
    except ConnectionError:
        raise MalformedRequest("The client hung up before its body arrived") from None


async def _read_on(request: web.Request, most: int) -> bytes:
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        _check_length(len(body), most)
    return bytes(body)


def _check_length(length: int, most: int) -> None:
    if length > most:
        raise RequestTooLarge(f"The body is longer than {most} bytes; ask for less at once")


async def read_json(request: web.Request, shape: type[T], most: int = MAX_BYTES) -> T:
    """A body that must be JSON, at most so many bytes, as its type.

    Raises:
        UnsupportedMediaType: it says to be something else.
        RequestError: as `read` and `decode`.
    """
    if request.content_type != JSON:
        raise UnsupportedMediaType(f"Content-Type: send {JSON}")
    return await decode_long(await read(request, most), _decoder_of(shape))


async def decode_long(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode as `decode`, a long body in a thread: to find what is wrong with one takes 100 ms."""
    if len(body) <= MAX_BYTES:
        return decode(body, decoder)
    return await asyncio.to_thread(decode, body, decoder)


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A JSON body as its type.

    Raises:
        MalformedRequest: it is no strict JSON.
        InvalidField: it is, and not what the type has.
    """
    try:
        decoded = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        faults.check(body)
        raise faults.invalid(error, decoder.type) from None
    if _may_be_lenient(body):
        faults.check(body)
    return decoded


def _may_be_lenient(body: bytes) -> bool:
    """Return whether a body that the decoder took may have a key twice, or a NUL.

    Each pair of the object has its colon, and colons inside of strings only add to them; so as
    many distinct keys as colons means that each key is there once.
    """
    # Not `in`, which takes bytes for a number first: that costs more than all else here.
    return body.count(b":") != len(_KEYS.decode(body)) or body.find(b"\\u0000") >= 0

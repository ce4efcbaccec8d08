"""Read a reply of CCC: an answer, or a failure and whether asking again can help.

One reading for every action: the status, and the envelope of Code, Message, RequestId and Data.
What `Data` holds is for `payloads`; how often and when to ask again is for `requests`.
"""

import re
from collections.abc import AsyncIterable
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar

import msgspec

from service.errors import CccError, CccMalformed, CccRefused, CccThrottled, CccUnavailable
from service.logs import mask_text

# What the gateway calls its own faults; seen with a 5xx, and no refusal with any other status.
BROKEN_CODES = frozenset({"InternalError", "ServiceUnavailable"})
CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")  # it becomes a metric's label: no free text
CLOCK_CODE = "InvalidTimeStamp"
CLOCK_ADVICE = "the clock here is over 15 minutes away from Alibaba's: check NTP. It said: "
MOST_BYTES = 8 * 1024 * 1024  # of a body, unpacked; a page of 100 numbers has some 45 KB
T = TypeVar("T")

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALVES = re.compile(f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")
LONGEST_MESSAGE = 1000  # characters, of an error that is told
LONGEST_XML = 16 * 1024  # bytes, to look for an error in; what is larger is some proxy's page
XML_PART = re.compile(r"<(Code|Message|RequestId)>([^<]*)</\1>")


class CccReply(msgspec.Struct, frozen=True, rename="pascal"):
    """The envelope; a number may stand for a text, as it does on the wire.

    What AddBulkPhoneNumbers of 2017 answers stands beside the Code, and no `Data` holds it. `Userd`
    is its own spelling.
    """

    code: str | int | None = None
    message: str | int | None = None
    request_id: str | int | None = None
    http_status_code: str | int | None = None
    data: msgspec.Raw = msgspec.Raw()
    success: bool | str | None = None
    phone_numbers: msgspec.Raw = msgspec.Raw()
    failed_phone_numbers: msgspec.Raw = msgspec.Raw()
    userd_phone_numbers: msgspec.Raw = msgspec.Raw()
    arrearage_phone_numbers: msgspec.Raw = msgspec.Raw()


class Failure(msgspec.Struct, frozen=True):
    """An attempt without an answer, and what deciding about another one takes.

    `surely_not_done` says that CCC did nothing; `retry_after` is the pause that it asked for, in
    seconds.
    """

    error: CccError
    surely_not_done: bool = False
    retry_after: float = 0.0


async def read_body(chunks: AsyncIterable[bytes]) -> bytes:
    """Read the body of a reply, no further than anything that CCC answers can go.

    Raises CccMalformed as soon as it is too large; the rest is left unread.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MOST_BYTES:
            raise CccMalformed(
                "Malformed",
                f"the reply is larger than {MOST_BYTES // 2**20} MB, which no answer of CCC is: "
                "correct ccc.endpoint, or look at the proxy before it",
            )
    return bytes(body)


def read_reply(status: int, body: bytes, retry_after: str = "") -> CccReply | Failure:
    """Read a reply: its HTTP status, its body, its `x-acs-retry-after` header in milliseconds.

    A 200 whose Code is not OK is an error. An error may come as JSON, as XML (the gateway's habit
    where it did not see the format asked for) or as some proxy's page.
    """
    reply = _envelope(body)
    if status < HTTPStatus.BAD_REQUEST:
        if reply.code == "OK":
            return reply
        if reply.code is None or not str(reply.code).isascii():
            return Failure(CccMalformed("Malformed", "the reply has no Code", status=status))
    worst = max(status, _number(reply.http_status_code))
    return _failure(worst, reply, _number(retry_after) / 1000)


def _envelope(body: bytes) -> CccReply:
    with suppress(ValueError, RecursionError):  # no JSON, no UTF-8, or nested beyond reason
        return decode_json(body, msgspec.json.Decoder(CccReply))
    parts = dict(XML_PART.findall(body[:LONGEST_XML].decode(errors="replace")))
    return msgspec.convert(parts, CccReply)


def decode_json(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode JSON; bytes that are no UTF-8, and halves of signs, spoil no more than their text.

    Raises:
        ValueError, RecursionError: it is none, or not of the decoder's type.
    """
    try:
        return decoder.decode(body)
    except ValueError:
        mended = _without_odd_signs(body)
        if mended == body:
            raise
        return decoder.decode(mended)


def _without_odd_signs(body: bytes) -> bytes:
    return _HALVES.sub(r"\\ufffd", body.decode("utf-8", "replace")).encode()


def _failure(status: int, reply: CccReply, retry_after: float) -> Failure:
    code = _code(reply.code) or f"HTTP.{status}"
    kind = _kind(status, code, asked_to_wait=retry_after > 0)
    advice = CLOCK_ADVICE if code.startswith(CLOCK_CODE) else ""
    said = str(reply.message or "no message")[:LONGEST_MESSAGE]
    error = kind(
        code, advice + mask_text(said), status=status, request_id=str(reply.request_id or "")
    )
    return Failure(error, surely_not_done=kind is not CccUnavailable, retry_after=retry_after)


def _code(said: str | int | None) -> str:
    match = CODE.fullmatch(str(said or ""))
    return match[0] if match and said != "OK" else ""


def _kind(status: int, code: str, *, asked_to_wait: bool) -> type[CccError]:
    # Throttling comes as a 400 on this gateway: nothing but the code tells it from a refusal, or
    # the newer header. With a 5xx the header says when to ask again, not that nothing happened.
    if code.startswith("Throttling") or status == HTTPStatus.TOO_MANY_REQUESTS:
        return CccThrottled
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in BROKEN_CODES:
        return CccUnavailable
    return CccThrottled if asked_to_wait else CccRefused


def _number(text: str | int | None) -> int:
    return int(text or 0) if re.fullmatch(r"[0-9]{1,9}", str(text)) else 0

"""The heads of picks and outcomes that were answered: what begins alike means the same.

Some headers differ with each request and mean nothing to either: those whose names start with `X-`,
the date, and what traces it. A head that differs from one that is known in nothing else is known
too; its `X-Request-Id` and its `traceparent` become the answer's.
"""

import re
from functools import lru_cache

import msgspec
from aiohttp import HttpVersion11, web

from service.api.auth import Asker
from service.tracing import traceparent_of

HEADS_REMEMBERED = 1024
MAX_HEAD_BYTES = 4096

END = b"\r\n\r\n"

# Heads begin with these; a blank line before one, which HTTP allows, is aiohttp's to skip.
_PICK = b"POST /v1/pick HTTP/1.1\r\n"
_OUTCOME = b"POST /v1/outcomes HTTP/1.1\r\n"
# What makes a head mean more than a body's length and a client.
_UNUSUAL = ("Content-Encoding", "Expect", "Transfer-Encoding", "Upgrade")
_ID_LINE = rb"\r\nX-Request-Id:[ \t]*([!-~]{1,128})[ ]*(?=\r\n)"
_PARENT_LINE = rb"\r\ntraceparent:[ \t]*([!-~][ -~]{0,255})(?=\r\n)"
_REQUEST_ID = re.compile(_ID_LINE, re.IGNORECASE)
_TRACEPARENT = re.compile(_PARENT_LINE, re.IGNORECASE)
# Whole lines of plain ASCII; any other of these headers makes a head another one.
_VARYING = re.compile(
    _ID_LINE + rb"|" + _PARENT_LINE + rb"|\r\n(?!X-Request-Id:)"
    rb"(?:X-[A-Z0-9-]{1,60}|tracestate|baggage|b3|uber-trace-id|date):[ \t]*[!-~][ -~]{0,255}"
    rb"(?=\r\n)",
    re.IGNORECASE,
)
# A head in which every line is a header of plain ASCII, and what makes it say more than a length.
_ORDINARY = re.compile(re.escape(_PICK) + rb"(?:[A-Za-z0-9-]{1,64}: ?[!-~][ -~]{0,1023}\r\n)+\r\n")
_DOUBTFUL = (b"\r\nconnection:", b"\r\nexpect:", b"\r\ntransfer-encoding:", b"\r\nupgrade:")
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,5})(?=\r\n)")
_ANY_REQUEST_ID = b"\r\nx-request-id"
_MOST_LINES = 100  # fewer than aiohttp takes


class KnownHead(msgspec.Struct, frozen=True, gc=False):
    """A head that was let in before: its body's length, its client, its own ids, if any."""

    length: int
    asker: Asker
    is_outcome: bool = False
    request_id: str = ""
    traceparent: str = ""


class Heads:
    """The heads of picks and outcomes that were answered in this process.

    Heads that came once stand apart: one that never comes again pushes none out that does.
    """

    def __init__(self) -> None:
        self._often: dict[bytes, KnownHead] = {}
        self._once: dict[bytes, KnownHead] = {}

    def find(self, head: bytes) -> KnownHead | None:
        """Return what is known of a head; None for one that aiohttp must read first."""
        return self._often.get(head) or self._promoted(head) or self._varied(head)

    def learn(self, head: bytes, length: int, asker: Asker) -> None:
        """Remember the head of what was answered; `is_plain` must be true of it."""
        constant = _VARYING.sub(b"", head)
        if _ANY_REQUEST_ID not in constant.lower():
            self._note(constant, KnownHead(length, asker, head.startswith(_OUTCOME)))

    def _note(self, head: bytes, known: KnownHead) -> None:
        if len(self._once) >= HEADS_REMEMBERED:
            self._once.clear()
        self._once[head] = known

    def _promoted(self, head: bytes) -> KnownHead | None:
        known = self._once.pop(head, None)
        if known is not None:
            if len(self._often) >= HEADS_REMEMBERED:
                del self._often[next(iter(self._often))]
            self._often[head] = known
        return known

    def _varied(self, head: bytes) -> KnownHead | None:
        if not head.startswith((_PICK, _OUTCOME)) or len(head) > MAX_HEAD_BYTES:
            return None
        pieces = _VARYING.split(head)
        constant, ids = b"".join(pieces[::3]), list(filter(None, pieces[1::3]))
        if len(pieces) == 1 or len(ids) > 1 or head.count(b"\r\n") > _MOST_LINES:
            return None
        known = self._often.get(constant) or self._promoted(constant)
        if known is None:
            return None
        request_id = ids[0].decode() if ids else ""
        traceparent = _traceparent(list(filter(None, pieces[2::3])))
        found = KnownHead(known.length, known.asker, known.is_outcome, request_id, traceparent)
        self._note(head, found)
        return found


def ids_in(head: bytes) -> tuple[str | None, str]:
    """Return the request's own id and its `traceparent`, "" where it has none.

    The id is None where what there is is not to be taken; a malformed `traceparent` is ignored.
    """
    ids, traceparent = _REQUEST_ID.findall(head), _traceparent(_TRACEPARENT.findall(head))
    if len(ids) > 1 or len(ids) != head.lower().count(_ANY_REQUEST_ID):
        return None, traceparent
    return ids[0].decode() if ids else "", traceparent


def _traceparent(values: list[bytes]) -> str:
    return traceparent_of([value.decode().strip() for value in values]) if values else ""


@lru_cache(maxsize=64)  # those who come together while nothing is known send the same
def body_length(head: bytes) -> int | None:
    """Return the length of a pick's body by its head alone, if there can be no doubt about it."""
    lowered = head.lower()
    if not _ORDINARY.fullmatch(head) or any(name in lowered for name in _DOUBTFUL):
        return None
    lengths = _LENGTH.findall(lowered)
    return int(lengths[0]) if len(lengths) == 1 == lowered.count(b"content-length") else None


def is_plain(request: web.BaseRequest, head: bytes) -> bool:
    """Return whether it is of a pick or an outcome, and says no more than its length and client."""
    return (
        head.startswith((_PICK, _OUTCOME))
        and len(head) <= MAX_HEAD_BYTES
        and request.version == HttpVersion11
        and request.keep_alive
        and request.content_type == "application/json"
        and request.content_length is not None
        and not any(name in request.headers for name in _UNUSUAL)
    )

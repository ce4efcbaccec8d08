"""What is refused before any handler runs: in our one shape, and without a byte of what came."""

import asyncio
import io
import logging
import random
import re
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest
from aiohttp.http_exceptions import TransferEncodingError
from aiohttp.web_protocol import RequestPayloadError

from service import logs
from service.api import server
from tests.http.http_fixtures import PICK, Service, picked, raw, serving, status_of

POST = b"POST /v1/pick HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"

REFUSED = {
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a signed length": POST + b"Content-Length: +24\r\n\r\n",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: cow\r\n\r\n",
    "chunked, then another": POST + b"Transfer-Encoding: chunked, cow\r\n\r\n",
    "a chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk of a negative size": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a chunk longer than it says": POST
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "no Host": GET + b"\r\n",
    "two Hosts": GET + b"Host: localhost\r\nHost: y\r\n\r\n",
    "a folded header": GET + b"Host: localhost\r\nX-A: 1\r\n 2\r\n\r\n",
    "NUL in a header": GET + b"Host: localhost\r\nX-A: 1\x002\r\n\r\n",
    "CR in a header": GET + b"Host: localhost\r\nX-A: 1\r2\r\n\r\n",
    "LF in a header": GET + b"Host: localhost\r\nX-A: 1\n2\r\n\r\n",
    "a space before the colon": GET + b"Host: localhost\r\nX-A : 1\r\n\r\n",
    "a line too long": b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header too long": GET + b"Host: localhost\r\nX-A: " + b"a" * 9_000 + b"\r\n\r\n",
    "too many headers": GET + b"Host: localhost\r\n" + b"X-A: 1\r\n" * 200 + b"\r\n",
    "an unknown method": b"FETCH /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/1.9": b"GET /healthz HTTP/1.9\r\nHost: localhost\r\n\r\n",
    "an h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,
    "RESP": b"*1\r\n$4\r\nPING\r\n",
    "a token file's line break": POST + b"Authorization: Bearer 5ecret\n\r\n\r\n",
    "NUL behind a token": POST + b"Authorization: Bearer 5ecret\x00\r\n\r\n",
    "a signed query of a mistyped version": b"GET /?SecurityToken=5ecret&Signature=5ecret&"
    b"CalledNumber=13812345678 HTTP/1,1\r\nHost: localhost\r\n\r\n",
    "a signed query that is not escaped": b"GET /?Signature=5ecret&CalledNumber=13812345678\xff "
    b"HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a folded number": GET + b"Host: localhost\r\nX-Called: 13812345678\r\n 13812345678\r\n\r\n",
    "a number for a length": POST + b"Content-Length: 13812345678138123456781381234567\r\n\r\n",
    "a number for a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n13812345678x5ecret\r\n",
    "a port that is none": b"GET http://13812345678:5ecret/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

# By aiohttp itself, and not because they could not be read.
OTHERS = {
    "an expectation that nobody meets": (
        POST + b"Expect: 13812345678 5ecret\r\nContent-Length: %d\r\n\r\n" % len(PICK) + PICK,
        417,
        "ExpectationFailed",
    ),
    "an expectation of odd bytes": (
        POST + b"Expect: 13812345678 5ecret\xff\r\nContent-Length: 0\r\n\r\n",
        417,
        "ExpectationFailed",
    ),
    "no path": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "NotFound"),
    "a tunnel": (
        b"CONNECT 13812345678:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        404,
        "NotFound",
    ),
}


@pytest.fixture(params=["with the lane", "without"])
async def either(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    """A service on connections of the express lane, and one whose aiohttp has moved it off."""
    if request.param == "without":
        monkeypatch.setattr(server, "_LEANED_ON", ("_gone",))
    async with serving(Service()) as service:
        yield service


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any library logs, as the service writes it."""
    written, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure("INFO", stream=written, clock=lambda: 0.0)
    yield written
    root.handlers[:] = before
    root.setLevel(level)


def assert_refused(answer: bytes, status: int, code: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = dict(re.findall(rb"([A-Za-z-]+): (.*)\r\n", head + b"\r\n"))
    assert status_of(answer) == status
    assert headers[b"Content-Type"] == b"application/problem+json"
    assert headers[b"Server"] == b"callerid"
    assert headers[b"X-Content-Type-Options"] == b"nosniff"
    problem = orjson.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"].encode() == headers[b"X-Request-Id"]


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
async def test_what_is_no_http_is_refused_unrepeated_and_the_next_request_served(
    either: Service, log: io.StringIO, request_bytes: bytes
) -> None:
    answer = await raw(either, request_bytes)
    assert_refused(answer, 400, "MalformedRequest")
    assert not re.search(rb"5ecret|13812345678", answer)
    lines = [line for line in log.getvalue().splitlines() if "cannot be read as HTTP" in line]
    assert [orjson.loads(line)["level"] for line in lines] == ["warning"]
    assert not re.search(r"5ecret|\d{7}", re.sub(r'"time":"[^"]*"', "", log.getvalue()))
    assert (await picked(either)).status == 200


@pytest.mark.parametrize(("request_bytes", "status", "code"), OTHERS.values(), ids=OTHERS)
async def test_what_aiohttp_refuses_by_itself_has_our_shape(
    either: Service, request_bytes: bytes, status: int, code: str
) -> None:
    answer = await raw(either, request_bytes)
    assert_refused(answer, status, code)
    assert not re.search(rb"5ecret|13812345678", answer)
    assert (await picked(either)).status == 200


async def test_a_refusal_outside_of_a_handler_bears_the_requests_own_id(service: Service) -> None:
    answer = await raw(
        service, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\n\r\n"
    )
    assert b"X-Request-Id: mine\r\n" in answer


@pytest.mark.parametrize("kind", [RequestPayloadError, TransferEncodingError])
async def test_a_body_that_breaks_while_it_is_read_is_refused_unrepeated(
    service: Service, log: io.StringIO, kind: type[Exception]
) -> None:
    """As aiohttp tells a handler that waits for chunks, by the one of its two parsers that does."""
    service.picker.error = kind("b'13812345678 5ecret'")
    answer = await picked(service)
    assert (answer.status, answer.json["code"]) == (400, "MalformedRequest")
    assert "5ecret" not in answer.text + log.getvalue()


async def test_a_flood_of_bad_heads_is_a_few_lines(service: Service, log: io.StringIO) -> None:
    for _ in range(50):
        assert status_of(await raw(service, REFUSED["a token file's line break"])) == 400
    assert 1 <= len(log.getvalue().splitlines()) <= 10


async def test_no_damage_to_a_head_shows_its_secrets(service: Service, log: io.StringIO) -> None:
    """Damage done by a fixed seed: what is read or refused differs, what is told must not."""
    chance, statuses = random.Random(13), set[int]()
    good = POST + b"Authorization: Bearer 5ecret\r\nContent-Length: %d\r\n\r\n" % len(PICK) + PICK
    for _ in range(300):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(good) - len(PICK))
            damaged[at : at + chance.randint(0, 2)] = chance.choice(
                (b"", b"\0", b"\n", b"\r", b"\xff", b":", b" ", b"\r\n ", b"%", b"\x16\x03", b"Z")
            )
        answer = await raw(service, bytes(damaged) + b"\r\n\r\n")
        statuses.add(status_of(answer))
        assert b"5ecret" not in answer
    assert {200, 400} < statuses
    assert 500 not in statuses
    assert "5ecret" not in log.getvalue()
    assert "13888888888" not in log.getvalue()


async def test_a_client_that_waits_for_100_continue_gets_it(service: Service) -> None:
    request = POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(PICK)
    assert status_of(await raw(service, request, rest=PICK)) == 100


async def test_behind_a_wish_to_upgrade_the_connection_ends(either: Service) -> None:
    wish = (
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", either.port)
    writer.write(wish + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(5):
        answers = await reader.read()  # until it is closed
    writer.close()
    assert answers.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in answers


async def test_who_hangs_up_while_told_to_go_on_is_no_error(
    either: Service, log: io.StringIO
) -> None:
    for _ in range(10):
        _, writer = await asyncio.open_connection("127.0.0.1", either.port)
        writer.write(
            b"POST /v1/pick HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write_eof()
        writer.close()
    assert (await picked(either)).status == 200
    assert "Traceback" not in log.getvalue()


async def test_a_head_of_more_than_32_kb_is_refused_though_it_ends(service: Service) -> None:
    def head(count: int) -> bytes:
        lines = b"".join(b"X-%d: %b\r\n" % (at, b"a" * 900) for at in range(count))
        return b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n"

    assert len(head(35)) < 32_768 < len(head(37)) < 40_960
    assert status_of(await raw(service, head(35))) == 200
    assert status_of(await raw(service, head(37))) == 400
    assert status_of(await raw(service, head(44))) == 400

"""What aiohttp refuses before any of our code runs: pinned, since we rely on it."""

import pytest

from tests.http.http_fixtures import PICK, Service, picked, raw, status_of

POST = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
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
    "two Hosts": GET + b"Host: x\r\nHost: y\r\n\r\n",
    "a folded header": GET + b"Host: x\r\nX-A: 1\r\n 2\r\n\r\n",
    "NUL in a header": GET + b"Host: x\r\nX-A: 1\x002\r\n\r\n",
    "CR in a header": GET + b"Host: x\r\nX-A: 1\r2\r\n\r\n",
    "LF in a header": GET + b"Host: x\r\nX-A: 1\n2\r\n\r\n",
    "a space before the colon": GET + b"Host: x\r\nX-A : 1\r\n\r\n",
    "a line too long": b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header too long": GET + b"Host: x\r\nX-A: " + b"a" * 9_000 + b"\r\n\r\n",
    "too many headers": GET + b"Host: x\r\n" + b"X-A: 1\r\n" * 200 + b"\r\n",
    "an unknown method": b"FETCH /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.9": b"GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n",
    "an h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,
    "RESP": b"*1\r\n$4\r\nPING\r\n",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
async def test_what_is_no_http_is_refused_and_the_next_request_served(
    service: Service, request_bytes: bytes
) -> None:
    assert status_of(await raw(service, request_bytes)) == 400
    assert (await picked(service)).status == 200


async def test_an_expectation_other_than_100_continue_is_refused(service: Service) -> None:
    request = POST + b"Expect: 200-ok\r\nContent-Length: %d\r\n\r\n" % len(PICK) + PICK
    assert status_of(await raw(service, request)) == 417


async def test_a_client_that_waits_for_100_continue_gets_it(service: Service) -> None:
    request = POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(PICK)
    assert status_of(await raw(service, request, rest=PICK)) == 100

"""Whatever stands in the query, the form and the headers: an answer, and never a 500."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote_plus, urlencode
from xml.etree import ElementTree as ET

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.http_fixtures import Service, raw, serving, status_of
from tests.rpc.rpc_fixtures import ACTIONS, PARAMS, VERSIONS, Scheme, guarded_service, send, signed

# Thousands of steps: counting their lines triples their time, and other tests reach them too.
pytestmark = pytest.mark.no_cover

SYSTEM = {
    "Action": "PickOutboundNumbers",
    "Version": "2020-07-01",
    "Format": "JSON",
    "AccessKeyId": "test-key",
    "Signature": "AAAA",
    "SignatureNonce": "once",
    "Timestamp": "2026-01-01T00:00:00Z",
    "SecurityToken": "",
}
NAMES = sorted({*SYSTEM, *(name for params in PARAMS.values() for name in params), "Active"})
HEADERS = [
    "Accept",
    "Authorization",
    "Content-Type",
    "X-Request-Id",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-security-token",
    "x-acs-signature-nonce",
    "x-acs-version",
]
PATHS = ["/", "/v1/pick", "/v1/outcomes", "/v1/numbers", "/v1/inventory", "/v1/inventory/refresh"]
SOUND = [
    "ACS3-HMAC-SHA256 Credential=test-key,SignedHeaders=host;x-acs-date,Signature=00",
    "Bearer operator",
    "Bearer \xff",
    "application/json",
    "application/x-www-form-urlencoded",
    "2020-07-01",
    "PickOutboundNumbers",
    "[" * 200,
    "[]",
    '["\\ud800"]',
    "9" * 400,
    "1e5",
    "-1",
    "١",
    "True",
]

texts = st.one_of(st.text(max_size=30), st.sampled_from(SOUND))
bits = st.binary(max_size=40).map(quote_plus)
fields = st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=10), texts), max_size=8)
encoded = st.one_of(
    fields.map(lambda pairs: urlencode(pairs, errors="surrogatepass")),
    st.lists(bits, max_size=6).map("&".join),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
)
values = st.one_of(
    st.sampled_from(SOUND).map(lambda text: text.encode("utf-8", "surrogateescape")),
    st.binary(max_size=30).map(lambda octets: bytes(each for each in octets if each > 31)),
)
headers = st.dictionaries(st.sampled_from(HEADERS), values, max_size=5)

names = st.sampled_from(NAMES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
values_of = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

FEW = settings(max_examples=200, database=None)


@contextmanager
def running(service: Service) -> Iterator[asyncio.Runner]:
    """A service in a loop of its own, which runs while an example is asked."""
    with asyncio.Runner() as runner:
        place = serving(service)
        runner.run(place.__aenter__())
        try:
            yield runner
        finally:
            runner.run(place.__aexit__(None, None, None))


def request_of(method: str, target: bytes, given: dict[str, bytes], body: bytes) -> bytes:
    sent = {"Host": b"x", "Content-Length": b"%d" % len(body), "Connection": b"close", **given}
    lines = [name.encode() + b": " + value for name, value in sent.items()]
    return b"\r\n".join([method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", body])


def is_answered(answer: bytes) -> bool:
    """An answer that says what to do: refused or not, nothing went wrong unforeseen."""
    return 200 <= status_of(answer) < 500 or status_of(answer) == 503


def open_service() -> Service:
    """A service that lets in who says nothing, so that parameters are reached."""
    service = guarded_service()
    auth = msgspec.structs.replace(service.settings.auth, required="never")
    service.settings = msgspec.structs.replace(service.settings, auth=auth)
    return service


@pytest.mark.parametrize("new_service", [open_service, guarded_service])
def test_no_query_form_or_header_is_met_with_a_500(new_service: Callable[[], Service]) -> None:
    service = new_service()

    @FEW
    @given(st.sampled_from(["GET", "POST"]), st.sampled_from(PATHS), encoded, headers, encoded)
    def asked(method: str, path: str, query: str, more: dict[str, bytes], form: str) -> None:
        target = f"{path}?{query}".encode("ascii", "ignore")
        request = request_of(method, target, more, form.encode())
        assert is_answered(runner.run(raw(service, request)))

    with running(service) as runner:
        asked()


def test_no_value_of_an_actions_parameters_is_met_with_a_500() -> None:
    service = open_service()

    @FEW
    @given(st.sampled_from(ACTIONS), fields, st.sampled_from(["JSON", "XML"]))
    def asked(action: str, changes: list[tuple[str, str]], form: str) -> None:
        system = {"Action": action, "Version": VERSIONS.get(action, "2020-07-01"), "Format": form}
        own = {name: value for name, value in changes if name not in SYSTEM}
        query = urlencode(system | PARAMS[action] | own, errors="surrogatepass")
        answer = runner.run(raw(service, request_of("GET", f"/?{query}".encode(), {}, b"")))
        assert is_answered(answer)
        body = answer.partition(b"\r\n\r\n")[2]
        assert orjson.loads(body) if form == "JSON" else ET.fromstring(body) is not None

    with running(service) as runner:
        asked()


def test_no_value_that_is_signed_is_met_with_a_500_or_does_not_match() -> None:
    service = guarded_service()
    schemes: list[Scheme] = ["acs3", "rpc_v1"]

    @FEW
    @given(st.sampled_from(schemes), st.sampled_from(ACTIONS), st.dictionaries(names, values_of))
    def asked(scheme: Scheme, action: str, changes: dict[str, str]) -> None:
        own = {name: value for name, value in changes.items() if name not in SYSTEM}
        sent = signed(service, scheme, action, PARAMS[action] | own)
        answer = runner.run(send(service, sent))
        assert answer.status < 500
        assert b"SignatureDoesNotMatch" not in answer.body

    with running(service) as runner:
        asked()

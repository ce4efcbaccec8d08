"""Every row of bad input that concerns a body: its status, and what it says to do."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import bodies, faults
from service.errors import CallerIdError, MalformedRequest
from service.picking import PickRequest
from tests.http.http_fixtures import PICK, Service, ask, picked, raw, status_of, whole_answer
from tests.waiting import eventually

NEVER_SHOWN = "13800138000"
HEAD = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PART, REST = PICK[:10], PICK[10:]
DECODER = msgspec.json.Decoder(PickRequest)


MALFORMED = {
    "empty": (b"", "empty"),
    "blank": (b" \r\n", "empty"),
    "truncated": (PICK[:-1], "not JSON"),
    "trailing comma": (PICK[:-1] + b",}", "not JSON"),
    "two documents": (PICK + b"{}", "not JSON"),
    "NUL": (b'{"called_number": "1\x00"}', "NUL"),
    "a stray byte": (b'{"called_number": "\xff"}', "UTF-8"),
    "a surrogate in UTF-8": (b'{"called_number": "\xed\xa0\x80"}', "UTF-8"),
    "UTF-16": (PICK.decode().encode("utf-16"), "UTF-8"),
    "UTF-16, little end first": (PICK.decode().encode("utf-16-le"), "UTF-16"),
    "UTF-16, big end first": (PICK.decode().encode("utf-16-be"), "UTF-16"),
    "byte order mark": (b"\xef\xbb\xbf" + PICK, "byte order mark"),
    "NaN": (b'{"called_number": "1", "count": NaN}', "NaN"),
    "Infinity": (b'{"called_number": "1", "count": Infinity}', "Infinity"),
    "-Infinity": (b'{"called_number": "1", "count": -Infinity}', "-Infinity"),
    "1e999": (b'{"called_number": "1", "count": 1e999}', "beyond all bounds"),
    "5000 digits": (b'{"called_number": "1", "count": ' + b"9" * 5000 + b"}", "all bounds"),
    "a key twice": (b'{"called_number": "1", "called_number": "2"}', "'called_number' twice"),
    "a key escaped": (b'{"called_number": "1", "c\\u0061lled_number": "2"}', "_number' twice"),
    "a key twice within": (b'{"called_number": "1", "x": {"y": 1, "y": 1}}', "'y' twice"),
    "a number twice": (b'{"13800138000": 1, "13800138000": 1}', "138****8000"),
    "the last of many twice": (
        b"{" + b"".join(b'"%d":1,' % n for n in range(6000)) + b'"5999":1}',
        "'5999' twice",
    ),
    "1500 lists": (b"[" * 1500 + b"]" * 1500, "deep"),
    "1500 objects": (b'{"a":' * 1500 + b"1" + b"}" * 1500, "deep"),
    "40 lists in a field": (b'{"called_number": ' + b"[" * 40 + b"]" * 40 + b"}", "deep"),
    "60000 brackets": (b"[" * 60_000, "deep"),
    "a string without an end": (b'{"called_number": "' + b'\\"' * 30_000, "not JSON"),
}


@pytest.mark.parametrize(("body", "says"), MALFORMED.values(), ids=MALFORMED)
async def test_a_body_that_is_no_strict_json_is_malformed(
    service: Service, body: bytes, says: str
) -> None:
    answer = await picked(service, body)
    assert (answer.status, answer.json["code"]) == (400, "MalformedRequest")
    assert says in answer.json["detail"]
    assert (await picked(service)).status == 200


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        (b"[]", "body", "object"),
        (b'"text"', "body", "object"),
        (b"null", "body", "object"),
        (b"1", "body", "object"),
        (b"{}", "called_number", "required"),
        (b'{"called_number": 13800138000}', "called_number", "expected a string, got a whole"),
        (b'{"called_number": null}', "called_number", "expected a string, got null"),
        (b'{"called_number": "1", "count": "1"}', "count", "expected a whole number"),
        (b'{"called_number": "1", "count": 1.5}', "count", "got a number with a fraction"),
        (b'{"called_number": "1", "count": 0}', "count", ">= 1"),
        (b'{"called_number": "1", "count": 101}', "count", "<= 100"),
        (b'{"called_number": "1", "dry_run": 1}', "dry_run", "true or false"),
        (
            b'{"called_number": "1", "min_match": "x"}',
            "min_match",
            "any, area_code, city, near, province",
        ),
        (b'{"called_number": "1", "skill_group_ids": "a"}', "skill_group_ids", "a list"),
        (b'{"called_number": "1", "skill_group_ids": [1]}', "skill_group_ids[0]", "a string"),
        (b'{"called_number": "1", "skill_group_ids": [""]}', "skill_group_ids[0]", ">= 1"),
        (b'{"called_number": "1", "exclude": ["1"' + b', "1"' * 16 + b"]}", "exclude", "<= 16"),
        (b'{"called_number": "1", "colour": "red"}', "colour", "leave it out"),
        (b'{"called_number": "1", "13800138000": 1}', "138****8000", "leave it out"),
        (b'{"called_number": "\\ud800"}', "called_number", "surrogate"),
        (b'{"called_number": "1", "exclude": ["\\udc00"]}', "exclude", "surrogate"),
        (b'{"called_number": "1", "\\ud800": 1}', "?", "surrogate"),
        (b'{"called_number": "1\\u0000"}', "called_number", "u0000"),
        (b'{"called_number": "1", "agent_id": "\\u0000"}', "agent_id", "u0000"),
    ],
)
async def test_a_field_that_is_wrong_is_named_with_what_to_do(
    service: Service, body: bytes, field: str, says: str
) -> None:
    answer = await picked(service, body)
    assert (answer.status, answer.json["code"]) == (422, "InvalidField")
    assert answer.json["field"] == field
    assert says in answer.json["detail"]
    assert NEVER_SHOWN not in answer.text
    assert not service.picker.asked


async def test_a_backslash_before_u0000_is_no_nul(service: Service) -> None:
    assert (await picked(service, b'{"called_number": "\\\\u0000"}')).status == 200
    assert service.picker.asked[0].called_number == r"\u0000"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/xml"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": "application/json", "Content_Encoding": "gzip"},
        {"Content_Type": "application/json", "Content_Encoding": "identity"},
    ],
)
async def test_another_media_type_or_encoding_is_refused(
    service: Service, headers: dict[str, str]
) -> None:
    answer = await ask(service, "POST", "/v1/pick", PICK, **headers)
    assert (answer.status, answer.json["code"]) == (415, "UnsupportedMediaType")


async def test_json_that_curl_calls_a_form_is_read_as_json(service: Service) -> None:
    form = "application/x-www-form-urlencoded"
    answer = await ask(service, "POST", "/v1/pick", b"\n" + PICK, Content_Type=form)
    assert (answer.status, service.picker.asked) == (200, [DECODER.decode(PICK)])


async def test_parameters_and_capitals_of_a_media_type_do_not_matter(service: Service) -> None:
    assert (await picked(service, Content_Type="Application/JSON; charset=UTF-8")).status == 200


async def test_a_body_that_says_it_is_too_long_is_refused_unread(service: Service) -> None:
    answer = await raw(service, HEAD + b"Content-Length: 65537\r\n\r\n", rest=b" " * 65_537)
    assert status_of(answer) == 413
    assert b"RequestTooLarge" in answer


@pytest.mark.parametrize("sent", ["whole", "in part"])
async def test_a_body_that_turns_out_too_long_is_refused(service: Service, sent: str) -> None:
    chunks = b"%x\r\n%b\r\n" % (40_000, b" " * 40_000) * 2
    request = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    end = b"0\r\n\r\n"
    answer = await (raw(service, request + end) if sent == "whole" else raw(service, request, end))
    assert status_of(answer) == 413


async def test_the_longest_body_that_is_allowed_is_read(service: Service) -> None:
    assert (await picked(service, PICK + b" " * (65_536 - len(PICK)))).status == 200


@pytest.mark.parametrize("sent", [b"x" * 65_537, b'{"%s": 1}' % (b"x" * 65_537)])
async def test_a_long_body_is_decoded_as_a_short_one(sent: bytes) -> None:
    refused = _outcome(lambda given: bodies.decode(given, DECODER), sent)
    with pytest.raises(refused[0]) as error:
        await bodies.decode_long(sent, DECODER)
    assert error.value.detail == refused[1]


async def test_a_body_that_trickles_is_given_up(service: Service) -> None:
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(PICK) + PART
    answer = await raw(service, request, rest=REST)
    assert status_of(answer) == 408
    assert b"RequestTimeout" in answer


async def test_a_body_in_two_parts_is_read(service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(PICK) + PART)
    await eventually(lambda: service.sample("in_flight") == 1)
    writer.write(REST)
    assert status_of(await whole_answer(reader)) == 200
    writer.close()


async def test_a_client_that_leaves_in_its_body_leaves_nothing_behind(service: Service) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    await eventually(lambda: service.sample("in_flight") == 1)
    writer.transport.abort()
    await eventually(lambda: service.sample("in_flight") == 0)
    assert (await picked(service)).status == 200


def _escaped(name: str, *, escape: bool) -> str:
    return f"\\u{ord(name[0]):04x}{name[1:]}" if escape else name


_keys = st.builds(
    _escaped,
    st.sampled_from(["called_number", "agent_id", "instance_id"]),
    escape=st.booleans(),
)
_texts = st.one_of(
    st.sampled_from(["1", "a:b", '"agent_id":', "\\u0000", "\0", "{:}", "\\", "\n"]),
    st.text(st.characters(codec="utf-8"), max_size=5),
)
_space = st.sampled_from(["", " ", "\n\t"])
_pairs = st.builds(
    lambda key, text, before, after: f'{before}"{key}"{after}:{before}{json.dumps(text)}{after}',
    _keys,
    _texts,
    _space,
    _space,
)
_bodies = st.lists(_pairs, max_size=5).map(lambda pairs: f"{{{','.join(pairs)}}}".encode())


def _outcome(decode: Any, body: bytes) -> Any:
    try:
        return decode(body)
    except CallerIdError as error:
        return type(error), error.detail


def _exactly(body: bytes) -> PickRequest:
    """The slow way alone, always."""
    faults.check(body)
    return bodies.decode(body, DECODER)


@given(_bodies)
def test_the_fast_way_and_the_exact_one_agree_on_every_body(body: bytes) -> None:
    assert _outcome(lambda given: bodies.decode(given, DECODER), body) == _outcome(_exactly, body)


@given(_bodies, st.integers(0, 200), st.binary(max_size=3))
def test_whatever_is_let_through_is_strict_json(body: bytes, at: int, noise: bytes) -> None:
    spoilt = body[:at] + noise + body[at:]
    fast = _outcome(lambda given: bodies.decode(given, DECODER), spoilt)
    assert fast == _outcome(_exactly, spoilt)
    if isinstance(fast, PickRequest):
        assert json.loads(spoilt)["called_number"] == fast.called_number


@pytest.mark.parametrize(("opened", "closed"), [(b'{"a":', b"}"), (b"[", b"]"), (b'{"[":[', b"]}")])
def test_a_depth_that_the_parser_would_bear_is_refused_alike_everywhere(
    opened: bytes, closed: bytes
) -> None:
    levels = len(closed)
    within, beyond = 30 // levels, 32 // levels
    with pytest.raises(MalformedRequest, match="deep"):
        faults.check(b'{"x":' + opened * beyond + b"1" + closed * beyond + b"}")
    faults.check(b'{"x":' + opened * within + b'"[[["' + closed * within + b"}")

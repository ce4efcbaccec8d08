"""Replies as a whole: which is an answer, and of what kind the failures are."""

import msgspec
import pytest

from service.ccc.replies import CccReply, Failure, decode_json, read_reply
from service.errors import CccError, CccMalformed, CccRefused, CccThrottled, CccUnavailable

XML = (
    b'<?xml version="1.0"?><Error><RequestId>R-9</RequestId><HostId>h</HostId>'
    b"<Code>%s</Code><Message>it said so</Message></Error>"
)


def failure(status: int, body: bytes, retry_after: str = "") -> Failure:
    found = read_reply(status, body, retry_after)
    assert isinstance(found, Failure)
    return found


@pytest.mark.parametrize(
    "body",
    [
        b'{"Code": "OK", "Data": [1]}',
        b'{"Code": "OK", "HttpStatusCode": "200", "Message": null, "Data": [1]}',
        b'{"Code": "OK", "HttpStatusCode": 200, "PageSize": 20, "RequestId": 7, "Data": [1]}',
    ],
)
def test_a_200_whose_code_is_ok_is_an_answer(body: bytes) -> None:
    reply = read_reply(200, body)
    assert isinstance(reply, CccReply)
    assert bytes(reply.data) == b"[1]"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b'"0755\\ud80099"', '"0755\ufffd99"'),
        (b'"\\udc00"', '"\ufffd"'),
        (b'"\\ud83d\\ude00 \\ud83d"', '"\U0001f600 \ufffd"'),
        (b'"\xe6\x88"', '"\ufffd"'),
        (b'"\xff"', '"\ufffd"'),
    ],
)
def test_a_half_of_a_sign_spoils_no_more_than_the_text_it_stands_in(sent: bytes, read: str) -> None:
    reply = read_reply(200, b'{"Code": "OK", "Data": [1, %b]}' % sent)
    assert isinstance(reply, CccReply)
    data = decode_json(bytes(reply.data), msgspec.json.Decoder())
    assert data == [1, msgspec.json.decode(read)]


@pytest.mark.parametrize(
    ("status", "body", "retry_after", "kind", "code"),
    [
        (400, b'{"Code": "Throttling"}', "", CccThrottled, "Throttling"),
        (503, b'{"Code": "Throttling.Api"}', "", CccThrottled, "Throttling.Api"),
        (200, b'{"Code": "Throttling.User"}', "", CccThrottled, "Throttling.User"),
        (400, XML % b"Throttling.User", "", CccThrottled, "Throttling.User"),
        (429, b"", "", CccThrottled, "HTTP.429"),
        (400, b'{"Code": "Limit"}', "20", CccThrottled, "Limit"),
        (400, b'{"Code": "Limit"}', "-20", CccRefused, "Limit"),
        (400, b'{"Code": "Limit"}', "soon", CccRefused, "Limit"),
        (503, b'{"Code": "ServiceUnavailable"}', "20", CccUnavailable, "ServiceUnavailable"),
        (500, b"<html>", "", CccUnavailable, "HTTP.500"),
        (500, b'{"Code": "OK"}', "", CccUnavailable, "HTTP.500"),
        (200, b'{"Code": "ServiceUnavailable"}', "", CccUnavailable, "ServiceUnavailable"),
        (200, b'{"Code": 17, "HttpStatusCode": "502"}', "", CccUnavailable, "HTTP.502"),
        (400, b'{"Code": "about 13888888888"}', "", CccRefused, "HTTP.400"),
        (400, b'{"Code": 13888888888}', "", CccRefused, "HTTP.400"),
        (404, XML % b"InvalidAccessKeyId.NotFound", "", CccRefused, "InvalidAccessKeyId.NotFound"),
        (200, b'{"Code": "NotExists.InstanceId"}', "", CccRefused, "NotExists.InstanceId"),
        (407, b"\xff\xfe", "", CccRefused, "HTTP.407"),
        (200, b"", "", CccMalformed, "Malformed"),
        (200, b"<html>", "", CccMalformed, "Malformed"),
        (200, b'{"Data": []}', "", CccMalformed, "Malformed"),
        (200, b'["OK"]', "", CccMalformed, "Malformed"),
        (200, b'{"Code": {"a": 1}}', "", CccMalformed, "Malformed"),
        (200, b'{"Code": "OK"', "", CccMalformed, "Malformed"),
        (200, b'{"Code": "\xff"}', "", CccMalformed, "Malformed"),
        (302, b"", "", CccMalformed, "Malformed"),
    ],
)
def test_a_failure_is_told_by_code_status_and_header(
    status: int, body: bytes, retry_after: str, kind: type[CccError], code: str
) -> None:
    found = failure(status, body, retry_after)
    assert type(found.error) is kind
    assert found.error.ccc_code == code


def test_only_a_refusal_and_a_throttled_call_surely_did_nothing() -> None:
    assert failure(400, b'{"Code": "Throttling"}').surely_not_done
    assert failure(400, b'{"Code": "Parameter.Null"}').surely_not_done
    assert not failure(503, b'{"Code": "ServiceUnavailable"}').surely_not_done
    assert not failure(503, b'{"Code": "ServiceUnavailable"}', "20").surely_not_done
    assert not failure(200, b"").surely_not_done


def test_the_pause_asked_for_is_kept_in_seconds() -> None:
    assert failure(400, b'{"Code": "Throttling"}', "1500").retry_after == 1.5
    assert failure(503, b"", "20").retry_after == 0.02


def test_the_request_id_and_the_status_come_along() -> None:
    found = failure(404, XML % b"NotExists.InstanceId").error
    assert (found.status, found.request_id) == (404, "R-9")
    assert str(found) == "NotExists.InstanceId: it said so (request R-9)"


def test_numbers_in_a_message_are_masked() -> None:
    body = '{"Code": "X", "Message": "被叫13888888888, CalledNumber%3D01089898989"}'
    shown = "被叫138****8888, CalledNumber%3D010****8989"
    assert shown in str(failure(400, body.encode()).error)

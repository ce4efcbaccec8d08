"""The client against a server on this machine: what it sends, and when it asks again."""

import asyncio
import json

import pytest

from service.ccc.credentials import AccessKey
from service.ccc.limiter import LocalLimiter
from service.ccc.payloads import NumberPair, PickedNumber, number_page
from service.ccc.requests import Action
from service.ccc.signing import EMPTY_SHA256, Acs3Request, acs3_authorization, canonical_query
from service.errors import CccError, CccMalformed, CccRefused, CccThrottled, CccUnavailable
from tests.ccc.calling import KEY, NoLimit, Observed, client_of
from tests.ccc.recording import BREAK, HANG, Answer, Recorded, RecordingServer, error

THROTTLED = error(400, "Throttling.User")
BROKEN = error(503, "ServiceUnavailable")
ONCE = Action("AddPhoneNumbers", number_page, repeatable=False)


def signature_over(request: Recorded, key: AccessKey) -> str:
    """Sign the request as it arrived, with the headers that it says are signed."""
    signed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {name: request.headers[name] for name in signed}
    covered = Acs3Request(request.method, "/", request.params, headers)
    return acs3_authorization(covered, key.id, key.secret)


async def test_a_request_is_a_bodiless_post_signed_as_it_arrives(recorder: RecordingServer) -> None:
    async with client_of(recorder.url) as client:
        await client.list_phone_numbers("ccc-test", usage="Bidirection", active=True)
    (request,) = recorder.requests
    assert (request.method, request.body) == ("POST", b"")
    assert "content-type" not in request.headers
    assert request.headers["x-acs-action"] == "ListPhoneNumbers"
    assert request.headers["x-acs-version"] == "2020-07-01"
    assert request.headers["x-acs-date"] == "2026-11-21T00:00:00Z"
    assert request.headers["x-acs-content-sha256"] == EMPTY_SHA256
    assert request.headers["authorization"] == signature_over(request, KEY)


async def test_the_wire_carries_the_bytes_that_were_signed(recorder: RecordingServer) -> None:
    pattern = "北京 010*~-_.'(!)/&=%,@+"
    async with client_of(recorder.url) as client:
        await client.list_phone_numbers("ccc-test", page_number=2, search_pattern=pattern)
    (request,) = recorder.requests
    assert request.params == {
        "InstanceId": "ccc-test",
        "PageNumber": "2",
        "PageSize": "100",
        "SearchPattern": pattern,
    }
    assert request.path_and_query == "/?" + canonical_query(request.params)


@pytest.mark.parametrize(("active", "text"), [(True, "True"), (False, "False")])
async def test_flags_are_written_as_the_sdk_writes_them(
    recorder: RecordingServer, *, active: bool, text: str
) -> None:
    async with client_of(recorder.url) as client:
        await client.list_phone_numbers("ccc-test", active=active)
    assert recorder.requests[0].params["Active"] == text


async def test_a_temporary_key_brings_its_token_and_signs_it(recorder: RecordingServer) -> None:
    key = AccessKey("STS.id", "sts-secret", "token+with/slash==")
    async with client_of(recorder.url, key=key) as client:
        await client.list_phone_numbers("ccc-test")
    (request,) = recorder.requests
    assert request.headers["x-acs-accesskey-id"] == "STS.id"
    assert request.headers["x-acs-security-token"] == "token+with/slash=="
    assert "x-acs-accesskey-id;" in request.headers["authorization"]
    assert "x-acs-security-token;" in request.headers["authorization"]
    assert request.headers["authorization"] == signature_over(request, key)


async def test_a_pick_sends_its_groups_as_json_text(recorder: RecordingServer) -> None:
    caller = {"Number": 1089898989, "City": "北京", "Province": "北京"}
    callee = {"Number": "13888888888", "City": "昆明", "Province": "云南"}
    recorder.answers = [Answer(body={"Code": "OK", "Data": [{"Caller": caller, "Callee": callee}]})]
    async with client_of(recorder.url) as client:
        pairs = await client.pick_outbound_numbers(
            "ccc-test", "13888888888", ["a@ccc-test", "客服@ccc-test"], 2
        )
    params = recorder.requests[0].params
    assert json.loads(params["SkillGroupIdList"]) == ["a@ccc-test", "客服@ccc-test"]
    assert (params["CalledNumber"], params["Count"]) == ("13888888888", "2")
    assert pairs == (
        NumberPair(
            PickedNumber("01089898989", "北京", "北京"), PickedNumber("13888888888", "云南", "昆明")
        ),
    )


async def test_a_location_is_asked_in_the_background(recorder: RecordingServer) -> None:
    place = {"Number": "17200000000", "Province": "广东", "City": "深圳"}
    recorder.answers = [Answer(body={"Code": "OK", "Data": place})]
    limiter = NoLimit()
    async with client_of(recorder.url, limiter=limiter) as client:
        found = await client.get_number_location("ccc-test", "17200000000")
    assert found == PickedNumber("17200000000", "广东", "深圳")
    assert (limiter.foreground, limiter.background) == (0, 1)


async def test_calls_one_after_the_other_share_one_connection(recorder: RecordingServer) -> None:
    async with client_of(recorder.url) as client:
        for _ in range(20):
            await client.list_phone_numbers("ccc-test")
    assert len(recorder.requests) == 20
    assert len({request.connection for request in recorder.requests}) == 1


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (THROTTLED, "Throttling.User"),
        (error(400, "Throttling"), "Throttling"),
        (error(429, "TooMany"), "TooMany"),
        (error(400, "Limited", x_acs_retry_after="1"), "Limited"),
        (BROKEN, "ServiceUnavailable"),
        (Answer(502, b"<html>bad gateway</html>"), "HTTP.502"),
        (Answer(200, {"Code": "InternalError"}), "InternalError"),
        (Answer(200, {"Code": "Odd", "HttpStatusCode": "500"}), "Odd"),
        (BREAK, "Connection"),
    ],
)
async def test_what_may_pass_is_asked_again(
    recorder: RecordingServer, failure: Answer, code: str
) -> None:
    recorder.answers = [failure, failure, Answer()]
    observed = Observed()
    async with client_of(recorder.url, observed=observed) as client:
        page = await client.list_phone_numbers("ccc-test")
    assert page.total_count == 0
    assert [told for _, told in observed] == [code, code, "OK"]


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        (error(400, "Parameter.Maximum"), CccRefused, "Parameter.Maximum"),
        (error(404, "NotExists.InstanceId"), CccRefused, "NotExists.InstanceId"),
        (error(400, "SignatureDoesNotMatch"), CccRefused, "SignatureDoesNotMatch"),
        (error(400, "SignatureNonceUsed"), CccRefused, "SignatureNonceUsed"),
        (error(403, "Forbidden.RAM"), CccRefused, "Forbidden.RAM"),
        (Answer(200, {"Code": "NotExists.InstanceId"}), CccRefused, "NotExists.InstanceId"),
        (Answer(403, b"<html>no</html>"), CccRefused, "HTTP.403"),
        (Answer(200, b""), CccMalformed, "Malformed"),
        (Answer(200, {"Code": "OK", "Data": {"TotalCount": 1}}), CccMalformed, "Malformed"),
        (Answer(301, b"", {"Location": "/elsewhere"}), CccMalformed, "Malformed"),
    ],
)
async def test_a_refusal_and_nonsense_are_never_asked_again(
    recorder: RecordingServer, failure: Answer, kind: type[CccError], code: str
) -> None:
    recorder.answers = [failure, Answer()]
    observed = Observed()
    async with client_of(recorder.url, observed=observed) as client:
        with pytest.raises(kind) as caught:
            await client.list_phone_numbers("ccc-test")
    assert type(caught.value) is kind
    assert caught.value.ccc_code == code
    assert observed == [("ListPhoneNumbers", code)]
    assert len(recorder.requests) == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(THROTTLED, CccThrottled), (BROKEN, CccUnavailable), (BREAK, CccUnavailable)],
)
async def test_three_attempts_are_the_most_and_each_has_a_nonce_and_a_token_of_its_own(
    recorder: RecordingServer, failure: Answer, kind: type[CccError]
) -> None:
    recorder.answers = [failure]
    limiter = NoLimit()
    async with client_of(recorder.url, limiter=limiter) as client:
        with pytest.raises(kind):
            await client.list_phone_numbers("ccc-test")
    nonces = {request.headers["x-acs-signature-nonce"] for request in recorder.requests}
    assert len(nonces) == len(recorder.requests) == 3
    assert all(len(nonce) == 32 for nonce in nonces)
    assert limiter.background == 3


@pytest.mark.parametrize(
    ("failure", "attempts"), [(THROTTLED, 2), (error(429, "TooMany"), 2), (BROKEN, 1), (BREAK, 1)]
)
async def test_what_must_not_happen_twice_is_repeated_only_if_it_surely_did_not_happen(
    recorder: RecordingServer, failure: Answer, attempts: int
) -> None:
    recorder.answers = [failure, error(400, "Refused")]
    async with client_of(recorder.url) as client:
        with pytest.raises(CccError):
            await client.call(ONCE, {})
    assert len(recorder.requests) == attempts


async def test_a_refused_connection_surely_did_nothing(unused_tcp_port: int) -> None:
    observed = Observed()
    async with client_of(f"http://127.0.0.1:{unused_tcp_port}", observed=observed) as client:
        with pytest.raises(CccUnavailable, match="Cannot connect"):
            await client.call(ONCE, {})
    assert observed == [("AddPhoneNumbers", "Connection")] * 3


async def test_the_pause_that_ccc_asks_for_is_kept(
    recorder: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    recorder.answers = [error(400, "Throttling", x_acs_retry_after="1500"), Answer()]
    async with client_of(recorder.url) as client:
        monkeypatch.setattr(asyncio, "sleep", pause)
        await client.list_phone_numbers("ccc-test")
    assert pauses == [1.5]


async def test_a_pause_beyond_the_timeout_is_not_begun(recorder: RecordingServer) -> None:
    recorder.answers = [error(400, "Throttling", x_acs_retry_after="60000"), Answer()]
    async with client_of(recorder.url) as client:
        with pytest.raises(CccThrottled):
            await client.list_phone_numbers("ccc-test")
    assert len(recorder.requests) == 1


async def test_a_token_that_comes_too_late_ends_the_call(recorder: RecordingServer) -> None:
    recorder.answers = [THROTTLED]
    limiter = LocalLimiter(0.001, clock=asyncio.get_running_loop().time)
    async with client_of(recorder.url, limiter=limiter, budget=0.04) as client:
        with pytest.raises(CccThrottled, match=r"Throttling\.User"):
            await client.list_phone_numbers("ccc-test", background=False)
    assert len(recorder.requests) == 1


async def test_a_server_that_hangs_ends_in_a_timeout(recorder: RecordingServer) -> None:
    recorder.answers = [HANG]
    observed = Observed()
    async with client_of(recorder.url, observed=observed, budget=0.04) as client:
        async with asyncio.timeout(5):
            with pytest.raises(CccUnavailable, match="Timeout: no answer"):
                await client.list_phone_numbers("ccc-test")
    assert set(observed) == {("ListPhoneNumbers", "Timeout")}


async def test_one_attempt_that_hangs_leaves_time_for_another(recorder: RecordingServer) -> None:
    recorder.answers = [HANG, Answer()]
    observed = Observed()
    async with client_of(recorder.url, observed=observed, budget=0.4) as client:
        async with asyncio.timeout(5):
            await client.list_phone_numbers("ccc-test")
    assert [code for _, code in observed] == ["Timeout", "OK"]


async def test_a_cancelled_call_is_cancelled(recorder: RecordingServer) -> None:
    recorder.answers = [HANG]
    observed = Observed()
    async with client_of(recorder.url, observed=observed) as client:
        call = asyncio.create_task(client.list_phone_numbers("ccc-test"))
        await recorder.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert observed == []


async def test_who_must_not_wait_gets_no_call_without_a_free_token(
    recorder: RecordingServer,
) -> None:
    async with client_of(recorder.url, limiter=NoLimit(free=False)) as client:
        with pytest.raises(CccThrottled) as caught:
            await client.pick_outbound_numbers("ccc-test", "13888888888", ["a"], wait=False)
    assert caught.value.ccc_code == "Throttling.Local"
    assert recorder.requests == []


async def test_who_must_not_wait_gets_one_attempt(recorder: RecordingServer) -> None:
    recorder.answers = [BROKEN]
    async with client_of(recorder.url) as client:
        with pytest.raises(CccUnavailable):
            await client.pick_outbound_numbers("ccc-test", "13888888888", ["a"], wait=False)
    assert len(recorder.requests) == 1


async def test_no_error_shows_the_number_that_was_asked_for(recorder: RecordingServer) -> None:
    garbage = Answer(400, {"Code": "Parameter.X", "Message": "bad CalledNumber 13888888888"})
    async with client_of(recorder.url) as client:
        for answer in (garbage, BREAK):
            recorder.answers = [answer]
            with pytest.raises(CccError) as caught:
                await client.pick_outbound_numbers("ccc-test", "13888888888", ["a"], wait=False)
            assert "13888888888" not in str(caught.value)


async def test_a_reply_that_is_no_http_does_not_show_the_number_either() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+PONG\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        async with client_of(f"http://{host}:{port}") as client:
            with pytest.raises(CccUnavailable) as caught:
                await client.pick_outbound_numbers("ccc-test", "13888888888", ["a"], wait=False)
    assert "1388" not in str(caught.value)


async def test_an_expired_timestamp_is_told_as_a_clock_error(recorder: RecordingServer) -> None:
    recorder.answers = [error(400, "InvalidTimeStamp.Expired")]
    async with client_of(recorder.url) as client:
        with pytest.raises(CccRefused, match=r"clock here .* check NTP"):
            await client.list_phone_numbers("ccc-test")


async def test_many_calls_at_once_are_all_answered(recorder: RecordingServer) -> None:
    async with client_of(recorder.url) as client:
        pages = await asyncio.gather(
            *(client.list_phone_numbers("ccc-test", page_number=page) for page in range(1, 31))
        )
    assert len(pages) == 30
    asked = sorted(int(request.params["PageNumber"]) for request in recorder.requests)
    assert asked == list(range(1, 31))
    nonces = {request.headers["x-acs-signature-nonce"] for request in recorder.requests}
    assert len(nonces) == 30


async def test_an_endpoint_may_end_in_a_slash_and_name_its_default_port() -> None:
    async with client_of("https://ccc.cn-shanghai.aliyuncs.com:443/") as client:
        assert client._host == "ccc.cn-shanghai.aliyuncs.com"

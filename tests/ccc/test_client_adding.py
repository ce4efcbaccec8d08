"""Adding numbers: the wire held against the SDK of 2017, and what is never repeated."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from alibabacloud_ccc20170705 import models
from alibabacloud_ccc20170705.client import Client
from alibabacloud_tea_openapi.models import Config

from service.ccc.additions import AdditionBatch
from service.ccc.credentials import AccessKey
from service.ccc.signing import rpc_v1_signature, rpc_v1_string_to_sign
from service.errors import CccMalformed, CccThrottled, CccUnavailable
from tests.ccc.calling import KEY, client_of
from tests.ccc.recording import BREAK, Answer, Recorded, RecordingServer, error

TEMPORARY = AccessKey("STS.id", "secret", "token+with/slash==")
BATCH = AdditionBatch(
    instance_id="ccc-test",
    numbers=("02160664656", "01086394552"),
    usage="Bidirection",
    contact_flow_id="flow 1*",
    skill_group_ids=("3f3c", "客服"),
)
ADDED = Answer(body={"Code": "OK", "Data": []})


def params_of(request: Recorded) -> tuple[dict[str, str], dict[str, str]]:
    """What stands in the query and in the form."""
    query, form = urlsplit(request.path_and_query).query, request.body.decode()
    found = [parse_qs(text, keep_blank_values=True, strict_parsing=True) for text in (query, form)]
    assert all(len(values) == 1 for fields in found for values in fields.values())
    return {name: value[0] for name, value in found[0].items()}, {
        name: value[0] for name, value in found[1].items()
    }


def ask_sdk(url: str, key: AccessKey) -> None:
    config = Config(
        access_key_id=key.id,
        access_key_secret=key.secret,
        security_token=key.security_token or None,
        endpoint=url.removeprefix("http://"),
        protocol="http",
    )
    request = models.AddBulkPhoneNumbersRequest(
        instance_id=BATCH.instance_id,
        phone_number=[*BATCH.numbers],
        usage=BATCH.usage,
        contact_flow_id=BATCH.contact_flow_id,
        skill_group_id=[*BATCH.skill_group_ids],
    )
    Client(config).add_bulk_phone_numbers(request)


@pytest.mark.parametrize("key", [KEY, TEMPORARY], ids=["static", "sts"])
async def test_a_bulk_call_goes_as_the_sdk_of_2017_sends_it(
    recorder: RecordingServer, key: AccessKey
) -> None:
    recorder.answers = [ADDED]
    await asyncio.to_thread(ask_sdk, recorder.url, key)
    async with client_of(recorder.url, key=key) as client:
        await client.add_bulk_phone_numbers(BATCH)
    sdks, ours = recorder.requests
    assert (ours.method, sdks.method) == ("POST", "POST")
    (query, form), (their_query, their_form) = params_of(ours), params_of(sdks)
    assert form == their_form
    fresh = {"Signature", "SignatureNonce", "Timestamp"}
    assert {name: query[name] for name in query if name not in fresh} == {
        name: their_query[name] for name in their_query if name not in fresh
    }
    assert query.keys() == their_query.keys()
    assert ours.headers["content-type"] == sdks.headers["content-type"]


@pytest.mark.parametrize("key", [KEY, TEMPORARY], ids=["static", "sts"])
async def test_our_signature_over_the_sdks_bulk_call_is_its_own(
    recorder: RecordingServer, key: AccessKey
) -> None:
    recorder.answers = [ADDED]
    await asyncio.to_thread(ask_sdk, recorder.url, key)
    async with client_of(recorder.url, key=key) as client:
        await client.add_bulk_phone_numbers(BATCH)
    for request in recorder.requests:
        query, form = params_of(request)
        signature = query.pop("Signature")
        text = rpc_v1_string_to_sign("POST", {**query, **form})
        assert rpc_v1_signature(text, key.secret) == signature


async def test_what_is_not_given_is_not_sent(recorder: RecordingServer) -> None:
    bare = AdditionBatch(instance_id="ccc-test", numbers=("02160664656",), usage="Inbound")
    recorder.answers = [ADDED]
    async with client_of(recorder.url) as client:
        await client.add_phone_numbers(bare)
        await client.add_bulk_phone_numbers(bare)
    one, bulk = recorder.requests
    assert one.params.keys() == {"InstanceId", "NumberList", "Usage"}
    assert params_of(bulk)[1].keys() == {"InstanceId", "PhoneNumber.1", "Usage"}


@pytest.mark.parametrize("failure", [BREAK, error(503, "ServiceUnavailable"), Answer(body=b"<")])
async def test_an_addition_that_may_have_happened_is_not_repeated(
    recorder: RecordingServer, failure: Answer
) -> None:
    recorder.answers = [failure, ADDED]
    async with client_of(recorder.url) as client:
        with pytest.raises((CccUnavailable, CccMalformed)):
            await client.add_phone_numbers(BATCH)
    assert len(recorder.requests) == 1


async def test_a_throttled_addition_did_not_happen_and_is_repeated(
    recorder: RecordingServer,
) -> None:
    recorder.answers = [error(400, "Throttling.User"), ADDED]
    async with client_of(recorder.url) as client:
        assert (await client.add_phone_numbers(BATCH)).failed == ()
        recorder.answers = [error(400, "Throttling.User")]
        with pytest.raises(CccThrottled):
            await client.add_bulk_phone_numbers(BATCH)
    nonces = {params_of(one)[0]["SignatureNonce"] for one in recorder.requests[2:]}
    assert len(recorder.requests) == 5
    assert len(nonces) == 3

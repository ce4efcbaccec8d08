"""The official SDK as the oracle: asked for the same, we send and sign what it does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from alibabacloud_ccc20200701 import models
from alibabacloud_ccc20200701.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

from service.ccc.additions import AdditionBatch
from service.ccc.client import CccClient
from service.ccc.credentials import AccessKey
from service.ccc.signing import ACS3, Acs3Request, acs3_authorization
from tests.ccc.calling import client_of
from tests.ccc.recording import Answer, Recorded, RecordingServer

KEYS = [AccessKey("test-key", "test-secret"), AccessKey("STS.id", "secret", "token+with/slash==")]
PLACE = {"Number": "13888888888", "City": "昆明", "Province": "云南"}

AskSdk = Callable[[Client], object]
AskUs = Callable[[CccClient], Awaitable[object]]

# The same wish twice: of the SDK, and of us.
WISHES: list[Any] = [
    pytest.param(
        lambda sdk: sdk.list_phone_numbers(
            models.ListPhoneNumbersRequest(
                instance_id="ccc-test",
                page_number=3,
                page_size=50,
                search_pattern="北京 010*~-_.'(!)/&=%",
                usage="Bidirection",
                active=True,
            )
        ),
        lambda ours: ours.list_phone_numbers(
            "ccc-test",
            page_number=3,
            page_size=50,
            search_pattern="北京 010*~-_.'(!)/&=%",
            usage="Bidirection",
            active=True,
        ),
        {"TotalCount": 0, "List": []},
        id="list",
    ),
    pytest.param(
        lambda sdk: sdk.list_phone_numbers(
            models.ListPhoneNumbersRequest(
                instance_id="ccc-test", page_number=1, page_size=100, active=False
            )
        ),
        lambda ours: ours.list_phone_numbers("ccc-test", active=False),
        {"TotalCount": 0, "List": []},
        id="list_without_filters",
    ),
    pytest.param(
        lambda sdk: sdk.pick_outbound_numbers(
            models.PickOutboundNumbersRequest(
                instance_id="ccc-test",
                called_number="13888888888",
                skill_group_id_list='["客服 一组@ccc-test", "a+b@ccc-test"]',
                count=2,
            )
        ),
        lambda ours: ours.pick_outbound_numbers(
            "ccc-test", "13888888888", ["客服 一组@ccc-test", "a+b@ccc-test"], 2
        ),
        [],
        id="pick",
    ),
    pytest.param(
        lambda sdk: sdk.get_number_location(
            models.GetNumberLocationRequest(instance_id="ccc-test", number="13888888888")
        ),
        lambda ours: ours.get_number_location("ccc-test", "13888888888"),
        PLACE,
        id="location",
    ),
    pytest.param(
        lambda sdk: sdk.add_phone_numbers(
            models.AddPhoneNumbersRequest(
                instance_id="ccc-test",
                number_list='["01055500001", "13800138000"]',
                usage="Bidirection",
                contact_flow_id="flow 1",
            )
        ),
        lambda ours: ours.add_phone_numbers(
            AdditionBatch(
                instance_id="ccc-test",
                numbers=("01055500001", "13800138000"),
                usage="Bidirection",
                contact_flow_id="flow 1",
            )
        ),
        [],
        id="add",
    ),
]


def sdk_of(url: str, key: AccessKey) -> Client:
    return Client(
        Config(
            access_key_id=key.id,
            access_key_secret=key.secret,
            security_token=key.security_token or None,
            endpoint=url.removeprefix("http://"),
            protocol="http",
        )
    )


def signed_headers(request: Recorded) -> dict[str, str]:
    names = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    return {name: request.headers[name] for name in names}


@pytest.mark.parametrize("key", KEYS, ids=["static", "sts"])
@pytest.mark.parametrize(("ask_sdk", "ask_us", "data"), WISHES)
async def test_we_send_what_the_sdk_sends(
    recorder: RecordingServer, ask_sdk: AskSdk, ask_us: AskUs, data: Any, key: AccessKey
) -> None:
    recorder.answers = [Answer(body={"Code": "OK", "Data": data})]
    # Its asynchronous path leaves the quoting to yarl, which differs from what it signed.
    await asyncio.to_thread(ask_sdk, sdk_of(recorder.url, key))
    async with client_of(recorder.url, key=key) as client:
        await ask_us(client)
    sdks, ours = recorder.requests
    assert ours.method == sdks.method
    assert ours.path_and_query == sdks.path_and_query.replace("+", "%20")
    own = {"user-agent", "accept", "x-acs-credentials-provider"}
    assert set(signed_headers(ours)) == set(signed_headers(sdks)) - own
    fresh = {"x-acs-date", "x-acs-signature-nonce"}
    for name in set(signed_headers(ours)) - fresh:
        assert ours.headers[name] == sdks.headers[name]


@pytest.mark.parametrize("key", KEYS, ids=["static", "sts"])
@pytest.mark.parametrize(("ask_sdk", "ask_us", "data"), WISHES)
async def test_our_signature_over_the_sdks_request_is_its_own(
    recorder: RecordingServer, ask_sdk: AskSdk, ask_us: AskUs, data: Any, key: AccessKey
) -> None:
    recorder.answers = [Answer(body={"Code": "OK", "Data": data})]
    await asyncio.to_thread(ask_sdk, sdk_of(recorder.url, key))
    (request,) = recorder.requests
    covered = Acs3Request("POST", "/", request.params, signed_headers(request))
    assert acs3_authorization(covered, key.id, key.secret) == request.headers["authorization"]


@pytest.mark.parametrize("key", KEYS, ids=["static", "sts"])
@pytest.mark.parametrize(("ask_sdk", "ask_us", "data"), WISHES)
async def test_the_sdks_signature_over_our_request_is_ours(
    recorder: RecordingServer, ask_sdk: AskSdk, ask_us: AskUs, data: Any, key: AccessKey
) -> None:
    recorder.answers = [Answer(body={"Code": "OK", "Data": data})]
    async with client_of(recorder.url, key=key) as client:
        await ask_us(client)
    (request,) = recorder.requests
    covered = DaraRequest()
    covered.method, covered.pathname = "POST", "/"
    covered.query, covered.headers = request.params, signed_headers(request)
    body_sha256 = request.headers["x-acs-content-sha256"]
    theirs = Utils.get_authorization(covered, ACS3, body_sha256, key.id, key.secret)
    assert theirs == request.headers["authorization"]

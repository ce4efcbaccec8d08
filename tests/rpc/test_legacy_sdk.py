"""The legacy core SDK, unmodified, with its CCC package, before the RPC door: RPC v1 only.

Its package has no AddBulkPhoneNumbers any more; the SDK's own generic request stands in for it.
"""

import asyncio
import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aliyunsdkccc.request.v20200701.AddPhoneNumbersRequest import AddPhoneNumbersRequest
from aliyunsdkccc.request.v20200701.ListPhoneNumbersRequest import ListPhoneNumbersRequest
from aliyunsdkccc.request.v20200701.PickOutboundNumbersRequest import PickOutboundNumbersRequest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest, RpcRequest

from service.settings import AccessKeySettings
from tests.http.http_fixtures import CALLED, Service
from tests.rpc.rpc_fixtures import ACTIONS, KEY, PARAMS, STRANGER, STS

REQUESTS = {
    "PickOutboundNumbers": PickOutboundNumbersRequest,
    "ListPhoneNumbers": ListPhoneNumbersRequest,
    "AddPhoneNumbers": AddPhoneNumbersRequest,
}


def client(key: AccessKeySettings = KEY, secret: str = "") -> Any:
    if key.security_token:
        credential = StsTokenCredential(key.id, str(key.secret), str(key.security_token))
        return AcsClient(region_id="cn-shanghai", credential=credential)
    return AcsClient(key.id, secret or str(key.secret), "cn-shanghai")


def request_for(service: Service, action: str, place: str = "query", **changes: str) -> Any:
    """The SDK's own request of an action, its parameters in query or form."""
    address = service.address.removeprefix("http://")
    if action in REQUESTS:
        request: RpcRequest | CommonRequest = REQUESTS[action]()
        request.set_endpoint(address)
    else:
        request = CommonRequest(address, "2017-07-05", action)
        request.set_method("POST")
        request.set_protocol_type("http")
    for name, value in {**PARAMS[action], **changes}.items():
        if place == "query":
            request.add_query_param(name, value)
        else:
            request.add_body_params(name, value)
    return request


async def done(service: Service, action: str, *, by: Any = None, **how: str) -> Any:
    request = request_for(service, action, **how)
    answer = await asyncio.to_thread((by or client()).do_action_with_exception, request)
    return json.loads(answer)


@pytest.mark.parametrize("place", ["query", "form"])
@pytest.mark.parametrize("key", [KEY, STS], ids=["static", "STS"])
async def test_all_four_actions_are_done(door: Service, key: AccessKeySettings, place: str) -> None:
    told = {action: await done(door, action, by=client(key), place=place) for action in ACTIONS}
    assert {answer["Code"] for answer in told.values()} == {"OK"}
    assert told["PickOutboundNumbers"]["Data"][0]["Callee"]["Number"] == CALLED
    assert told["ListPhoneNumbers"]["Data"]["TotalCount"] == 5
    assert told["AddPhoneNumbers"]["Data"] == ["01055510009"]
    assert told["AddBulkPhoneNumbers"]["UserdPhoneNumbers"] == {"UserdPhoneNumber": ["02160664658"]}


@pytest.mark.parametrize(
    ("action", "changes", "status", "code"),
    [
        ("PickOutboundNumbers", {"InstanceId": "nowhere"}, 404, "NotExists.InstanceId"),
        ("ListPhoneNumbers", {"PageSize": "0"}, 400, "Parameter.Minimum"),
        ("AddPhoneNumbers", {"Usage": "Sideways"}, 400, "Parameter.Enumeration"),
        ("AddBulkPhoneNumbers", {"Usage": ""}, 400, "Parameter.Empty"),
    ],
)
async def test_each_action_has_an_error_that_the_sdk_raises_as_its_own(
    door: Service, action: str, changes: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(ServerException) as raised:
        await done(door, action, **changes)
    assert (raised.value.http_status, raised.value.error_code) == (status, code)
    assert raised.value.request_id == "made-1"


async def test_a_wrong_secret_is_told_from_a_wrong_string_to_sign(door: Service) -> None:
    """The SDK compares the string to sign in our message with its own, and names the culprit."""
    with pytest.raises(ServerException) as raised:
        await done(door, "PickOutboundNumbers", by=client(secret="wrong"))
    assert raised.value.error_code == "InvalidAccessKeySecret"


async def test_an_unknown_key_is_named(door: Service) -> None:
    with pytest.raises(ServerException) as raised:
        await done(door, "PickOutboundNumbers", by=client(STRANGER))
    assert (raised.value.http_status, raised.value.error_code) == (
        404,
        "InvalidAccessKeyId.NotFound",
    )


async def test_xml_is_written_where_the_sdk_asks_for_it(door: Service) -> None:
    request = request_for(door, "PickOutboundNumbers")
    request.set_accept_format("xml")
    with pytest.warns(
        DeprecationWarning, match="do_action"
    ):  # the other way sets the format to JSON
        body = await asyncio.to_thread(client().do_action, request)
    told = ET.fromstring(body)
    assert (told.tag, told.findtext("Code")) == ("PickOutboundNumbersResponse", "OK")
    assert [each.findtext("Callee/Number") for each in told.iter("Data")] == [CALLED, CALLED]

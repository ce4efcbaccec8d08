"""The official Python SDKs, unmodified, before the RPC door: both schemes, all four actions."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from alibabacloud_ccc20170705 import models as models_2017
from alibabacloud_ccc20170705.client import Client as Client2017
from alibabacloud_ccc20200701 import models
from alibabacloud_ccc20200701.client import Client
from alibabacloud_tea_openapi.client import Client as OpenApi
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException, ClientException
from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from service.errors import (
    CalleeBudgetExceeded,
    CccRefused,
    CccThrottled,
    CccUnavailable,
    NoEligibleNumber,
)
from service.settings import AccessKeySettings
from tests.http.http_fixtures import CALLED, Service
from tests.rpc.rpc_fixtures import KEY, PARAMS, STS

SCHEMES = {"ACS3": {}, "RPC v1": {"signature_algorithm": "v2"}}

REQUESTS = {
    "PickOutboundNumbers": models.PickOutboundNumbersRequest,
    "ListPhoneNumbers": models.ListPhoneNumbersRequest,
    "AddPhoneNumbers": models.AddPhoneNumbersRequest,
    "AddBulkPhoneNumbers": models_2017.AddBulkPhoneNumbersRequest,
}
BULK = {
    "InstanceId": "ccc-test",
    "Usage": "Outbound",
    "PhoneNumber": ["02160664651", "02160664659", "02160664658", "02160664657"],
    "SkillGroupId": ["3f3c", "014a"],
}


def config(service: Service, scheme: str, key: AccessKeySettings = KEY) -> Config:
    return Config(
        access_key_id=key.id,
        access_key_secret=str(key.secret),
        security_token=str(key.security_token) or None,
        endpoint=service.address.removeprefix("http://"),
        protocol="HTTP",
        **SCHEMES[scheme],
    )


async def done(
    service: Service, scheme: str, action: str, key: AccessKeySettings = KEY, **changes: Any
) -> Any:
    """The body of an action's answer, by the SDK that has the action."""
    is_bulk = action == "AddBulkPhoneNumbers"
    by = (Client2017 if is_bulk else Client)(config(service, scheme, key))
    given: Mapping[str, Any] = BULK if is_bulk else PARAMS[action]
    request = REQUESTS[action]().from_map({**given, **changes})
    methods = {
        "PickOutboundNumbers": "pick_outbound_numbers",
        "ListPhoneNumbers": "list_phone_numbers",
        "AddPhoneNumbers": "add_phone_numbers",
        "AddBulkPhoneNumbers": "add_bulk_phone_numbers",
    }
    return (await asyncio.to_thread(getattr(by, methods[action]), request)).body


@pytest.mark.parametrize("key", [KEY, STS], ids=["static", "STS"])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_all_four_actions_are_done(
    door: Service, scheme: str, key: AccessKeySettings
) -> None:
    picked = await done(door, scheme, "PickOutboundNumbers", key)
    assert [pair.callee.number for pair in picked.data] == [CALLED, CALLED]
    listed = await done(door, scheme, "ListPhoneNumbers", key)
    assert (listed.data.total_count, len(listed.data.list)) == (5, 5)
    added = await done(door, scheme, "AddPhoneNumbers", key)
    assert (added.code, added.http_status_code, added.data) == ("OK", 200, ["01055510009"])
    bulk = await done(door, scheme, "AddBulkPhoneNumbers", key)
    assert (bulk.code, bulk.success) == ("OK", True)
    assert bulk.failed_phone_numbers.failed_phone_number == ["02160664659"]
    assert bulk.userd_phone_numbers.userd_phone_number == ["02160664658"]
    assert bulk.arrearage_phone_numbers.arrearage_phone_number == ["02160664657"]
    (row,) = bulk.phone_numbers.phone_number
    assert (row.number, row.trunks, row.test_only) == ("02160664651", 3, False)
    assert row.skill_groups.skill_group[0].skill_group_name == "预测试外呼技能组"
    assert door.provisioner.asked[1].skill_group_ids == ("3f3c", "014a")  # type: ignore[union-attr]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("action", "changes", "expected"),
    [
        ("PickOutboundNumbers", {"InstanceId": "nowhere"}, (404, "NotExists.InstanceId")),
        ("ListPhoneNumbers", {"PageNumber": 101}, (400, "Parameter.Maximum")),
        ("AddPhoneNumbers", {"Usage": "Sideways"}, (400, "Parameter.Enumeration")),
        ("AddBulkPhoneNumbers", {"InstanceId": ""}, (400, "Parameter.Empty")),
    ],
)
async def test_each_action_has_an_error_that_the_sdk_raises_as_its_own(
    door: Service, scheme: str, action: str, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    with pytest.raises(ClientException) as raised:
        await done(door, scheme, action, **changes)
    assert (raised.value.status_code, raised.value.code) == expected
    assert raised.value.request_id == "made-1"


@pytest.mark.parametrize("place", ["query", "body"])
async def test_the_generic_client_adds_in_bulk_by_acs3(door: Service, place: str) -> None:
    params = Params(
        action="AddBulkPhoneNumbers",
        version="2017-07-05",
        protocol="HTTP",
        method="POST",
        auth_type="AK",
        style="RPC",
        pathname="/",
        req_body_type="formData",
        body_type="json",
    )
    request = OpenApiRequest(**{place: PARAMS["AddBulkPhoneNumbers"]})
    client = OpenApi(config(door, "ACS3"))
    told = await asyncio.to_thread(client.call_api, params, request, RuntimeOptions())
    assert told["body"]["ArrearagePhoneNumbers"] == {"ArrearagePhoneNumber": ["02160664657"]}


async def test_a_list_of_pythons_is_taken_as_the_documented_text_is(door: Service) -> None:
    numbers = ["01055510001", "01055510002"]
    await done(door, "ACS3", "AddPhoneNumbers", NumberList=numbers)
    assert door.provisioner.asked[0].numbers == tuple(numbers)


@pytest.mark.parametrize(
    ("error", "status", "code", "told"),
    [
        (NoEligibleNumber({"parked": 3}), 409, "NoEligibleNumber", "parked: 3"),
        (CalleeBudgetExceeded(61.5), 429, "CalleeBudgetExceeded", "ask again in 62 s"),
    ],
)
async def test_a_refused_pick_says_what_to_do(
    door: Service, error: Exception, status: int, code: str, told: str
) -> None:
    door.picker.error = error
    with pytest.raises(ClientException) as raised:
        await done(door, "ACS3", "PickOutboundNumbers")
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert told in raised.value.message


@pytest.mark.parametrize(
    ("error", "expected", "told"),
    [
        (CccThrottled("Throttling.User", "slow down"), (400, "Throttling.User"), "flow control"),
        (
            CccUnavailable("Timeout", "no answer"),
            (503, "ServiceUnavailable"),
            "list the numbers before you add them again",
        ),
        (
            CccRefused("InvalidAccessKeyId.NotFound", "not found", status=404),
            (503, "ServiceUnavailable"),
            "this service's own key: InvalidAccessKeyId.NotFound",
        ),
        (
            CccRefused("Parameter.Format", "13800138000 is no number", status=400),
            (400, "Parameter.Format"),
            "138****8000 is no number",
        ),
        (CccRefused("Odd", "a 200 that is none", status=200), (400, "Odd"), "a 200 that is none"),
    ],
)
@pytest.mark.parametrize("action", ["AddPhoneNumbers", "AddBulkPhoneNumbers"])
async def test_what_ccc_says_of_an_addition_is_passed_on(
    door: Service, action: str, error: Exception, expected: tuple[int, str], told: str
) -> None:
    door.provisioner.error = error
    with pytest.raises(AlibabaCloudException) as raised:
        await done(door, "ACS3", action)
    assert (raised.value.status_code, raised.value.code) == expected
    assert told in raised.value.message

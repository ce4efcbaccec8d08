"""The RPC door: the official SDK, unchanged, picks and lists; what it cannot send comes raw."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from alibabacloud_ccc20200701 import models
from alibabacloud_ccc20200701.client import Client
from alibabacloud_tea_openapi.exceptions import (
    AlibabaCloudException,
    ClientException,
    ServerException,
    ThrottlingException,
)
from alibabacloud_tea_openapi.models import Config

from service.errors import (
    InvalidCalledNumber,
    InventoryUnavailable,
    NoEligibleNumber,
    Overloaded,
)
from service.picking import PickRequest
from tests.http.http_fixtures import (
    ANSWER,
    CALLED,
    FORM,
    GROUP,
    Answer,
    FakeKeeper,
    Service,
    ask,
    client_with,
    serving,
    settings_with,
)

PICK = {
    "Action": "PickOutboundNumbers",
    "Version": "2020-07-01",
    "Format": "JSON",
    "InstanceId": "ccc-test",
    "CalledNumber": CALLED,
    "SkillGroupIdList": f'["{GROUP}"]',
}
LIST = {
    "Action": "ListPhoneNumbers",
    "Version": "2020-07-01",
    "Format": "JSON",
    "InstanceId": "ccc-test",
    "PageNumber": "1",
    "PageSize": "100",
}


def sdk(service: Service, **config: Any) -> Any:
    keys = {"access_key_id": "test-key", "access_key_secret": "test-secret"}
    endpoint = service.address.removeprefix("http://")
    return Client(Config(endpoint=endpoint, protocol="HTTP", **keys, **config))


async def sdk_pick(service: Service, client: Any = None, **fields: Any) -> Any:
    given = {
        "instance_id": "ccc-test",
        "called_number": CALLED,
        "skill_group_id_list": f'["{GROUP}"]',
        "count": 2,
        **fields,
    }
    request = models.PickOutboundNumbersRequest(**given)
    return (await (client or sdk(service)).pick_outbound_numbers_async(request)).body


async def sdk_list(service: Service, **fields: Any) -> Any:
    given = {"instance_id": "ccc-test", "page_number": 1, "page_size": 100, **fields}
    request = models.ListPhoneNumbersRequest(**given)
    return (await sdk(service).list_phone_numbers_async(request)).body


async def by_query(service: Service, params: dict[str, str], **changes: str) -> Answer:
    return await ask(service, "GET", f"/?{urlencode(params | changes)}")


def last_digits(rows: Any) -> str:
    return "".join(row.number[-1] for row in rows)


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["ACS3", "RPC v1"])
async def test_the_sdk_picks(service: Service, config: dict[str, str]) -> None:
    body = await sdk_pick(service, sdk(service, **config))
    assert (body.code, body.http_status_code, body.request_id) == ("OK", 200, "made-1")
    assert [pair.to_map() for pair in body.data] == [
        {
            "Callee": {"Number": CALLED, "Province": "云南", "City": "昆明"},
            "Caller": {
                "Number": pair.caller.number,
                "Province": pair.caller.province,
                "City": pair.caller.city,
            },
        }
        for pair in ANSWER.data
    ]
    assert service.picker.asked == [
        PickRequest(CALLED, instance_id="ccc-test", skill_group_ids=(GROUP,), count=2)
    ]


async def test_the_synchronous_sdk_picks_too(service: Service) -> None:
    request = models.PickOutboundNumbersRequest(
        instance_id="ccc-test", called_number=CALLED, skill_group_id_list='["a"]'
    )
    answer = await asyncio.to_thread(sdk(service).pick_outbound_numbers, request)
    assert [pair.caller.number for pair in answer.body.data] == ["087155500001", "01055500002"]


async def test_a_pick_at_this_door_is_counted_like_any(service: Service) -> None:
    await sdk_pick(service)
    labels = {"instance": "ccc-test", "source": "redis", "match": "city"}
    assert service.sample("picks_total", **labels) == 1
    service.picker.error = NoEligibleNumber({})
    await by_query(service, PICK)
    refused = {"instance": "ccc-test", "code": "NoEligibleNumber"}
    assert service.sample("pick_refusals_total", **refused) == 1


async def test_the_sdk_lists_what_the_cache_keeps(service: Service) -> None:
    data = (await sdk_list(service)).data
    assert (data.page_number, data.page_size, data.total_count) == (1, 100, 5)
    group = {
        "DisplayName": "sales",
        "InstanceId": "ccc-test",
        "Name": "sales",
        "SkillGroupId": GROUP,
    }
    assert data.list[0].to_map() == {
        "Active": True,
        "City": "北京",
        "InstanceId": "ccc-test",
        "Number": "01055500001",
        "Provider": "",
        "Province": "北京",
        "SkillGroups": [group],
        "Tags": "M1,M2",
        "Usage": "Bidirection",
        "UserId": "",
    }
    assert (data.list[4].user_id, data.list[4].provider) == ("amy@ccc-test", "alicom")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "12345"),
        ({"search_pattern": "028"}, "345"),
        ({"search_pattern": "5550000"}, "12345"),
        ({"search_pattern": ""}, "12345"),
        ({"search_pattern": "99"}, ""),
        ({"usage": "Outbound"}, "2"),
        ({"usage": "Inbound"}, "3"),
        ({"usage": ""}, "12345"),
        ({"active": False}, "4"),
        ({"active": True, "usage": "Bidirection", "search_pattern": "028"}, "5"),
    ],
)
async def test_each_filter_keeps_what_it_names(
    service: Service, filters: dict[str, Any], expected: str
) -> None:
    data = (await sdk_list(service, **filters)).data
    assert last_digits(data.list) == expected
    assert data.total_count == len(expected)


async def test_the_pages_make_up_the_whole(service: Service) -> None:
    pages = [
        (await sdk_list(service, page_number=page, page_size=2)).data.list for page in (1, 2, 3, 4)
    ]
    assert [last_digits(page) for page in pages] == ["12", "34", "5", ""]


async def test_the_sdk_raises_what_the_documents_promise(service: Service) -> None:
    with pytest.raises(ClientException) as raised:
        await sdk_pick(service, instance_id="nowhere")
    assert (raised.value.status_code, raised.value.code) == (404, "NotExists.InstanceId")
    assert "The specified instance nowhere does not exist." in raised.value.message
    with pytest.raises(ClientException) as raised:
        await sdk_list(service, page_size=101)
    assert (raised.value.status_code, raised.value.code) == (400, "Parameter.Maximum")


@pytest.mark.parametrize(
    ("error", "kind", "status", "code"),
    [
        (NoEligibleNumber({"parked": 1}), ClientException, 409, "NoEligibleNumber"),
        (InvalidCalledNumber("is a short code"), ClientException, 400, "InvalidParameter"),
        (InventoryUnavailable("not yet"), ServerException, 503, "ServiceUnavailable"),
        (ZeroDivisionError("a bug"), ServerException, 500, "InternalError"),
    ],
)
async def test_the_sdk_raises_our_refusals_as_its_own(
    service: Service,
    error: Exception,
    kind: type[AlibabaCloudException],
    status: int,
    code: str,
) -> None:
    service.picker.error = error
    with pytest.raises(kind) as raised:
        await sdk_pick(service)
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.request_id == "made-1"


async def test_the_sdk_knows_an_overload_for_throttling(service: Service) -> None:
    service.picker.error = Overloaded("too much", 1.5)
    with pytest.raises(ThrottlingException) as raised:
        await sdk_pick(service)
    assert raised.value.code == "Throttling.User"
    assert raised.value.retry_after == 1500


async def test_an_error_has_the_shape_of_the_gateway(service: Service) -> None:
    answer = await by_query(service, PICK, InstanceId="nowhere")
    assert answer.status == 404
    assert answer.headers["x-acs-request-id"] == answer.headers["X-Request-Id"] == "made-1"
    assert answer.json == {
        "RequestId": "made-1",
        "HostId": service.address.removeprefix("http://"),
        "Code": "NotExists.InstanceId",
        "Message": "The specified instance nowhere does not exist.",
        "Recommend": "https://api.aliyun.com/troubleshoot"
        "?q=NotExists.InstanceId&product=CCC&requestId=made-1",
    }


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ({"Format": "JSON"}, "MissingParameter", "Version"),
        ({"Format": "JSON", "Version": "2020-07-01"}, "MissingParameter", "Action"),
        ({**PICK, "Version": "2018-01-01"}, "InvalidVersion", "Version"),
        ({**PICK, "Version": "2017-07-05"}, "InvalidAction.NotFound", "not found"),
        ({**PICK, "Action": "AddBulkPhoneNumbers"}, "InvalidAction.NotFound", "not found"),
        ({**PICK, "InstanceId": ""}, "Parameter.Empty", "InstanceId"),
        ({**PICK, "CalledNumber": ""}, "Parameter.Empty", "CalledNumber"),
        ({**PICK, "CalledNumber": "1\0"}, "InvalidParameter", "CalledNumber"),
        ({**PICK, "SkillGroupIdList": ""}, "Parameter.Empty", "SkillGroupIdList"),
        ({**PICK, "SkillGroupIdList": "sales"}, "InvalidParameter", "SkillGroupIdList"),
        ({**PICK, "SkillGroupIdList": "[1]"}, "InvalidParameter", "SkillGroupIdList"),
        ({**PICK, "SkillGroupIdList": '[""]'}, "InvalidParameter", "SkillGroupIdList"),
        ({**PICK, "SkillGroupIdList": "[" * 2000}, "InvalidParameter", "SkillGroupIdList"),
        ({**PICK, "SkillGroupIdList": '["\\u0000"]'}, "InvalidParameter", "SkillGroupIdList"),
        ({**PICK, "SkillGroupIdList": str(["a"] * 17).replace("'", '"')}, "InvalidParameter", "16"),
        ({**PICK, "Count": "0"}, "Parameter.Minimum", "Count"),
        ({**PICK, "Count": "-1"}, "Parameter.Minimum", "Count"),
        ({**PICK, "Count": "101"}, "Parameter.Maximum", "Count"),
        ({**PICK, "Count": "9" * 5000}, "InvalidParameter", "Count"),
        ({**PICK, "Count": "--1"}, "InvalidParameter", "Count"),
        ({**PICK, "Count": "two"}, "InvalidParameter", "Count"),
        ({**PICK, "Count": "²"}, "InvalidParameter", "Count"),
        ({**LIST, "InstanceId": "nowhere"}, "NotExists.InstanceId", "nowhere"),
        ({**LIST, "InstanceId": "13800138000"}, "NotExists.InstanceId", "138****8000"),
        ({**LIST, "PageNumber": ""}, "Parameter.Null", "PageNumber"),
        ({**LIST, "PageNumber": "0"}, "Parameter.Minimum", "PageNumber"),
        ({**LIST, "PageNumber": "101"}, "Parameter.Maximum", "PageNumber"),
        ({**LIST, "PageSize": "0"}, "Parameter.Minimum", "PageSize"),
        ({**LIST, "PageSize": "101"}, "Parameter.Maximum", "PageSize"),
        ({**LIST, "Usage": "Sideways"}, "Parameter.Enumeration", "Bidirection"),
        ({**LIST, "Active": "perhaps"}, "InvalidParameter", "Active"),
    ],
)
async def test_a_wrong_parameter_has_the_documented_error(
    service: Service, given: dict[str, str], code: str, told: str
) -> None:
    answer = await by_query(service, given)
    assert answer.json["Code"] == code
    assert answer.status == (404 if code.startswith(("InvalidAction", "NotExists")) else 400)
    assert told in answer.json["Message"]
    assert not service.picker.asked


async def test_parameters_may_stand_in_a_form(service: Service) -> None:
    answer = await ask(service, "POST", "/", urlencode(PICK).encode(), Content_Type=FORM)
    assert (answer.status, answer.json["Code"]) == (200, "OK")


async def test_system_parameters_may_stand_in_the_query_and_the_rest_in_a_form(
    service: Service,
) -> None:
    query = urlencode({name: PICK[name] for name in ("Action", "Version", "Format")})
    form = urlencode(
        {name: PICK[name] for name in PICK if name not in ("Action", "Version", "Format")}
    )
    answer = await ask(service, "POST", f"/?{query}", form.encode(), Content_Type=FORM)
    assert (answer.status, answer.json["Code"]) == (200, "OK")


async def test_groups_may_be_numbered_parameters(service: Service) -> None:
    groups = {f"SkillGroupIdList.{place}": f"group-{place}" for place in (10, 2, 1)}
    await by_query(service, {name: PICK[name] for name in PICK if "Skill" not in name} | groups)
    assert service.picker.asked[0].skill_group_ids == ("group-1", "group-2", "group-10")


async def test_a_list_of_pythons_is_what_the_sdk_numbers(service: Service) -> None:
    await sdk_pick(service, skill_group_id_list=["a", "b"])
    assert service.picker.asked[0].skill_group_ids == ("a", "b")


async def test_sixteen_long_groups_fit_into_the_query(service: Service) -> None:
    groups = [f"{'@' * 250}{place}" for place in range(16)]
    answer = await by_query(service, PICK, SkillGroupIdList=str(groups).replace("'", '"'))
    assert answer.status == 200
    assert service.picker.asked[0].skill_group_ids == tuple(groups)


async def test_a_form_that_is_too_long_is_refused_in_the_envelope_of_the_door(
    service: Service,
) -> None:
    answer = await ask(service, "POST", "/?Format=JSON", b"a=" + b"b" * 70_000, Content_Type=FORM)
    assert (answer.status, answer.json["Code"]) == (413, "RequestTooLarge")


async def test_without_an_inventory_a_list_is_unavailable() -> None:
    service = Service()
    service.keepers["ccc-test"] = FakeKeeper(empty=True)
    async with serving(service):
        answer = await by_query(service, LIST)
    assert (answer.status, answer.json["Code"]) == (503, "ServiceUnavailable")
    assert "Retry-After" in answer.headers
    assert "x-acs-retry-after" not in answer.headers


async def test_each_action_needs_its_own_scope() -> None:
    settings = settings_with(clients=(client_with("dialer", "pick"),), required="always")
    async with serving(Service(settings)) as service:
        nobody = await by_query(service, PICK)
        assert (nobody.status, nobody.json["Code"]) == (401, "Unauthenticated")
        query = urlencode(LIST)
        denied = await ask(service, "GET", f"/?{query}", Authorization="Bearer dialer")
        assert (denied.status, denied.json["Code"]) == (403, "Forbidden.RAM")
        query = urlencode(PICK)
        allowed = await ask(service, "GET", f"/?{query}", Authorization="Bearer dialer")
        assert allowed.status == 200

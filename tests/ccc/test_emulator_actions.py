"""The official SDK, unchanged, lists and locates numbers: filters, limits, errors."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alibabacloud_ccc20200701 import models
from alibabacloud_tea_openapi.exceptions import ClientException

from service.emulator import Emulator, phone_number, running
from tests.ccc.emulator_fixtures import (
    GROUP,
    call,
    last_digits,
    listed,
    many_numbers,
    new_emulator,
    picked,
    sdk,
)


@pytest.fixture
def emulator() -> Emulator:
    return new_emulator()


@pytest.fixture
async def address(emulator: Emulator) -> AsyncIterator[str]:
    async with running(emulator) as address:
        yield address


async def sdk_list(address: str, **fields: Any) -> Any:
    fields = {"instance_id": "ccc-test", "page_number": 1, "page_size": 100, **fields}
    request = models.ListPhoneNumbersRequest(**fields)
    return (await sdk(address).list_phone_numbers_async(request)).body


async def test_the_sdk_lists_every_field_of_a_number(address: str) -> None:
    body = await sdk_list(address, search_pattern="08335550006")
    assert (body.code, body.http_status_code, len(body.request_id)) == ("OK", 200, 36)
    assert (body.data.page_number, body.data.page_size, body.data.total_count) == (1, 100, 1)
    assert body.data.list[0].to_map() == {
        "Active": True,
        "City": "乐山",
        "ContactFlowId": "",
        "ContactFlowName": "",
        "CreateTime": "1617958538000",
        "InstanceId": "ccc-test",
        "Number": "08335550006",
        "Provider": "alicom",
        "Province": "四川",
        "SkillGroups": [
            {
                "DisplayName": "销售组",
                "InstanceId": "ccc-test",
                "Name": "sales",
                "SkillGroupId": GROUP,
            }
        ],
        "Tags": "M1",
        "Usage": "Bidirection",
        "UserId": "",
    }


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "12345678"),
        ({"search_pattern": "0833"}, "6"),
        ({"search_pattern": "5550000"}, "123457"),
        ({"search_pattern": ""}, "12345678"),
        ({"search_pattern": "99999"}, ""),
        ({"usage": "Outbound"}, "1"),
        ({"usage": "Inbound"}, "4"),
        ({"usage": "Bidirection"}, "235678"),
        ({"usage": ""}, "12345678"),
        ({"active": False}, "3"),
        ({"active": True}, "1245678"),
        ({"active": True, "usage": "Bidirection", "search_pattern": "010"}, "25"),
    ],
)
async def test_each_filter_keeps_what_it_names(
    address: str, filters: dict[str, Any], expected: str
) -> None:
    data = (await sdk_list(address, **filters)).data
    assert last_digits(data.list) == expected
    assert data.total_count == len(expected)


async def test_the_pages_make_up_the_whole(address: str) -> None:
    pages = [
        (await sdk_list(address, page_number=number, page_size=3)).data.list
        for number in range(1, 5)
    ]
    assert [len(page) for page in pages] == [3, 3, 2, 0]
    assert last_digits([row for page in pages for row in page]) == "12345678"


async def test_the_last_page_that_there_can_be_is_the_hundredth(emulator: Emulator) -> None:
    emulator.numbers["ccc-test"] = many_numbers(10_001)
    async with running(emulator) as address:
        data = (await sdk_list(address, page_number=100)).data
        assert (data.total_count, data.list[-1].number) == (10_001, "01050009999")


async def test_a_number_added_while_it_runs_is_listed(emulator: Emulator, address: str) -> None:
    emulator.numbers["ccc-test"].append(phone_number(Number="02155500009"))
    assert (await sdk_list(address)).data.total_count == 9


async def test_the_synchronous_sdk_works_as_well(address: str) -> None:
    request = models.ListPhoneNumbersRequest(
        instance_id="ccc-test", page_number=1, page_size=1, active=True
    )
    response = await asyncio.to_thread(sdk(address).list_phone_numbers, request)
    assert response.body.data.total_count == 7


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        (
            {"instance_id": "nowhere"},
            404,
            "NotExists.InstanceId",
            "The specified instance nowhere does not exist.",
        ),
        (
            {"instance_id": ""},
            400,
            "Parameter.Empty",
            "The parameter InstanceId may not be null or empty.",
        ),
        (
            {"page_number": None},
            400,
            "Parameter.Null",
            "The parameter PageNumber may not be null.",
        ),
        (
            {"page_number": 0},
            400,
            "Parameter.Minimum",
            "The parameter PageNumber must be greater than or equal to 1.",
        ),
        (
            {"page_number": 101},
            400,
            "Parameter.Maximum",
            "The parameter PageNumber must be less than or equal to 100.",
        ),
        (
            {"page_size": 101},
            400,
            "Parameter.Maximum",
            "The parameter PageSize must be less than or equal to 100.",
        ),
        (
            {"page_size": -1},
            400,
            "Parameter.Minimum",
            "The parameter PageSize must be greater than or equal to 1.",
        ),
        (
            {"usage": "Outboung"},
            400,
            "Parameter.Enumeration",
            "must be one of the value of enumeration [Inbound, Outbound, Bidirection].",
        ),
        (
            {"page_size": "ten"},
            400,
            "InvalidParameter",
            'The specified parameter "PageSize" is not valid.',
        ),
        (
            {"active": "perhaps"},
            400,
            "InvalidParameter",
            'The specified parameter "Active" is not valid.',
        ),
    ],
)
async def test_the_documented_errors_reach_the_sdk(
    address: str, fields: dict[str, Any], status: int, code: str, message: str
) -> None:
    with pytest.raises(ClientException) as caught:
        await sdk_list(address, **fields)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert f"{message} " in f"{caught.value.message} "


async def test_an_error_has_the_five_fields_of_the_gateway(address: str) -> None:
    status, body = await listed(address, PageSize="101")
    assert status == 400
    assert set(body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert body["HostId"] == address
    assert body["RequestId"] in body["Recommend"]


async def test_the_sdk_learns_where_a_number_is(address: str) -> None:
    request = models.GetNumberLocationRequest(instance_id="ccc-test", number="13808130000")
    body = (await sdk(address).get_number_location_async(request)).body
    assert body.data.to_map() == {"City": "乐山", "Number": "13808130000", "Province": "四川"}


async def test_a_number_without_a_place_has_empty_names(address: str) -> None:
    _, body = await call(address, "GetNumberLocation", Number="17000000000")
    assert body["Data"] == {"City": "", "Number": "17000000000", "Province": ""}


async def test_calls_are_counted_by_action_refused_ones_too(
    emulator: Emulator, address: str
) -> None:
    await listed(address)
    await listed(address, PageSize="101")
    await picked(address)
    assert emulator.calls == {"ListPhoneNumbers": 2, "PickOutboundNumbers": 1}

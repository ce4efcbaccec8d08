"""The official SDKs, unchanged, add numbers to the emulated account."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from alibabacloud_ccc20170705 import models as models_2017
from alibabacloud_ccc20170705.client import Client as Client2017
from alibabacloud_ccc20200701 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config

from service.emulator import Emulator, phone_number, running
from tests.ccc.emulator_fixtures import (
    KEY,
    OTHER_GROUP,
    SECRET,
    call,
    listed,
    new_emulator,
    picked,
    sdk,
)

NEW, NEWER = "08335559001", "13810009002"
ROW = {"Number": NEW, "Trunks": 15, "TestOnly": False, "RemainingTime": 0, "AllowOutbound": True}


@pytest.fixture
def emulator() -> Emulator:
    return new_emulator()


@pytest.fixture
async def address(emulator: Emulator) -> AsyncIterator[str]:
    async with running(emulator) as address:
        yield address


async def added(address: str, *numbers: str, **fields: Any) -> Any:
    """What the SDK of 2020 tells of AddPhoneNumbers."""
    given = {"instance_id": "ccc-test", "usage": "Bidirection", **fields}
    request = models.AddPhoneNumbersRequest(number_list=json.dumps(numbers), **given)
    return (await sdk(address).add_phone_numbers_async(request)).body


async def added_in_bulk(address: str, *numbers: str, **fields: Any) -> Any:
    """What the SDK of 2017 tells of AddBulkPhoneNumbers."""
    config = Config(endpoint=address, protocol="HTTP", access_key_id=KEY, access_key_secret=SECRET)
    given = {"instance_id": "ccc-test", "usage": "Outbound", **fields}
    request = models_2017.AddBulkPhoneNumbersRequest(phone_number=[*numbers], **given)
    return (await Client2017(config).add_bulk_phone_numbers_async(request)).body


async def test_numbers_that_were_added_are_listed_and_in_no_group(address: str) -> None:
    body = await added(address, NEW, NEWER, contact_flow_id="flow-1")
    assert (body.code, body.data) == ("OK", [])
    _, page = await listed(address, SearchPattern=NEW)
    (row,) = page["Data"]["List"]
    assert (row["Usage"], row["ContactFlowId"], row["SkillGroups"]) == ("Bidirection", "flow-1", [])
    _, none = await picked(address, SkillGroupIdList='["new@ccc-test"]')
    assert none["Data"] == []


async def test_the_answer_of_an_addition_lists_what_failed(
    emulator: Emulator, address: str
) -> None:
    emulator.faults.numbers_failing = "01055509001"
    emulator.faults.numbers_in_use = "01055509002,01055509003"
    emulator.faults.numbers_in_arrears = "01055509004"
    numbers = (*(f"0105550900{last}" for last in range(1, 5)), "01055500001", "4005550001", NEW)
    body = await added(address, *numbers)
    assert set(body.data) == {*numbers} - {NEW}


async def test_a_bulk_addition_tells_apart_what_did_not_work(
    emulator: Emulator, address: str
) -> None:
    emulator.faults.numbers_in_arrears = "01055509004"
    emulator.numbers["other"] = [phone_number(Number="01055509002")]
    body = await added_in_bulk(
        address, NEW, "01055509002", "01055500001", "01055509004", "4005550001", "0833****"
    )
    assert (body.code, body.success) == ("OK", True)
    assert body.failed_phone_numbers.failed_phone_number == ["4005550001", "0833****"]
    assert body.userd_phone_numbers.userd_phone_number == ["01055509002", "01055500001"]
    assert body.arrearage_phone_numbers.arrearage_phone_number == ["01055509004"]
    assert NEW in {row.number for row in body.phone_numbers.phone_number}


async def test_a_number_added_in_bulk_tells_its_trunks_and_can_be_picked_for_its_groups(
    emulator: Emulator, address: str
) -> None:
    emulator.lines[NEWER] = {"Trunks": 7, "TestOnly": True, "RemainingTime": 60}
    body = await added_in_bulk(
        address, NEW, NEWER, skill_group_id=["new@ccc-test", OTHER_GROUP], contact_flow_id="f"
    )
    rows = {row.number: row.to_map() for row in body.phone_numbers.phone_number}
    assert len(rows) == 10
    assert rows[NEW] == rows[NEW] | ROW
    assert (rows[NEWER]["Trunks"], rows[NEWER]["TestOnly"]) == (7, True)
    groups = rows[NEW]["SkillGroups"]["SkillGroup"]
    assert [group["SkillGroupId"] for group in groups] == ["new@ccc-test", OTHER_GROUP]
    _, answer = await picked(address, SkillGroupIdList='["new@ccc-test"]')
    assert {pair["Caller"]["Number"] for pair in answer["Data"]} == {NEW, NEWER}


async def test_a_400_number_can_be_added_for_inbound(address: str) -> None:
    body = await added_in_bulk(address, "4005550001", usage="Inbound")
    assert body.failed_phone_numbers.failed_phone_number == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"usage": "Outboung"}, "Parameter.Enumeration"),
        ({"usage": ""}, "Parameter.Empty"),
        ({"instance_id": "nowhere"}, "NotExists.InstanceId"),
    ],
)
async def test_the_documented_errors_reach_both_sdks(
    address: str, fields: dict[str, str], code: str
) -> None:
    for add in (added, added_in_bulk):
        with pytest.raises(ClientException) as caught:
            await add(address, NEW, **fields)
        assert caught.value.code == code
    _, page = await listed(address)
    assert page["Data"]["TotalCount"] == 8


async def test_a_call_without_numbers_is_refused(address: str) -> None:
    with pytest.raises(ClientException) as caught:
        await added_in_bulk(address)
    assert caught.value.code == "Parameter.Empty"
    status, body = await call(address, "AddPhoneNumbers", Usage="Inbound", NumberList="08335559001")
    assert (status, body["Code"]) == (400, "InvalidParameter")


async def test_an_action_belongs_to_its_version(address: str) -> None:
    status, body = await call(address, "AddBulkPhoneNumbers", Usage="Inbound")
    assert (status, body["Code"]) == (404, "InvalidAction.NotFound")


async def test_ram_may_deny_single_actions(emulator: Emulator, address: str) -> None:
    emulator.faults.denied_actions = "AddPhoneNumbers,PickOutboundNumbers"
    with pytest.raises(ClientException) as caught:
        await added(address, NEW)
    assert (caught.value.status_code, caught.value.code) == (403, "Forbidden.RAM")
    assert (await picked(address))[0] == 403
    assert (await listed(address))[0] == 200


async def test_an_answer_may_be_lost_after_the_numbers_are_in(
    emulator: Emulator, address: str
) -> None:
    emulator.faults.lost_answers = "AddPhoneNumbers"
    with pytest.raises(aiohttp.ClientConnectionError):
        await call(address, "AddPhoneNumbers", Usage="Inbound", NumberList=f'["{NEW}"]')
    _, page = await listed(address, SearchPattern=NEW)
    assert page["Data"]["TotalCount"] == 1


async def test_the_switches_for_shapes_hold_for_additions_too(
    emulator: Emulator, address: str
) -> None:
    emulator.faults.single_objects = True
    emulator.faults.strangers = True
    params = {"Usage": "Inbound", "NumberList": '["01055500001"]'}
    _, body = await call(address, "AddPhoneNumbers", **params)
    assert body["Data"] == "01055500001"

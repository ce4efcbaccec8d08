"""PickOutboundNumbers by the official SDK: who is picked, in which order, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from alibabacloud_ccc20200701 import models

from service.emulator import Emulator, phone_number, running, skill_groups
from tests.ccc.emulator_fixtures import GROUP, OTHER_GROUP, last_digits, new_emulator, picked, sdk


@pytest.fixture
def emulator() -> Emulator:
    return new_emulator()


@pytest.fixture
async def address(emulator: Emulator) -> AsyncIterator[str]:
    async with running(emulator) as address:
        yield address


async def sdk_pick(address: str, **fields: Any) -> Any:
    groups = f'["{GROUP}"]'
    defaults = {"instance_id": "ccc-test", "called_number": "13810001234", "count": 10}
    fields = {**defaults, "skill_group_id_list": groups, **fields}
    request = models.PickOutboundNumbersRequest(**fields)
    return (await sdk(address).pick_outbound_numbers_async(request)).body


async def test_the_same_city_comes_first_then_the_province_then_the_rest(address: str) -> None:
    for _ in range(10):  # the rest is shuffled, so once could be luck
        data = (await sdk_pick(address, called_number="13808130000")).data
        assert [pair.caller.city for pair in data] == ["乐山", "成都", "北京", "北京"]
    assert data[0].to_map() == {
        "Callee": {"City": "乐山", "Number": "13808130000", "Province": "四川"},
        "Caller": {"City": "乐山", "Number": "08335550006", "Province": "四川"},
    }


async def test_a_callee_of_another_province_gets_any_number(address: str) -> None:
    callers = {
        (await sdk_pick(address, called_number="13800990000", count=1)).data[0].caller.number
        for _ in range(40)
    }
    assert len(callers) == 4


async def test_only_active_outbound_numbers_of_the_groups_are_picked(address: str) -> None:
    data = (await sdk_pick(address)).data
    assert last_digits([pair.caller for pair in data]) == "1678"


@pytest.mark.parametrize(
    ("groups", "expected"),
    [(f'["{OTHER_GROUP}"]', "2"), (f'["{GROUP}", "{OTHER_GROUP}"]', "12678"), ('["no@one"]', "")],
)
async def test_the_groups_decide_and_an_unknown_one_has_nothing(
    address: str, groups: str, expected: str
) -> None:
    data = (await sdk_pick(address, skill_group_id_list=groups)).data
    assert last_digits([pair.caller for pair in data]) == expected


async def test_a_number_of_two_groups_is_picked_once(emulator: Emulator, address: str) -> None:
    both = phone_number(Number="02155500009", SkillGroups=skill_groups(GROUP, OTHER_GROUP))
    emulator.numbers["ccc-test"] = [both]
    groups = f'["{GROUP}", "{OTHER_GROUP}"]'
    assert len((await sdk_pick(address, skill_group_id_list=groups)).data) == 1


async def test_one_number_is_picked_where_no_count_is_given(address: str) -> None:
    assert len((await sdk_pick(address, count=None)).data) == 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"CalledNumber": ""}, "Parameter.Empty"),
        ({"SkillGroupIdList": ""}, "Parameter.Empty"),
        ({"SkillGroupIdList": GROUP}, "InvalidParameter"),
        ({"SkillGroupIdList": "[1]"}, "InvalidParameter"),
        ({"Count": "0"}, "Parameter.Minimum"),
        ({"Count": "1_0"}, "InvalidParameter"),
        ({"InstanceId": "nowhere"}, "NotExists.InstanceId"),
    ],
)
async def test_a_pick_that_cannot_be_is_refused(
    address: str, params: dict[str, str], code: str
) -> None:
    status, body = await picked(address, **params)
    assert (status, body["Code"]) == (404 if code.startswith("NotExists") else 400, code)

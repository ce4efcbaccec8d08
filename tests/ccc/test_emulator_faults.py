"""Every fault switch does what it says, seen from outside, and by the SDK where that matters."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from alibabacloud_ccc20200701 import models
from alibabacloud_tea_openapi.exceptions import ThrottlingException

from service.emulator import Emulator, Faults, running
from tests.ccc.emulator_fixtures import (
    KEY,
    SECRET,
    call,
    listed,
    many_numbers,
    new_emulator,
    picked,
    posted,
    sdk,
    signed_headers,
)

PAGE = {"InstanceId": "ccc-test", "PageNumber": "1", "PageSize": "100"}


@pytest.fixture
def emulator() -> Emulator:
    return new_emulator()


@pytest.fixture
async def address(emulator: Emulator) -> AsyncIterator[str]:
    async with running(emulator) as address:
        yield address


async def raw(address: str) -> tuple[int, str, bytes]:
    async with posted(address, PAGE, signed_headers(address, "ListPhoneNumbers", PAGE)) as response:
        return response.status, response.content_type, await response.read()


async def codes(address: str, calls: int) -> list[str]:
    return [(await listed(address))[1]["Code"] for _ in range(calls)]


async def test_every_second_call_is_throttled(emulator: Emulator, address: str) -> None:
    emulator.faults.throttle_every = 2
    assert await codes(address, 4) == ["OK", "Throttling.User"] * 2


async def test_the_account_is_throttled_beyond_its_rate() -> None:
    now = [1000.5]
    emulator = new_emulator(clock=lambda: now[0])
    emulator.max_requests_per_second = 2
    date = {"x_acs_date": "1970-01-01T00:16:40Z"}

    async def code(address: str) -> str:
        headers = signed_headers(address, "ListPhoneNumbers", PAGE, **date)
        async with posted(address, PAGE, headers) as response:
            return str((await response.json())["Code"])

    async with running(emulator) as address:
        assert [await code(address) for _ in range(3)] == ["OK", "OK", "Throttling.User"]
        now[0] += 1
        assert await code(address) == "OK"


async def test_the_sdk_sees_when_to_come_back(emulator: Emulator, address: str) -> None:
    emulator.faults.throttle_every = 1
    emulator.faults.retry_after_ms = 1500
    request = models.ListPhoneNumbersRequest(instance_id="ccc-test", page_number=1, page_size=1)
    with pytest.raises(ThrottlingException) as caught:
        await sdk(address).list_phone_numbers_async(request)
    assert (caught.value.code, caught.value.retry_after) == ("Throttling.User", 1500)


async def test_a_call_that_hangs_is_not_answered(emulator: Emulator, address: str) -> None:
    emulator.faults.hang_seconds = 3600
    waiting = asyncio.create_task(raw(address))
    while not emulator.calls:
        await asyncio.sleep(0.001)
    done, _ = await asyncio.wait([waiting], timeout=0.03)
    assert not done
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_dropped_connection_has_no_answer(emulator: Emulator, address: str) -> None:
    emulator.faults.drop_connection = True
    with pytest.raises(aiohttp.ClientConnectionError):
        await raw(address)


async def test_a_truncated_answer_ends_early(emulator: Emulator, address: str) -> None:
    emulator.faults.truncated = True
    with pytest.raises(aiohttp.ClientPayloadError):
        await raw(address)


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "ServiceUnavailable")])
async def test_the_server_fails_with_the_status_asked_for(
    emulator: Emulator, address: str, status: Any, code: str
) -> None:
    emulator.faults.server_error = status
    answered, body = await listed(address)
    assert (answered, body["Code"]) == (status, code)


async def test_ram_denies(emulator: Emulator, address: str) -> None:
    emulator.faults.forbidden = True
    status, body = await listed(address)
    assert (status, body["Code"]) == (403, "Forbidden.RAM")


async def test_garbage_is_a_web_page(emulator: Emulator, address: str) -> None:
    emulator.faults.garbage = True
    status, content_type, body = await raw(address)
    assert (status, content_type, body[:6]) == (200, "text/html", b"<html>")


async def test_an_empty_body_is_empty(emulator: Emulator, address: str) -> None:
    emulator.faults.empty_body = True
    assert (await raw(address))[::2] == (200, b"")


async def test_a_200_may_not_be_ok(emulator: Emulator, address: str) -> None:
    emulator.faults.code_not_ok = True
    status, body = await listed(address)
    assert (status, body["Code"], body["Data"]) == (200, "InternalError", None)


async def test_data_may_be_missing(emulator: Emulator, address: str) -> None:
    emulator.faults.missing_data = True
    for answer in (await listed(address), await picked(address)):
        assert answer[0] == 200
        assert "Data" not in answer[1]


async def test_the_list_may_be_missing(emulator: Emulator, address: str) -> None:
    emulator.faults.missing_list = True
    _, body = await listed(address)
    assert body["Data"] == {"PageNumber": 1, "PageSize": 100, "TotalCount": 8}


async def test_pages_may_be_short_of_what_they_count(emulator: Emulator, address: str) -> None:
    emulator.faults.short_pages = True
    data = (await listed(address))[1]["Data"]
    assert (len(data["List"]), data["TotalCount"]) == (4, 8)


async def test_shifting_pages_repeat_some_numbers_and_miss_others() -> None:
    emulator = new_emulator(many_numbers(1000))
    emulator.faults.shifting_pages = True
    async with running(emulator) as address:
        pages = [(await listed(address, PageNumber=str(n)))[1]["Data"] for n in range(1, 11)]
    seen = [row["Number"] for page in pages for row in page["List"]]
    assert len(seen) == 1000
    assert len(set(seen)) < 1000
    assert {page["TotalCount"] for page in pages} == {1000}


async def test_some_rows_may_be_masked(emulator: Emulator, address: str) -> None:
    emulator.faults.mask_every = 3
    rows = (await listed(address))[1]["Data"]["List"]
    assert ["*" in row["Number"] for row in rows] == [False, False, True] * 2 + [False, False]


@pytest.mark.parametrize("off_by", [-3, 92])
async def test_the_total_may_be_wrong(emulator: Emulator, address: str, off_by: int) -> None:
    emulator.faults.total_off_by = off_by
    data = (await listed(address))[1]["Data"]
    assert (len(data["List"]), data["TotalCount"]) == (8, 8 + off_by)


async def test_filters_may_be_ignored(emulator: Emulator, address: str) -> None:
    emulator.faults.filters_ignored = True
    assert (await listed(address, SearchPattern="0833"))[1]["Data"]["TotalCount"] == 8


async def test_all_numbers_may_be_inactive_at_once(emulator: Emulator, address: str) -> None:
    emulator.faults.all_inactive = True
    rows = (await listed(address))[1]["Data"]["List"]
    assert {row["Active"] for row in rows} == {False}


async def test_an_answer_may_have_no_end(emulator: Emulator, address: str) -> None:
    emulator.faults.endless = True
    async with posted(address, PAGE, signed_headers(address, "ListPhoneNumbers", PAGE)) as response:
        assert set(await response.content.readexactly(10_000_000)) == set(b" ")


async def test_a_list_of_one_may_be_an_object(emulator: Emulator, address: str) -> None:
    emulator.faults.single_objects = True
    one = (await listed(address, SearchPattern="0833"))[1]["Data"]["List"]
    assert (one["Number"], one["SkillGroups"]["Name"]) == ("08335550006", "sales")
    assert (await picked(address, Count="1"))[1]["Data"]["Caller"]["City"] == "北京"
    assert len((await listed(address))[1]["Data"]["List"]) == 8


async def test_numbers_may_be_integers_that_lost_their_zero(
    emulator: Emulator, address: str
) -> None:
    emulator.faults.unquoted_numbers = True
    row = (await listed(address, SearchPattern="0833"))[1]["Data"]["List"][0]
    assert (row["Number"], row["CreateTime"]) == (8335550006, 1617958538000)
    pair = (await picked(address))[1]["Data"][0]
    assert pair["Callee"]["Number"] == 13810001234


@pytest.mark.parametrize("groups", ['["sales@ccc-test"]', '["no@one"]'])
async def test_a_pick_may_be_a_stranger_even_for_a_group_without_numbers(
    emulator: Emulator, address: str, groups: str
) -> None:
    emulator.faults.strangers = True
    pairs = (await picked(address, SkillGroupIdList=groups))[1]["Data"]
    listed_numbers = {row["Number"] for row in emulator.numbers["ccc-test"]}
    assert pairs
    assert not {pair["Caller"]["Number"] for pair in pairs} & listed_numbers


async def test_a_distorted_answer_leaves_the_inventory_alone(
    emulator: Emulator, address: str
) -> None:
    before = json.dumps(emulator.numbers)
    emulator.faults = Faults(
        single_objects=True,
        unquoted_numbers=True,
        short_pages=True,
        shifting_pages=True,
        mask_every=2,
        all_inactive=True,
    )
    await listed(address)
    await picked(address)
    assert json.dumps(emulator.numbers) == before


async def test_switches_are_set_and_reset_while_it_runs(emulator: Emulator, address: str) -> None:
    control = f"http://{address}/_faults"
    async with aiohttp.ClientSession() as session:
        async with session.put(control, data=b'{"missing_list": true}') as response:
            assert (await response.json())["missing_list"] is True
        assert "List" not in (await listed(address))[1]["Data"]
        async with session.put(control, data=b"{}"):
            assert "List" in (await listed(address))[1]["Data"]
        async with session.get(control) as response:
            assert await response.json() == msgspec.to_builtins(Faults())


@pytest.mark.parametrize(
    "body", [b'{"missing_lists": true}', b'{"server_error": 404}', b'{"hang_seconds": -1}', b"["]
)
async def test_a_switch_that_does_not_exist_is_refused(
    emulator: Emulator, address: str, body: bytes
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"http://{address}/_faults", data=body) as response,
    ):
        assert response.status == 400
    assert emulator.faults == Faults()


async def test_faults_given_at_the_start_hold_from_the_first_call() -> None:
    faults = Faults(forbidden=True)
    emulator = new_emulator()
    started = Emulator(
        emulator.numbers,
        {KEY: SECRET},
        locate=lambda _: ("", ""),
        clock=emulator._clock,
        randomness=emulator._randomness,
        faults=faults,
        max_requests_per_second=1000,
    )
    async with running(started) as address:
        assert (await call(address, "GetNumberLocation", Number="1"))[0] == 403

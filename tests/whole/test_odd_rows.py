"""The whole service over a list of CCC's that has odd rows, forms that nobody knows, and lies."""

from collections.abc import Sequence
from typing import Any

import pytest
from alibabacloud_ccc20200701 import models
from alibabacloud_ccc20200701.client import Client
from alibabacloud_tea_openapi.models import Config
from msgspec.structs import replace

from service.emulator import Faults, phone_number, running, skill_groups
from service.settings import Auth, CallerLimits, Selection
from tests.rpc.rpc_fixtures import KEY
from tests.whole.services import (
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    service_over,
    settings_for,
    started,
)

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

KUNMING_MOBILE = "13888888888"
UNKNOWN_FORMS = (
    "1064899123456",
    "10086",
    "95013123456",
    "9501312345678",
    "+85221234567",
    "0064123",
)


def unknown_numbers() -> list[dict[str, Any]]:
    return [
        phone_number(
            Number=number, Province="云南省", City="昆明市", SkillGroups=skill_groups(SALES)
        )
        for number in UNKNOWN_FORMS
    ]


@pytest.fixture(params=["memory", "redis"])
def ledger_url(request: pytest.FixtureRequest, redis_url: str) -> str:
    return redis_url if request.param == "redis" else ""


async def picked(service: Running, count: int, **fields: Any) -> list[tuple[str, str]]:
    """The callers and how they match, of so many picks."""
    answers = [await service.pick(**fields) for _ in range(count)]
    pairs = [answer["data"][0] for status, answer in answers if status == 200]
    return [(pair["caller"]["number"], pair["match"]) for pair in pairs]


async def test_numbers_of_unknown_forms_rotate_where_ccc_places_them(ledger_url: str) -> None:
    emulator = emulator_of([*chengdu_numbers(3), *unknown_numbers()])
    async with service_over(emulator, ledger_url) as service:
        local = await picked(service, 12, called_number=KUNMING_MOBILE)
        assert sorted(local) == sorted([(number, "city") for number in UNKNOWN_FORMS] * 2)
        in_yunnan = await picked(service, 6, called_number="0874-1234567")
        assert sorted(in_yunnan) == sorted((number, "province") for number in UNKNOWN_FORMS)
        by_landline = await picked(service, 6, called_number="0871-12345678")
        assert {match for _, match in by_landline} == {"city"}
        strict = {"called_number": "0871-12345678", "min_match": "area_code"}
        assert {match for _, match in await picked(service, 6, **strict)} == {"city"}
        for number in ("95588", "+85291234567"):  # these callees have no place, so none is theirs
            status, _ = await service.pick(called_number=number, min_match="province")
            assert status == 409


async def test_a_number_of_an_unknown_form_can_be_parked_listed_and_told_of(
    ledger_url: str,
) -> None:
    selection = Selection(caller=CallerLimits(max_concurrent=1))
    async with service_over(emulator_of(unknown_numbers()), ledger_url, selection) as service:
        for number in UNKNOWN_FORMS:
            path = f"{service.url}/v1/numbers/{number.replace('+', '%2B')}/park"
            async with service.client.put(path, json={"seconds": 60}) as response:
                assert (response.status, (await response.json())["number"]) == (200, number)
        status, answer = await service.pick(called_number=KUNMING_MOBILE)
        assert (status, answer["reasons"]) == (409, {"parked": 6})
        _, listed = await service.get("/v1/numbers?city=昆明")
        assert {entry["number"]: entry["area_code"] for entry in listed["data"]} == dict.fromkeys(
            UNKNOWN_FORMS, ""
        )
        for number in UNKNOWN_FORMS:
            path = f"{service.url}/v1/numbers/{number.replace('+', '%2B')}/park"
            async with service.client.delete(path) as response:
                assert response.status == 200
        ((caller, _),) = await picked(service, 1, called_number=KUNMING_MOBILE)
        outcome = {"caller_number": caller, "called_number": KUNMING_MOBILE, "result": "answered"}
        async with service.client.post(f"{service.url}/v1/outcomes", json=outcome) as response:
            assert response.status == 202
        status, answer = await service.pick(
            called_number=KUNMING_MOBILE, count=6, exclude=[UNKNOWN_FORMS[0]]
        )
        assert {pair["caller"]["number"] for pair in answer["data"]} == {*UNKNOWN_FORMS[1:]}


async def test_the_rpc_door_shows_numbers_of_unknown_forms_as_ccc_does() -> None:
    async with running(emulator_of(unknown_numbers())) as address:
        settings = settings_for(f"http://{address}")
        guarded = replace(settings, auth=Auth(required="always", access_keys=(KEY,)))
        async with started(guarded) as service:
            key = {"access_key_id": KEY.id, "access_key_secret": str(KEY.secret)}
            endpoint = service.url.removeprefix("http://")
            sdk = Client(Config(endpoint=endpoint, protocol="HTTP", **key))
            listed = await sdk.list_phone_numbers_async(
                models.ListPhoneNumbersRequest(instance_id="ccc-test", page_number=1, page_size=100)
            )
            pick = await sdk.pick_outbound_numbers_async(
                models.PickOutboundNumbersRequest(
                    instance_id="ccc-test",
                    called_number=KUNMING_MOBILE,
                    skill_group_id_list=f'["{SALES}"]',
                    count=6,
                )
            )
    assert {row.number for row in listed.body.data.list} == {*UNKNOWN_FORMS}
    assert {pair.caller.number for pair in pick.body.data} == {*UNKNOWN_FORMS}


async def test_numbers_of_unknown_forms_come_out_of_the_cache_as_they_went_in(
    redis_url: str,
) -> None:
    emulator = emulator_of([*chengdu_numbers(95), *unknown_numbers(), {}])
    async with running(emulator) as address:
        settings = settings_for(f"http://{address}", redis_url)
        async with started(settings):
            pass
        emulator.faults = Faults(server_error=500)
        async with started(settings) as later:
            local = await picked(later, 6, called_number=KUNMING_MOBILE)
            _, state = await later.get("/v1/inventory")
            _, metrics = await raw(later, "/metrics")
    assert sorted(local) == sorted((number, "city") for number in UNKNOWN_FORMS)
    assert state["data"][0]["unreadable"] == 1
    assert 'callerid_unreadable_numbers{instance="ccc-test"} 1.0' in metrics


async def raw(service: Running, path: str) -> tuple[int, str]:
    async with service.client.get(f"{service.url}{path}") as response:
        return response.status, await response.text()


ODD: Sequence[Any] = (
    {"Number": "138****8888"},
    {"Number": ""},
    {},
    None,
    [],
    "02855509999",
    {"Number": {"digits": "02855509999"}},
    {"Number": "02855509999", "Active": "perhaps"},
    {"Number": "02855509999", "Active": True, "SkillGroups": SALES},
    {"Number": "02855509999", "Active": True, "Usage": 7, "SkillGroups": skill_groups(SALES)},
)


async def test_odd_rows_are_set_aside_told_of_and_never_shown_while_the_rest_serves(
    ledger_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    emulator = emulator_of([*chengdu_numbers(240), *ODD])
    async with service_over(emulator, ledger_url) as service:
        shown = {number for number, _ in await picked(service, 240)}
        for _ in range(3):
            async with service.client.post(f"{service.url}/v1/inventory/refresh") as response:
                assert response.status == 200
        _, state = await service.get("/v1/inventory")
        _, metrics = await raw(service, "/metrics")
    assert shown == {f"0285550{last:04d}" for last in range(240)}
    (inventory,) = state["data"]
    assert (inventory["numbers"], inventory["unreadable"]) == (240, 10)
    assert inventory["last_sweep"]["total"] == 250
    assert inventory["last_sweep"]["result"] == "unchanged"
    examples = inventory["unreadable_examples"]
    assert {"number": "138****8888", "reason": "Number is masked"} in examples
    assert {"number": "028****9999", "reason": "Usage cannot be read"} in examples
    assert 'callerid_unreadable_numbers{instance="ccc-test"} 10.0' in metrics
    told = [record for record in caplog.records if "rows cannot be read" in record.getMessage()]
    assert len([record for record in told if "accepted" in record.getMessage()]) == 1
    assert "02855509999" not in caplog.text + metrics + str(state)


async def test_too_many_odd_rows_fail_the_sweep_and_the_old_inventory_serves_on() -> None:
    emulator = emulator_of(chengdu_numbers(100))
    async with service_over(emulator) as service:
        emulator.faults = Faults(mask_every=10)
        url = f"{service.url}/v1/inventory/refresh"
        async with service.client.post(url) as response:
            assert response.status == 503
            assert "10 of 100 rows cannot be read" in (await response.json())["detail"]
        _, state = await service.get("/v1/inventory")
        assert state["data"][0]["unreadable"] == 10
        assert (await service.pick())[0] == 200
        emulator.faults = Faults()
        async with service.client.post(url) as response:
            assert (await response.json())["data"][0]["unreadable"] == 0


async def test_all_numbers_inactive_at_once_are_held_until_an_operator_accepts_it() -> None:
    emulator = emulator_of(chengdu_numbers(100))
    async with service_over(emulator) as service:
        emulator.faults = Faults(all_inactive=True)
        url = f"{service.url}/v1/inventory/refresh"
        for _ in range(4):
            async with service.client.post(url) as response:
                (state,) = (await response.json())["data"]
                assert (state["last_sweep"]["result"], state["candidates"]) == ("held", 100)
        assert (await service.pick())[0] == 200
        async with service.client.post(f"{url}?accept_shrink=true") as response:
            (state,) = (await response.json())["data"]
        assert (state["last_sweep"]["result"], state["candidates"]) == ("accepted", 0)
        assert (await service.pick())[0] == 409


LIES = {
    "a total": Faults(total_off_by=10**6),
    "a total, and filters": Faults(total_off_by=10**6, filters_ignored=True),
    "no end": Faults(endless=True),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_list_that_lies_is_a_failed_sweep_and_the_next_one_is_not_kept_waiting(
    lie: str,
) -> None:
    emulator = emulator_of(chengdu_numbers(100))
    async with service_over(emulator) as service:
        emulator.calls.clear()
        emulator.faults = LIES[lie]
        url = f"{service.url}/v1/inventory/refresh"
        async with service.client.post(url) as response:
            assert (response.status, (await response.json())["code"]) == (
                503,
                "InventoryUnavailable",
            )
        assert emulator.calls["ListPhoneNumbers"] <= 4 + 200
        emulator.faults = Faults()
        async with service.client.post(url) as response:
            assert response.status == 200
        assert (await service.pick())[0] == 200

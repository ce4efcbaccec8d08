"""Numbers added through one process, and what every process and a restart make of them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from service.ccc.claims import SignedCall
from service.emulator import Emulator, phone_number, running, skill_groups
from service.emulator.answers import Refusal
from service.emulator.faults import Faults
from service.provisioning import provisioner
from service.settings import NumberMatch, NumberOverride, Secret, Selection
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

NEW, NEWER, NEWEST = "13880009001", "13880009002", "13880009003"  # of Chengdu
OWN_GROUP = "new@ccc-test"


class Denying(Emulator):
    """Denies each call that adds numbers, but for the first few."""

    allowed = 1

    def _perform(self, call: SignedCall) -> dict[str, Any]:
        if call.action.startswith("Add"):
            self.allowed -= 1
            if self.allowed < 0:
                raise Refusal("Forbidden.RAM")
        return super()._perform(call)


async def posted(service: Running, path: str, *numbers: str, **fields: Any) -> tuple[int, Any]:
    body = {"numbers": numbers, "usage": "Outbound", **fields}
    async with service.client.post(f"{service.url}/v1/numbers{path}", json=body) as response:
        return response.status, await response.json(content_type=None)


async def added(service: Running, *numbers: str, **fields: Any) -> tuple[int, Any]:
    return await posted(service, "", *numbers, **fields)


async def added_in_bulk(service: Running, *numbers: str, group: str = SALES) -> tuple[int, Any]:
    return await posted(service, "/bulk", *numbers, skill_group_ids=[group])


async def shown(service: Running, number: str) -> dict[str, Any]:
    """A number as the inventory's page has it."""
    _, page = await service.get(f"/v1/numbers?q={number}")
    (entry,) = page["data"]
    return dict(entry)


async def until_picked(service: Running, number: str, group: str) -> None:
    """Wait until a number is picked for a group from the shared ledger."""
    async with asyncio.timeout(5):
        while True:
            status, answer = await service.pick(skill_group_ids=[group])
            if (status, answer.get("source")) == (200, "redis"):
                assert answer["data"][0]["caller"]["number"] == number
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def two_services(
    redis_url: str, emulator: Emulator
) -> AsyncIterator[tuple[Running, Running]]:
    async with running(emulator) as address:
        settings = settings_for(f"http://{address}", redis_url)
        assert settings.inventory.refresh_seconds == 60
        async with started(settings) as one, started(settings) as other:
            yield one, other


async def test_numbers_added_through_one_process_are_picked_through_the_other_at_once(
    redis_url: str,
) -> None:
    emulator = emulator_of(chengdu_numbers(3))
    async with two_services(redis_url, emulator) as (one, other):
        await other.pick()
        status, answer = await added_in_bulk(one, NEW, NEWER)
        picks = [await other.pick() for _ in range(5)]
        assert (await other.get(f"/v1/numbers?q={NEW}"))[1]["total"] == 1
    assert (status, answer["added"], answer["pending"]) == (200, [NEW, NEWER], [])
    callers = [picked["data"][0]["caller"]["number"] for _, picked in picks]
    assert len({*callers}) == 5
    assert {NEW, NEWER} < {*callers}
    assert {picked["source"] for _, picked in picks} == {"redis"}


async def test_a_group_that_no_replica_knew_is_picked_from_without_waiting_for_a_sweep(
    redis_url: str,
) -> None:
    emulator = emulator_of(chengdu_numbers(3))
    async with two_services(redis_url, emulator) as (one, other):
        await added_in_bulk(one, NEW, group=OWN_GROUP)
        sweeps = emulator.calls["ListPhoneNumbers"]
        await until_picked(one, NEW, OWN_GROUP)
        await until_picked(other, NEW, OWN_GROUP)
        assert emulator.calls["ListPhoneNumbers"] == sweeps


async def test_a_number_added_without_a_group_is_picked_once_ccc_binds_it_to_one(
    redis_url: str,
) -> None:
    emulator = emulator_of(chengdu_numbers(3))
    async with two_services(redis_url, emulator) as (one, other):
        status, answer = await added(one, NEW)
        assert (status, answer["added"], answer["failed"]) == (200, [NEW], [])
        entry = await shown(one, NEW)
        assert (entry["available"], entry["parked"][0]["reason"]) == (False, "no_skill_group")
        for _ in range(4):
            assert (await other.pick())[1]["data"][0]["caller"]["number"] != NEW
        row = next(row for row in emulator.numbers["ccc-test"] if row["Number"] == NEW)
        row["SkillGroups"] = skill_groups(OWN_GROUP)
        async with one.client.post(f"{one.url}/v1/inventory/refresh") as response:
            assert response.status == 200
        await until_picked(other, NEW, OWN_GROUP)


async def test_what_fails_what_is_in_use_and_what_is_in_arrears_are_told_apart() -> None:
    emulator = emulator_of(chengdu_numbers(3))
    emulator.numbers["other"] = [phone_number(Number="02855559004")]
    emulator.faults = Faults(numbers_failing="02855559005", numbers_in_arrears="02855559006")
    numbers = (NEW, "02855500000", "02855559004", "02855559005", "02855559006")
    async with service_over(emulator) as service:
        _, bulk = await added_in_bulk(service, *numbers)
        _, plain = await added(service, NEWER, *numbers[1:])
    del bulk["request_id"], plain["request_id"]
    assert bulk == {
        "added": [NEW],
        "failed": ["02855559005"],
        "in_use": ["02855500000", "02855559004"],
        "in_arrears": ["02855559006"],
        "pending": [],
    }
    assert plain == {"added": [NEWER], "failed": list(numbers[1:]), "pending": []}


async def test_trunks_cap_a_number_on_every_replica_and_after_a_restart(redis_url: str) -> None:
    emulator = emulator_of(chengdu_numbers(1))
    emulator.lines = {
        NEW: {"Trunks": 2, "TestOnly": True, "RemainingTime": 60, "AllowOutbound": False},
        NEWER: {"Trunks": 2},
    }
    override = NumberOverride(match=NumberMatch(number=Secret(NEWER)), max_concurrent=1)
    async with running(emulator) as address:
        settings = settings_for(f"http://{address}", redis_url, Selection(fallback="refuse"))
        settings = replace(settings, numbers=(override,))
        async with started(settings) as one, started(settings) as other:
            await added_in_bulk(one, NEW, NEWER, group=OWN_GROUP)
            await until_picked(other, NEW, OWN_GROUP)
            busy = [await other.pick(skill_group_ids=[OWN_GROUP]) for _ in range(2)]
            assert [status for status, _ in busy] == [200, 200]
            status, refused = await one.pick(skill_group_ids=[OWN_GROUP])
            assert (status, refused["reasons"]) == (409, {"parked": 2})
            entry = await shown(other, NEW)
            assert entry["parked"][0]["reason"] == "max_concurrent"
        emulator.faults = Faults(server_error=503)
        async with started(settings) as again:
            entry = await shown(again, NEW)
            plain = await shown(again, "02855500000")
    lines = ("trunks", "test_only", "remaining_time", "allow_outbound")
    assert [entry[name] for name in lines] == [2, True, 60, False]
    assert plain["trunks"] is None  # the answer listed it, and nobody added it


async def test_a_concurrent_slot_by_trunks_is_freed_by_an_outcome_without_a_call_id() -> None:
    emulator = emulator_of(chengdu_numbers(1))
    emulator.lines = {NEW: {"Trunks": 1}}
    async with service_over(emulator) as service:

        async def status_of_a_pick(called: str) -> int:
            return (await service.pick(called_number=called, skill_group_ids=[OWN_GROUP]))[0]

        await added_in_bulk(service, NEW, group=OWN_GROUP)
        assert await status_of_a_pick("13880001234") == 200
        assert await status_of_a_pick("13880005678") == 409
        report = {"caller_number": NEW, "called_number": "13880001234", "result": "answered"}
        async with service.client.post(f"{service.url}/v1/outcomes", json=report) as response:
            assert response.status == 202
        assert await status_of_a_pick("13880005678") == 200


async def test_a_failure_half_way_says_which_numbers_are_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provisioner, "NUMBERS_A_CALL", 2)
    numbers = [f"0285555900{last}" for last in range(5)]
    like = emulator_of(chengdu_numbers(3))
    emulator = Denying(
        like.numbers,
        like.access_keys,
        locate=like._locate,
        clock=like._clock,
        randomness=like._randomness,
    )
    async with service_over(emulator) as service:
        status, problem = await added(service, *numbers)
        _, listed = await service.get("/v1/numbers?q=028555590")
        again, refused = await added(service, *numbers[2:])
    assert (status, problem["code"]) == (502, "PartlyAdded")
    assert "Forbidden.RAM" in problem["detail"]
    places = {fate: [one["index"] for one in problem[fate]] for fate in ("added", "not_added")}
    assert places == {"added": [0, 1], "not_added": [2, 3, 4]}
    assert [entry["number"] for entry in listed["data"]] == numbers[:2]
    assert (again, refused["code"]) == (502, "CccRefused")


async def test_after_a_lost_answer_the_refresh_tells_what_is_in() -> None:
    emulator = emulator_of(chengdu_numbers(3))
    async with service_over(emulator) as service:
        emulator.faults = Faults(
            lost_answers="AddPhoneNumbers,AddBulkPhoneNumbers", numbers_failing=NEWEST
        )
        done, answer = await added(service, NEW)
        status, problem = await added_in_bulk(service, NEWER, NEWEST)
    assert (done, answer["added"]) == (200, [NEW])
    assert (status, problem["code"]) == (502, "PartlyAdded")
    places = {fate: [one["index"] for one in problem[fate]] for fate in ("added", "unknown")}
    assert places == {"added": [0], "unknown": [1]}
    assert emulator.calls["AddBulkPhoneNumbers"] == 1


async def test_a_refresh_that_fails_leaves_the_new_numbers_pending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    emulator = emulator_of(chengdu_numbers(3))
    async with service_over(emulator) as service:
        emulator.faults = Faults(denied_actions="ListPhoneNumbers")
        with caplog.at_level(logging.WARNING):
            status, answer = await added_in_bulk(service, NEW)
        emulator.faults = Faults()
        async with service.client.post(f"{service.url}/v1/inventory/refresh") as response:
            assert response.status == 200
        entry = await shown(service, NEW)
    assert (status, answer["added"], answer["pending"]) == (200, [NEW], [NEW])
    assert "Forbidden.RAM" in caplog.text
    assert NEW not in caplog.text
    assert entry["trunks"] == 3

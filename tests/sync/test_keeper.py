"""A keeper alone: when it sweeps, what it believes, what it shows."""

import asyncio
from typing import Any

import msgspec
import pytest

from service.ccc.client import CccClient
from service.ccc.payloads import ListedPage
from service.emulator import Emulator, Faults
from service.errors import CccUnavailable
from service.inventory import Inventory, Moves
from service.locality import Locator
from service.settings import InventorySettings
from service.sync import keeper as keeper_module
from service.sync.leader import Term
from tests.sync.building import (
    INSTANCE,
    Replica,
    rows,
    set_numbers,
    until,
)

BAD = {
    "drop_connection": True,
    "server_error": 500,
    "throttle_every": 1,
    "forbidden": True,
    "code_not_ok": True,
    "missing_data": True,
    "missing_list": True,
    "short_pages": True,
    "shifting_pages": True,
    "garbage": True,
    "empty_body": True,
    "truncated": True,
}


async def test_a_process_alone_sweeps_at_the_start_and_when_it_is_due(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    async with Replica(ccc, locator, None).at_work() as replica:
        await until(lambda: len(replica.names) == 300)
        expected = set_numbers(emulator, 301)
        replica.clock.now += 59.0
        await asyncio.sleep(0.05)
        assert len(replica.names) == 300
        replica.clock.now += 2.0
        await until(lambda: replica.names == expected)


@pytest.mark.parametrize(("refresh", "most"), [(1, 0.32), (60, 6.25)])
async def test_whether_a_sweep_is_due_is_asked_often_enough(
    ccc: CccClient,
    locator: Locator,
    monkeypatch: pytest.MonkeyPatch,
    refresh: float,
    most: float,
) -> None:
    monkeypatch.setattr(keeper_module, "POLL_SECONDS", 5.0)
    config = InventorySettings(refresh_seconds=refresh)
    assert 0 < Replica(ccc, locator, None, config).keeper._poll_seconds < most


async def test_a_new_snapshot_is_told_to_who_subscribed_once(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    replica = Replica(ccc, locator, None)
    told: list[Inventory] = []
    replica.keeper.subscribe(lambda inventory, _: told.append(inventory))
    for count in (300, 300, 301):
        set_numbers(emulator, count)
        await replica.keeper.refresh()
    assert [len(inventory) for inventory in told] == [300, 301]
    assert told[1] is replica.keeper.inventory
    assert told[0].generation < told[1].generation


@pytest.mark.parametrize("fault", BAD)
async def test_a_bad_sweep_leaves_a_good_inventory(
    emulator: Emulator, ccc: CccClient, locator: Locator, fault: str
) -> None:
    replica = Replica(ccc, locator, None)
    await replica.keeper.refresh()
    good = replica.keeper.inventory
    emulator.faults = msgspec.convert({fault: BAD[fault]}, Faults)
    for _ in range(4):
        replica.clock.now += 300
        report = await replica.keeper.refresh()
        assert report.result in {"failed", "incomplete", "unchanged"}
    assert replica.keeper.inventory is good


async def test_a_late_page_that_fails_fails_the_sweep_and_not_the_keeper(
    ccc: CccClient, locator: Locator, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = ccc.list_phone_numbers

    async def fails_from_the_second(instance_id: str, **asked: Any) -> ListedPage:
        if asked["page_number"] > 1:
            raise CccUnavailable("Timeout", "no answer")
        return await listed(instance_id, **asked)

    async with Replica(ccc, locator, None).at_work() as replica:
        with monkeypatch.context() as broken:
            broken.setattr(ccc, "list_phone_numbers", fails_from_the_second)
            await until(lambda: replica.metric("sweeps_total", result="failed") == 1)
        replica.clock.now += 60
        await until(lambda: len(replica.names) == 300)


async def test_while_there_is_nothing_to_serve_from_a_failure_is_tried_again_ever_later(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    emulator.faults = Faults(forbidden=True)
    replica = Replica(ccc, locator, None)
    pauses = []
    for _ in range(6):
        term = Term(1, replica.clock())
        pauses.append(await replica.keeper._sweep(term, alone=True))
    assert pauses == [5, 10, 20, 40, 40, 40]
    emulator.faults = Faults()
    assert await replica.keeper._sweep(term, alone=True) == 60
    emulator.faults = Faults(forbidden=True)
    assert await replica.keeper._sweep(term, alone=True) == 60


async def test_sweeps_are_logged_where_they_are_news(
    emulator: Emulator, ccc: CccClient, locator: Locator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    replica = Replica(ccc, locator, None)
    for faults in (Faults(), Faults(forbidden=True), Faults(server_error=500), Faults()):
        emulator.faults = faults
        for _ in range(3):
            await replica.keeper.refresh()
    emulator.numbers[INSTANCE] = rows(301)
    await replica.keeper.refresh()
    told = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(" ")[2] for line in told] == [
        *("accepted", "unchanged", "failed", "failed", "unchanged", "accepted")
    ]


async def test_over_shifting_pages_a_start_still_serves(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    set_numbers(emulator, 3000)
    emulator.faults = Faults(shifting_pages=True)
    replica = Replica(ccc, locator, None)
    assert (await replica.keeper.refresh()).result == "incomplete"
    assert len(replica.names) > 1500


async def test_a_large_loss_is_held_and_after_ten_minutes_accepted(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    replica = Replica(ccc, locator, None)
    await replica.keeper.refresh()
    rest = set_numbers(emulator, 100)
    for _ in range(2):
        report = await replica.keeper.refresh()
        assert (report.result, report.held) == ("held", 200)
        assert replica.metric("sweep_shrink_held") == 1
        replica.clock.now += 300
    assert len(replica.names) == 300
    report = await replica.keeper.refresh()
    assert (report.result, report.removed) == ("accepted", 200)
    assert replica.metric("sweep_shrink_held") == 0
    assert replica.names == rest


async def test_an_empty_answer_waits_for_an_operator(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    replica = Replica(ccc, locator, None)
    await replica.keeper.refresh()
    set_numbers(emulator, 0)
    for _ in range(5):
        replica.clock.now += 300
        assert (await replica.keeper.refresh()).result == "held"
    assert len(replica.names) == 300
    assert (await replica.keeper.refresh(accept_shrink=True)).result == "accepted"
    assert replica.keeper.inventory is not None
    assert replica.names == set()


async def test_an_inventory_that_no_sweep_confirms_grows_stale(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    replica = Replica(ccc, locator, None)
    assert replica.keeper.is_stale
    await replica.keeper.refresh()
    emulator.faults = Faults(server_error=503)
    replica.clock.now += 601
    assert (await replica.keeper.refresh()).result == "failed"
    assert replica.keeper.is_stale
    assert replica.keeper.age == 601
    emulator.faults = Faults()
    await replica.keeper.refresh()
    assert not replica.keeper.is_stale


async def test_the_numbers_are_shown_by_usage_and_candidacy(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    emulator.numbers[INSTANCE] = rows(4)
    emulator.numbers[INSTANCE][0] |= {"Usage": "Inbound"}
    replica = Replica(ccc, locator, None)
    await replica.keeper.refresh()
    shown = {"usage": "Bidirection", "available": "true"}
    assert replica.metric("inventory_numbers", **shown) == 3
    assert replica.metric("inventory_numbers", usage="Inbound", available="false") == 1
    for row in emulator.numbers[INSTANCE]:
        row["Active"] = False
    await replica.keeper.refresh(accept_shrink=True)
    assert replica.metric("inventory_numbers", **shown) == 0


async def test_a_foreign_error_does_not_end_the_keeper(
    ccc: CccClient, locator: Locator, caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica(ccc, locator, None)

    def broken(_inventory: Inventory, _moves: Moves) -> None:
        replica.keeper._replica._callbacks.clear()
        raise KeyError("a subscriber's own")

    replica.keeper.subscribe(broken)
    async with replica.at_work():
        await until(lambda: any(record.exc_info for record in caplog.records))
        replica.clock.now += 120
        await until(lambda: replica.metric("sweeps_total", result="unchanged") == 1)

"""The machine's clock is set an hour back and forward: nothing stops, and nothing looks old."""

import time

import pytest
from msgspec.structs import replace

from service.emulator import running
from service.settings import InventorySettings
from tests.waiting import eventually
from tests.whole.services import (
    Running,
    chengdu_numbers,
    emulator_of,
    service_over,
    settings_for,
    started,
)


class WallClock:
    """The machine's clock, which can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        seconds, nanoseconds = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: seconds() + self.ahead)
        monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + int(self.ahead * 10**9))


@pytest.mark.parametrize("ledger", ["embedded", "shared"])
async def test_a_clock_that_is_set_stops_no_sweep_and_makes_nothing_old(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, ledger: str
) -> None:
    wall, emulator = WallClock(monkeypatch), emulator_of(chengdu_numbers(5))
    async with running(emulator) as address:
        settings = settings_for(f"http://{address}", redis_url if ledger == "shared" else "")
        settings = replace(settings, inventory=InventorySettings(refresh_seconds=1))
        async with started(settings) as service:
            for ahead in (-3600.0, 3600.0):
                wall.ahead = ahead
                before = emulator.calls["ListPhoneNumbers"]
                await check(service)
                await eventually(lambda: emulator.calls["ListPhoneNumbers"] > before)  # noqa: B023
                await check(service)


async def check(service: Running) -> None:
    _, shown = await service.get("/v1/inventory")
    assert not shown["data"][0]["stale"]
    assert 0 <= shown["data"][0]["age_seconds"] < 60
    assert (await service.pick())[0] == 200


@pytest.mark.parametrize("ledger", ["embedded", "shared"])
async def test_a_number_that_is_parked_after_the_clock_was_set_is_not_picked(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, ledger: str
) -> None:
    wall, emulator = WallClock(monkeypatch), emulator_of(chengdu_numbers(3))
    async with service_over(emulator, redis_url if ledger == "shared" else "") as service:
        for ahead, number in ((-3600.0, "02855500000"), (3600.0, "02855500001")):
            await service.pick()
            wall.ahead = ahead
            await service.pick()
            path = f"{service.url}/v1/numbers/{number}/park"
            async with service.client.put(path, json={"seconds": 60, "reason": "flagged"}) as told:
                assert told.status == 200
            answers = [(await service.pick())[1] for _ in range(6)]
            assert number not in {answer["data"][0]["caller"]["number"] for answer in answers}
            _, page = await service.get(f"/v1/numbers?q={number}")
            assert not page["data"][0]["available"]

"""What is learned of prefixes: asked once, shared by all replicas, waited for by nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.ccc.client import CccClient
from service.ccc.payloads import PickedNumber
from service.emulator import Emulator, Faults
from service.locality import Locator
from service.metrics import Metrics
from service.sync import Localities
from tests.sync.building import INSTANCE, Clock, client_to, emulator_of, until

KEY = "replicas:1:localities"
PREFIX, NUMBER = "1401234", "14012345678"  # a series that the table lacks


@pytest.fixture
def own_locator(phone_dat: bytes) -> Locator:
    locator = Locator(phone_dat)
    assert locator.unknown_prefix(locator.locate(NUMBER)) == PREFIX
    return locator


@pytest.fixture
def emulator() -> Emulator:
    return emulator_of([])


@pytest.fixture
async def ccc(emulator: Emulator) -> AsyncIterator[CccClient]:
    async with client_to(emulator) as client:
        yield client


@asynccontextmanager
async def localities_of(
    locator: Locator, ccc: CccClient, redis: Any, clock: Callable[[], float]
) -> AsyncIterator[Localities]:
    localities = Localities(
        locator, {INSTANCE: ccc}, redis=redis, key=KEY, clock=clock, metrics=Metrics()
    )
    task = asyncio.create_task(localities.run())
    try:
        yield localities
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def city_of(locator: Locator) -> str:
    return locator.locate(NUMBER).locality.city


def asked(emulator: Emulator) -> int:
    return emulator.calls["GetNumberLocation"]


async def test_an_unknown_prefix_is_asked_of_ccc_once_and_known_from_then(
    own_locator: Locator, emulator: Emulator, ccc: CccClient, redis: Any
) -> None:
    async with localities_of(own_locator, ccc, redis, Clock()) as localities:
        for _ in range(100):
            localities.note(PREFIX, NUMBER, INSTANCE)
        assert city_of(own_locator) == ""
        await until(lambda: city_of(own_locator) == "昆明")
        localities.note(PREFIX, NUMBER, INSTANCE)
        await asyncio.sleep(0.02)
    assert asked(emulator) == 1
    assert localities._metrics.unknown_prefixes._value.get() == 101


async def test_what_one_replica_learned_another_knows_at_its_start(
    own_locator: Locator, phone_dat: bytes, emulator: Emulator, ccc: CccClient, redis: Any
) -> None:
    async with localities_of(own_locator, ccc, redis, Clock()) as localities:
        localities.note(PREFIX, NUMBER, INSTANCE)
        await until(lambda: bool(city_of(own_locator)) and not localities._unsaved)
    other = Locator(phone_dat)
    async with localities_of(other, ccc, redis, Clock()):
        await until(lambda: city_of(other) == "昆明")
    assert asked(emulator) == 1
    assert await redis.hgetall(KEY) == {PREFIX.encode(): "云南|昆明".encode()}


async def test_what_a_pick_was_told_by_the_way_needs_no_question(
    own_locator: Locator, emulator: Emulator, ccc: CccClient, redis: Any
) -> None:
    async with localities_of(own_locator, ccc, redis, Clock()) as localities:
        localities.teach(PREFIX, "四川", "乐山")
        assert city_of(own_locator) == "乐山"
        localities.note(PREFIX, NUMBER, INSTANCE)
        await until(lambda: not localities._unsaved and not localities._questions)
    assert asked(emulator) == 0
    assert await redis.hget(KEY, PREFIX) == "四川|乐山".encode()


async def test_the_place_of_another_number_teaches_nothing(
    own_locator: Locator, ccc: CccClient, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of_another(_instance_id: str, number: str) -> PickedNumber:
        return PickedNumber(f"{number[:-1]}0", "云南", "昆明")

    monkeypatch.setattr(ccc, "get_number_location", of_another)
    async with localities_of(own_locator, ccc, redis, Clock()) as localities:
        localities.note(PREFIX, NUMBER, INSTANCE)
        await until(lambda: not localities._questions)
    assert city_of(own_locator) == ""
    assert await redis.hgetall(KEY) == {}


@pytest.mark.parametrize(("fault", "rest"), [(False, 86_400.0), (True, 60.0)])
async def test_a_prefix_without_an_answer_rests_before_it_is_asked_again(
    own_locator: Locator, emulator: Emulator, ccc: CccClient, *, fault: bool, rest: float
) -> None:
    clock = Clock()
    emulator._locate = lambda _dialled: ("", "")
    emulator.faults = Faults(forbidden=fault)
    async with localities_of(own_locator, ccc, None, clock) as localities:

        async def note() -> int:
            localities.note(PREFIX, NUMBER, INSTANCE)
            await until(lambda: not localities._questions)
            return asked(emulator)

        assert [await note(), await note()] == [1, 1]
        clock.now += rest
        assert await note() == 2


async def test_an_instance_whose_ccc_does_not_answer_keeps_no_other_waiting(
    own_locator: Locator, emulator: Emulator, ccc: CccClient
) -> None:
    silent = emulator_of([])
    silent.faults = Faults(hang_seconds=60)
    async with client_to(silent, budget=0.5) as hangs:
        localities = Localities(
            own_locator,
            {"hangs": hangs, INSTANCE: ccc},
            redis=None,
            key=KEY,
            clock=Clock(),
            metrics=Metrics(),
        )
        for n in range(50):
            localities.note(f"140{n:04}", f"140{n:04}0000", "hangs")
        localities.note(PREFIX, NUMBER, INSTANCE)
        task = asyncio.create_task(localities.run())
        await until(lambda: city_of(own_locator) == "昆明")
        await until(lambda: PREFIX not in localities._questions)
        assert len(localities._questions) == 50
        await until(lambda: not localities._questions)
        assert asked(silent) <= 3  # attempts of one call, not a call for each
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_burst_of_unknown_prefixes_waits_in_a_bounded_queue(
    own_locator: Locator, ccc: CccClient
) -> None:
    localities = Localities(
        own_locator, {INSTANCE: ccc}, redis=None, key=KEY, clock=Clock(), metrics=Metrics()
    )
    for n in range(1000):
        localities.note(f"140{n:04}", f"140{n:04}0000", INSTANCE)
    assert len(localities._questions) == 100


async def test_what_is_no_prefix_in_redis_is_passed_over(
    own_locator: Locator, ccc: CccClient, redis: Any
) -> None:
    await redis.hset(KEY, mapping={b"\xff": b"\xff", b"12": b"x", PREFIX: "云南|昆明"})
    async with localities_of(own_locator, ccc, redis, Clock()):
        await until(lambda: city_of(own_locator) == "昆明")

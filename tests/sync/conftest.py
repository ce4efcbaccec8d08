"""A client of the session's Redis, the real prefix table, and keepers that look often."""

from collections.abc import AsyncIterator
from importlib import resources

import pytest
from redis.asyncio import Redis

from service.ccc.client import CccClient
from service.emulator import Emulator
from service.locality import Locator
from service.redis_.client import open_client
from service.sync import keeper, leader
from tests.sync.building import client_to, emulator_of, rows
from tests.waiting import LONG


@pytest.fixture(scope="session")
def phone_dat() -> bytes:
    return resources.files("phone").joinpath("phone.dat").read_bytes()


@pytest.fixture(scope="session")
def locator(phone_dat: bytes) -> Locator:
    return Locator(phone_dat)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=LONG) as client:
        yield client


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(keeper, "SHORTEST_PAUSE", 0.001)
    monkeypatch.setattr(leader, "RENEW_SECONDS", 0.02)


@pytest.fixture
def emulator() -> Emulator:
    return emulator_of(rows(300))


@pytest.fixture
async def ccc(emulator: Emulator) -> AsyncIterator[CccClient]:
    async with client_to(emulator) as client:
        yield client

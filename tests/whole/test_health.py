"""A number that goes unanswered, from the outcomes of its calls to its quarantine."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from service.emulator import running
from service.health import rules, store, watch
from service.settings import HealthSettings
from tests.whole.services import Running, chengdu_numbers, emulator_of, settings_for, started

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

FALLEN = "02855500000"


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(watch, "WRITE_SECONDS", 0.02)
    monkeypatch.setattr(store, "LEAD_MS", 20)
    monkeypatch.setattr(rules, "HOUR", 200)  # ms


async def call(service: Running, first: int) -> None:
    """Pick and tell the outcome: most calls are answered, from the fallen number none."""
    for turn in range(first, first + 50):
        _, answer = await service.pick(call_id=f"call-{turn}", called_number="13880001234")
        number = answer["data"][0]["caller"]["number"]
        answered = number != FALLEN and turn % 3 != 0
        report: dict[str, Any] = {
            "call_id": f"call-{turn}",
            "result": "answered" if answered else "no_answer",
        }
        async with service.client.post(f"{service.url}/v1/outcomes", json=report) as response:
            assert response.status == 202


def reasons(listed: dict[str, Any]) -> set[str]:
    return {parked["reason"] for parked in listed["data"][0]["parked"]}


@pytest.mark.parametrize("is_shared", [True, False], ids=["redis", "memory"])
async def test_a_number_that_goes_unanswered_is_quarantined_and_shown(
    redis_url: str, *, is_shared: bool
) -> None:
    async with running(emulator_of(chengdu_numbers(5))) as address:
        settings = settings_for(f"http://{address}", redis_url if is_shared else "")
        async with started(replace(settings, health=HealthSettings(enabled=True))) as service:

            def quarantined() -> float | None:
                return service.service.metrics.registry.get_sample_value(
                    "callerid_health_transitions_total",
                    {"instance": "ccc-test", "state": "quarantined"},
                )

            first = 0
            async with asyncio.timeout(60):
                while not quarantined():
                    await call(service, first)
                    first += 50
            async with asyncio.timeout(5):
                while True:
                    _, listed = await service.get(f"/v1/numbers?q={FALLEN}")
                    if "quarantine" in reasons(listed):
                        break
                    await asyncio.sleep(0.02)
            picks = [(await service.pick())[1] for _ in range(10)]
    assert quarantined() == 1
    assert listed["data"][0]["available"] is False
    assert "expected of calls like these" in listed["data"][0]["health"]
    assert FALLEN not in {answer["data"][0]["caller"]["number"] for answer in picks}

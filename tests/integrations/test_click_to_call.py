"""The CRM example of the manual, over a network that loses answers."""

import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from types import ModuleType

import pytest

from tests.integrations.calls import ONE_PER_CALLEE
from tests.integrations.programs import PAGES, ROOT, ended
from tests.integrations.way import Way, way_to
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    service_over,
)

EXAMPLE = PAGES / "crm" / "click_to_call.py"
QUESTION = {"called_number": CHENGDU_MOBILE, "skill_group_ids": [SALES], "call_id": "click-1"}


@pytest.fixture
def crm() -> ModuleType:
    spec = importlib.util.spec_from_file_location("click_to_call", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with service_over(emulator_of(chengdu_numbers(3)), selection=ONE_PER_CALLEE) as running:
        yield running


@pytest.fixture
async def way(service: Running) -> AsyncIterator[Way]:
    async with way_to(service.url) as between:
        yield between


async def used(service: Running) -> dict[str, int]:
    _, listed = await service.get("/v1/numbers")
    return {one["number"]: one["used_day"] for one in listed["data"] if one["used_day"]}


async def test_a_click_whose_answers_were_lost_counts_once_and_gets_its_number(
    crm: ModuleType, service: Running, way: Way
) -> None:
    way.losses = 2
    caller = await crm.pick(service.client, way.url, QUESTION)
    assert way.asked == 3
    assert await used(service) == {caller: 1}


async def test_a_service_that_is_busy_is_asked_again(
    crm: ModuleType, service: Running, way: Way
) -> None:
    way.busy = 2
    assert await crm.pick(service.client, way.url, QUESTION) == "02855500000"
    assert way.asked == 3


async def test_a_refusal_is_not_tried_again(crm: ModuleType, service: Running, way: Way) -> None:
    await crm.pick(service.client, way.url, QUESTION)
    with pytest.raises(crm.Refused, match="CalleeBudgetExceeded") as refused:
        await crm.pick(service.client, way.url, {**QUESTION, "call_id": "click-2"})
    assert way.asked == 2
    assert 290 <= refused.value.retry_after <= 300


async def test_a_service_that_waits_for_longer_is_given_up(
    crm: ModuleType, service: Running, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crm, "SECONDS_IN_ALL", 0.2)
    way.is_open.clear()
    with pytest.raises(crm.Away):
        await crm.pick(service.client, way.url, QUESTION)


async def test_from_the_command_line_it_prints_the_number(service: Running) -> None:
    words = (sys.executable, EXAMPLE, CHENGDU_MOBILE, "--skill-group", SALES)
    done = await ended(*words, "--url", service.url, "--call-id", "click-3", directory=ROOT)
    assert done.status == 0
    assert json.loads(done.output) == {"caller": "02855500000", "call_id": "click-3"}


async def test_from_the_command_line_a_refusal_is_its_code(service: Running) -> None:
    words = (sys.executable, EXAMPLE, "120", "--skill-group", SALES, "--url", service.url)
    done = await ended(*words, directory=ROOT)
    assert done.status == 1
    assert done.output.startswith("InvalidCalledNumber")

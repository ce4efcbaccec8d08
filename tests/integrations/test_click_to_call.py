"""The CRM example of the manual, over a network that loses answers."""

import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from types import ModuleType

import pytest

from tests.integrations.calls import HOSTILE, ONE_PER_CALLEE, is_stopped, stopping_at, told
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

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

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
    call = await crm.pick(service.client, way.url, QUESTION)
    assert way.asked == 3
    assert await used(service) == {call.caller: 1}


async def test_a_service_that_is_busy_is_asked_again(
    crm: ModuleType, service: Running, way: Way
) -> None:
    way.busy = 2
    assert await crm.pick(service.client, way.url, QUESTION) == ("02855500000", CHENGDU_MOBILE)
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
    assert json.loads(done.output) == {
        "caller": "02855500000",
        "callee": CHENGDU_MOBILE,
        "call_id": "click-3",
    }


async def test_from_the_command_line_a_refusal_is_its_code(service: Running) -> None:
    words = (sys.executable, EXAMPLE, "120", "--skill-group", SALES, "--url", service.url)
    done = await ended(*words, directory=ROOT)
    assert done.status == 1
    assert done.output.startswith("InvalidCalledNumber")


async def test_an_outcome_whose_answer_was_lost_is_told_again_and_counted_once(
    crm: ModuleType, way: Way, service: Running
) -> None:
    await crm.pick(service.client, way.url, QUESTION)
    way.losses = 1
    await crm.tell(service.client, way.url, {"call_id": "click-1", "result": "answered"})
    assert way.asked == 3
    assert told(service, "answered") == 1


async def test_an_outcome_of_no_call_is_refused(crm: ModuleType, service: Running) -> None:
    with pytest.raises(crm.Refused, match="UnknownCall"):
        await crm.tell(service.client, service.url, {"call_id": "none", "result": "answered"})


async def test_from_the_command_line_the_code_of_the_trunk_stops_the_callee() -> None:
    async with stopping_at(607) as service:
        words = (sys.executable, EXAMPLE, CHENGDU_MOBILE, "--url", f"{service.url}//")
        call = ("--call-id", "click-4")
        done = await ended(*words, *call, "--skill-group", SALES, directory=ROOT)
        assert done.status == 0, done.output
        over = ("--outcome", "blocked", "--sip-code", "607")
        done = await ended(*words, *call, *over, directory=ROOT)
        assert (done.status, done.output) == (0, "")
        assert told(service, "blocked") == 1
        assert await is_stopped(service)


async def test_what_is_dialled_is_never_what_was_typed(crm: ModuleType, service: Running) -> None:
    for at, called in enumerate(HOSTILE):
        question = QUESTION | {"called_number": called, "call_id": f"typed-{at}"}
        if called == "138 8000 1234":
            assert (await crm.pick(service.client, service.url, question)).callee == "13880001234"
            continue
        with pytest.raises(crm.Refused, match="InvalidCalledNumber"):
            await crm.pick(service.client, service.url, question)

"""CCC's own pick over signed HTTP: believed where it answers the question, and learned from."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from service.emulator import Emulator
from tests.whole.services import CHENGDU_MOBILE, chengdu_numbers, emulator_of, service_over

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

NEW = "new@ccc-test"  # a group without any number in the inventory
CALLER = "02855500001"
UNKNOWN = "14012345678"  # of a prefix that the table lacks

Pairs = list[dict[str, Any]]


def pair(callee: Any, caller: Any = CALLER) -> dict[str, Any]:
    place = {"Province": "云南", "City": "昆明"}
    return {"Caller": {"Number": caller, **place}, "Callee": {"Number": callee, **place}}


def answering(pairs: Callable[[str], Any], count: int, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Make an emulator whose PickOutboundNumbers answers these pairs for what was dialled."""
    emulator = emulator_of(chengdu_numbers(count))
    perform = emulator._perform

    def performed(call: Any) -> dict[str, Any]:
        answer = perform(call)
        if call.action != "PickOutboundNumbers":
            return answer
        return {"Data": pairs(call.params["CalledNumber"])}

    monkeypatch.setattr(emulator, "_perform", performed)
    return emulator


async def test_a_number_that_ccc_gives_five_times_is_shown_once_and_spent_once(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = answering(lambda called: [pair(called)] * 5, 3, monkeypatch)
    async with service_over(emulator, redis_url) as service:
        status, answer = await service.pick(skill_group_ids=[NEW], count=5)
        _, page = await service.get("/v1/numbers?q=02855500001")
    assert (status, answer["source"]) == (200, "ccc")
    assert [shown["caller"]["number"] for shown in answer["data"]] == [CALLER]
    assert page["data"][0]["used_day"] == 1


@pytest.mark.parametrize(
    "pairs",
    [
        lambda _: [pair("13800000000")],
        lambda called: [pair(called), pair("13800000000", "02855500002")],
        lambda _: [pair("")],
        lambda _: [pair(None)],
        lambda called: [{"Caller": pair(called)["Caller"]}],
        lambda called: [pair(f"{called[:3]}****{called[-4:]}")],
    ],
    ids=["another", "another-too", "empty", "null", "missing", "masked"],
)
async def test_what_ccc_answers_for_another_callee_is_refused_and_teaches_nothing(
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    pairs: Callable[[str], Pairs],
) -> None:
    async with service_over(answering(pairs, 3, monkeypatch), redis_url) as service:
        status, answer = await service.pick(called_number=UNKNOWN, skill_group_ids=[NEW])
        _, page = await service.get("/v1/numbers")
        _, after = await service.pick(called_number=UNKNOWN)
    assert (status, answer["code"]) == (409, "NoEligibleNumber")
    assert [own["used_day"] for own in page["data"]] == [0, 0, 0]
    assert after["data"][0]["callee"]["province"] == ""
    lines = [line for line in caplog.messages if "not believed" in line]
    assert len(lines) == 1
    assert not re.search("[0-9]{7}", lines[0])


@pytest.mark.parametrize(
    "form",
    [str, int, lambda called: f"+86 {called}", lambda called: f"0086{called}"],
    ids=["canonical", "integer", "plus", "zeros"],
)
async def test_ccc_may_name_the_callee_in_any_form(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, form: Callable[[str], Any]
) -> None:
    emulator = answering(lambda called: pair(form(called)), 3, monkeypatch)
    async with service_over(emulator, redis_url) as service:
        for called in (CHENGDU_MOBILE, "02886001234", UNKNOWN):
            status, answer = await service.pick(called_number=called, skill_group_ids=[NEW])
            assert (status, answer["source"]) == (200, "ccc")
        _, after = await service.pick(called_number=UNKNOWN)
    assert after["data"][0]["callee"]["province"] == "云南"

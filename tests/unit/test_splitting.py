"""Sweeps beyond what paging reaches, against an oracle whose patterns match anywhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import SweepFailed
from service.inventory import PhoneNumber
from service.sync.acceptance import Sweep
from service.sync.sweeping import course, reading, splitting
from service.sync.sweeping.course import course_of
from service.sync.sweeping.reading import PageRead, PageRequest
from service.sync.sweeping.splitting import Part, pages_of

MANY = 6_000  # by pages of ten of which a hundred are listed, as 60,000 are by real ones
LEAST_OF_MANY = 600
USAGES = ("Outbound", "Inbound", "Bidirection")


class Oracle:
    """ListPhoneNumbers over a list, with its limits; `before_each` may change the list."""

    def __init__(
        self, numbers: Sequence[PhoneNumber], before_each: Callable[[], object] = list
    ) -> None:
        self.numbers = list(numbers)
        self.calls = 0
        self._before_each = before_each
        self._found: dict[Part, list[PhoneNumber]] = {}

    def answer(self, ask: PageRequest) -> PageRead:
        self.calls += 1
        self._before_each()
        assert 1 <= ask.page <= pages_of(splitting.MOST_NUMBERS)
        if ask.part not in self._found:
            self._found[ask.part] = list(filter(ask.part.holds, self.numbers))
        found = self._found[ask.part]
        end = ask.page * splitting.PAGE_SIZE
        return PageRead(len(found), found[end - splitting.PAGE_SIZE : end])

    def add(self, number: PhoneNumber, at: int) -> None:
        self.numbers.insert(at, number)
        self._found.clear()

    def remove(self, at: int) -> PhoneNumber:
        self._found.clear()
        return self.numbers.pop(at)

    def swept(self, known: Mapping[str, PhoneNumber] | None = None) -> Sweep:
        sweeping = course_of(known or {})
        try:
            asks = next(sweeping)
            while True:
                asks = sweeping.send([self.answer(ask) for ask in asks])
        except StopIteration as end:
            sweep: Sweep = end.value
            return sweep


@contextmanager
def pages_of_ten() -> Iterator[None]:
    """Paging at a tenth of its size: as if each number were ten."""
    with ExitStack() as stack:
        for module in (splitting, reading, course):
            stack.enter_context(patch.object(module, "MOST_NUMBERS", 1_000))
        stack.enter_context(patch.multiple(splitting, PAGE_SIZE=10, GOAL=500, CELL_GOAL=900))
        yield


@contextmanager
def pages_of_two() -> Iterator[None]:
    """Paging that ends at 20 numbers, two a page: as if a few numbers were many."""
    with ExitStack() as stack:
        for module in (splitting, reading, course):
            stack.enter_context(patch.object(module, "MOST_NUMBERS", 20))
        stack.enter_context(patch.multiple(splitting, PAGE_SIZE=2, GOAL=10, CELL_GOAL=15))
        stack.enter_context(patch.object(course, "REQUESTS_A_PAGE", 1000))
        yield


def some(numbers: Sequence[str] | set[str], randomness: Random) -> list[PhoneNumber]:
    return [
        PhoneNumber(each, usage=randomness.choice(USAGES), active=randomness.random() < 0.9)
        for each in numbers
    ]


def spread_unevenly(count: int, randomness: Random) -> list[PhoneNumber]:
    """Two thirds of them of one area code, the rest of 50 others and of 50 mobile prefixes."""
    numbers: set[str] = set()
    others = [f"0{code}" for code in randomness.sample(range(311, 999), 50)]
    others += [f"1{code}" for code in randomness.sample(range(3000, 9999), 50)]
    while len(numbers) < count * 2 // 3:
        numbers.add(f"010{randomness.randrange(10**8):08}")
    while len(numbers) < count:
        prefix = randomness.choice(others)
        numbers.add(f"{prefix}{randomness.randrange(10 ** (11 - len(prefix))):0{11 - len(prefix)}}")
    return some(sorted(numbers), randomness)


@pytest.fixture
def many() -> Iterator[list[PhoneNumber]]:
    with pages_of_ten():
        yield spread_unevenly(MANY, Random(1))


@pytest.mark.no_cover  # thousands of steps
def test_sixty_thousand_in_any_order_are_all_found_from_nothing() -> None:
    numbers = spread_unevenly(60_000, Random(1))
    oracle = Oracle(Random(2).sample(numbers, len(numbers)))
    assert oracle.swept() == whole(numbers)
    assert oracle.calls < 2 * LEAST_OF_MANY


@pytest.mark.no_cover  # thousands of steps
def test_many_in_their_order_are_all_found_from_nothing(many: list[PhoneNumber]) -> None:
    assert Oracle(many).swept() == whole(many)


def whole(numbers: Sequence[PhoneNumber]) -> Sweep:
    listed = {each.number: each for each in numbers}
    return Sweep(listed, complete=True, total=len(numbers))


@pytest.mark.no_cover  # thousands of steps
def test_who_knows_them_finds_them_again_in_few_more_calls_than_pages(
    many: list[PhoneNumber],
) -> None:
    oracle = Oracle(many)
    assert oracle.swept({each.number: each for each in many}).complete
    assert oracle.calls < 1.25 * LEAST_OF_MANY


def test_usage_and_activity_alone_cut_what_they_can() -> None:
    numbers = some([f"0105{n:07}" for n in range(2_000)], Random(3))
    oracle = Oracle(numbers)
    with pages_of_ten():
        assert oracle.swept({each.number: each for each in numbers}).complete
    assert oracle.calls < 200 + 10


@pytest.mark.no_cover  # thousands of steps
def test_while_numbers_come_and_go_none_that_stays_is_missed(many: list[PhoneNumber]) -> None:
    """One comes or goes with every 20th page; those that left are ruled out all the same."""
    randomness = Random(4)
    fresh = iter(some([f"1770{n:07}" for n in range(1000)], randomness))
    gone: list[str] = []

    def come_or_go() -> None:
        if not randomness.randrange(20):
            if randomness.randrange(2):
                oracle.add(next(fresh), randomness.randrange(len(oracle.numbers)))
            else:
                gone.append(oracle.remove(randomness.randrange(len(oracle.numbers))).number)

    oracle = Oracle(many, come_or_go)
    known = {each.number: each for each in many}
    sweep = oracle.swept(known)
    assert len(gone) > 10
    assert known.keys() - set(gone) <= sweep.numbers.keys()
    assert all(sweep.rules_out(number) for number in known.keys() - sweep.numbers.keys())
    assert oracle.calls < 2 * LEAST_OF_MANY


@pytest.mark.no_cover  # thousands of steps
def test_a_block_that_nobody_knew_is_found_while_others_come_and_go(
    many: list[PhoneNumber],
) -> None:
    known = {each.number: each for each in many if not each.number.startswith("0108")}
    flicker = iter(some([f"1770{n:07}" for n in range(1000)], Random(5)))

    def come() -> None:
        if oracle.calls % 50 == 0:
            oracle.add(next(flicker), 7)

    oracle = Oracle(many, come)
    sweep = oracle.swept(known)
    assert {each.number for each in many} <= sweep.numbers.keys()


# Numbers that share whatever digits there are, so that one's pattern is in many others
digits = st.text("01", min_size=1, max_size=9)
inventories = st.sets(digits, min_size=21, max_size=60)


@pytest.mark.no_cover  # thousands of steps
@settings(max_examples=200)
@given(inventories, st.integers(0, 2**16), st.floats(0, 1))
def test_all_are_found_unless_more_than_paging_reaches_hold_a_whole_number(
    numbers: set[str], seed: int, share: float
) -> None:
    randomness = Random(seed)
    rows = some(sorted(numbers), randomness)
    known = {each.number: each for each in rows if randomness.random() < share}
    with pages_of_two():
        oracle = Oracle(rows)
        try:
            sweep = oracle.swept(known)
        except SweepFailed as failed:
            own = [Part(each.number, each.usage, each.active) for each in rows]
            assert max(part.count(rows) for part in own) > splitting.MOST_NUMBERS
            assert f"CCC lists {len(rows)} numbers" in str(failed)  # noqa: PT017 - it may pass too
        else:
            assert sweep.complete
            assert sweep.numbers == {each.number: each for each in rows}

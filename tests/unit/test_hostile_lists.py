"""Sweeps of a list that lies: each ends, within its bound, as a sweep or as a failed one."""

from collections.abc import Callable
from math import ceil
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import SweepFailed
from service.inventory import PhoneNumber, UnreadableRow
from service.logs import mask
from service.sync.acceptance import Sweep
from service.sync.sweeping.course import MARGIN, course_of
from service.sync.sweeping.reading import PageRead, PageRequest
from service.sync.sweeping.splitting import LONGEST_PATTERN, PAGE_SIZE, Part

MASKED = UnreadableRow("138****8888", "Number is masked", b"1")

Total = Callable[[int], int]


class Liar:
    """ListPhoneNumbers over a list, telling other totals, and deaf to filters or to pages.

    A None among the rows is one that cannot be read, the same each time; it passes all filters.
    """

    def __init__(
        self,
        rows: list[PhoneNumber | None],
        total: Total = lambda count: count,
        *,
        filters: bool = True,
        pages: bool = True,
    ) -> None:
        self.rows = rows
        self.asked: list[PageRequest] = []
        self._total = total
        self._filters = filters
        self._pages = pages
        self._held: dict[Part, list[PhoneNumber | None]] = {Part(): rows}

    def answer(self, ask: PageRequest) -> PageRead:
        self.asked.append(ask)
        part = ask.part if self._filters else Part()
        if part not in self._held:
            rows = min((self._held[wider] for wider in self._held if within(part, wider)), key=len)
            self._held[part] = [row for row in rows if row is None or part.holds(row)]
        held = self._held[part]
        end = (ask.page if self._pages else 1) * PAGE_SIZE
        shown = held[end - PAGE_SIZE : end]
        numbers = [row for row in shown if row is not None]
        return PageRead(self._total(len(held)), numbers, [MASKED] * (len(shown) - len(numbers)))

    def swept(self, known: int = 0) -> Sweep:
        course = course_of({row.number: row for row in self.rows[:known] if row is not None})
        asks = next(course)
        while True:
            try:
                asks = course.send([self.answer(ask) for ask in asks])
            except StopIteration as end:
                sweep: Sweep = end.value
                return sweep

    def check_bound(self) -> None:
        assert len(self.asked) <= 4 * ceil(len(self.rows) / 100) + MARGIN
        assert max(len(ask.part.pattern) for ask in self.asked) <= LONGEST_PATTERN
        assert all(1 <= ask.page <= 100 for ask in self.asked)


def within(part: Part, wider: Part) -> bool:
    """All that a part lets through passes the wider one too."""
    return (
        wider.pattern in part.pattern
        and wider.usage in ("", part.usage)
        and wider.active in (None, part.active)
    )


def numbers(count: int) -> list[PhoneNumber | None]:
    return [PhoneNumber(f"0105{n:07}") for n in range(count)]


@pytest.mark.parametrize("count", [450, 400, 10_000, 12_345])
@pytest.mark.parametrize("odd", [0, 7])
def test_rows_that_cannot_be_read_count_in_the_total(count: int, odd: int) -> None:
    rows = numbers(count)
    for at in Random(1).sample(range(count), odd):
        rows[at] = None
    liar = Liar(rows)
    sweep = liar.swept()
    assert sweep.complete
    assert len(sweep.numbers) == count - odd
    assert sweep.unreadable == (MASKED,) * odd
    liar.check_bound()


@pytest.mark.parametrize("total", [0, 1, 100, 400, 449, 451, 900])
def test_a_wrong_total_of_a_short_list_lets_numbers_in_and_none_out(total: int) -> None:
    liar = Liar(numbers(450), lambda _: total)
    sweep = liar.swept()
    assert not sweep.complete
    assert not sweep.settled
    assert len(sweep.numbers) == min(450, 100 * (total // 100 + 1))
    liar.check_bound()


@pytest.mark.no_cover  # thousands of steps
@pytest.mark.parametrize("count", [0, 450, 12_345])
@pytest.mark.parametrize("total", [9_999, 10_001, 10**6, 10**17])
@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("known", [0, 12_345])
def test_a_total_that_is_far_too_large_is_a_failed_sweep(
    *, count: int, total: int, filters: bool, known: int
) -> None:
    liar = Liar(numbers(count), lambda _: max(count + 1, total), filters=filters)
    with pytest.raises(SweepFailed, match=r"TotalCount|CCC lists"):
        liar.swept(known)
    liar.check_bound()


@pytest.mark.no_cover  # thousands of steps
@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("known", [0, 12_345])
def test_filters_that_are_ignored_are_a_failed_sweep(*, pages: bool, known: int) -> None:
    liar = Liar(numbers(12_345), filters=False, pages=pages)
    with pytest.raises(SweepFailed):
        liar.swept(known)
    liar.check_bound()


def test_a_page_that_repeats_for_ever_is_not_the_whole() -> None:
    liar = Liar(numbers(450), pages=False)
    sweep = liar.swept()
    assert not sweep.complete
    assert len(sweep.numbers) == 100
    liar.check_bound()


@pytest.mark.parametrize("count", [50, 450, 12_345])
def test_a_number_that_is_listed_twice_is_set_aside_once_nothing_moves(count: int) -> None:
    rows = numbers(count)
    rows[count // 2] = rows[3]
    rows[count // 2 + 1] = rows[count // 2 + 2]
    liar = Liar(rows)
    sweep = liar.swept(count)
    assert sweep.complete
    assert len(sweep.numbers) == count - 2
    assert {row.reason for row in sweep.unreadable} == {"Number is listed twice"}
    assert sorted(row.number for row in sweep.unreadable) == sorted(
        mask(row.number) for row in (rows[3], rows[count // 2 + 1]) if row is not None
    )
    liar.check_bound()


def test_a_total_that_was_wrong_once_is_asked_again() -> None:
    told = iter([12_345, 12_346, 12_346])
    liar = Liar(numbers(12_345), lambda count: next(told, count) if count == 12_345 else count)
    assert liar.swept(12_345).complete
    liar.check_bound()


LIES: dict[str, Callable[[Random], Total]] = {
    "honest": lambda _: lambda count: count,
    "random": lambda chance: lambda _: chance.choice([0, 1, 99, 100, 9_999, 10_001, 10**6]),
    "jitter": lambda chance: lambda count: max(0, count + chance.randint(-3, 3)),
    "double": lambda _: lambda count: 2 * count,
    "half": lambda _: lambda count: count // 2,
}


@pytest.mark.no_cover  # thousands of steps
@settings(max_examples=25, deadline=None)
@given(
    count=st.sampled_from([0, 5, 100, 1_234, 10_050, 11_111]),
    lie=st.sampled_from(sorted(LIES)),
    filters=st.booleans(),
    pages=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_whatever_ccc_tells_a_sweep_ends_within_its_bound(
    *, count: int, lie: str, filters: bool, pages: bool, seed: int
) -> None:
    chance = Random(seed)
    rows = numbers(count)
    for at in range(0, count, 50):
        rows[at] = chance.choice([None, PhoneNumber(str(chance.randrange(10**15)))])
    liar = Liar(rows, LIES[lie](chance), filters=filters, pages=pages)
    try:
        sweep = liar.swept(chance.choice([0, count]))
    except SweepFailed as error:
        assert str(error)  # noqa: PT017 - it may pass too
    else:
        listed = {row.number for row in rows if row is not None}
        assert sweep.numbers.keys() <= listed
        assert not sweep.complete or sweep.numbers.keys() == listed
    liar.check_bound()

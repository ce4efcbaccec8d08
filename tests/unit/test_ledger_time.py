"""Ledger time: it never goes back and never stands still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ledger import Limits, Pick, Rules
from service.ledger.local.book import Book
from service.ledger.pace import LedgerClock, Slowdown
from tests.ledgers import EVERYONE, inventory_of

NOW = 1_700_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def times(clocks: list[int]) -> list[int]:
    """Ledger time as a clock tells these instants, one after the other."""
    latest, line, seen = 0, Slowdown(), []
    for clock in clocks:
        if clock < latest:
            latest, line = line.at(clock, latest)
        else:
            latest = clock
        seen.append(latest)
    return seen


def test_a_clock_that_goes_forward_is_followed() -> None:
    assert times([NOW, NOW + 1, NOW + HOUR]) == [NOW, NOW + 1, NOW + HOUR]


def test_behind_the_greatest_instant_it_goes_on_at_nine_tenths_of_the_pace() -> None:
    back = NOW - HOUR
    clocks = [NOW, back, back + 10 * MINUTE, back + 20 * MINUTE, back + 10 * HOUR, NOW + 10 * HOUR]
    assert times(clocks) == [
        NOW,
        NOW,
        NOW + 9 * MINUTE,
        NOW + 18 * MINUTE,
        NOW + 9 * HOUR,
        NOW + 10 * HOUR,
    ]


def test_a_clock_that_is_more_than_a_day_behind_is_believed() -> None:
    assert times([NOW, NOW - DAY, NOW - DAY - 1]) == [NOW, NOW, NOW - DAY - 1]


steps = st.lists(st.integers(-HOUR, HOUR), min_size=1, max_size=20)


@given(steps)
def test_it_never_goes_back_while_steps_stay_within_a_day(by: list[int]) -> None:
    clocks = [NOW + sum(by[: end + 1]) for end in range(len(by))]
    seen = times(clocks)
    assert seen == sorted(seen)
    assert all(now >= clock for now, clock in zip(seen, clocks, strict=True))


@given(steps, st.integers(MINUTE, HOUR))
def test_it_never_stands_still_while_the_clock_goes_on(by: list[int], wait: int) -> None:
    clocks = [NOW + sum(by[: end + 1]) for end in range(len(by))]
    *_, before, after = times([*clocks, clocks[-1] + 1, clocks[-1] + 1 + wait])
    assert after - before >= wait * 9 // 10 - 1 or after == clocks[-1] + 1 + wait


def test_a_rest_ends_although_the_clock_was_set_back() -> None:
    book = Book()
    book.members.replace(inventory_of(1))
    book.rule(Rules(limits={"": Limits(rest=MINUTE)}))
    pick = Pick(dry_run=False, steps=EVERYONE)
    back = NOW - HOUR
    shown = [
        len(answer.uses)
        for clock in (NOW, back, back + 30_000, back + 70_000)
        for answer in book.apply(clock, [pick])
        if not isinstance(answer, (bool, int, tuple))
        if hasattr(answer, "uses")
    ]
    assert shown == [1, 0, 0, 1]


def test_without_the_ledger_time_goes_on_from_what_was_heard_whatever_the_machine_says() -> None:
    wall, monotonic = [NOW], [500]
    clock = LedgerClock(lambda: wall[0], lambda: monotonic[0])
    assert clock() == NOW
    clock.heard(NOW + HOUR)
    wall[0], monotonic[0] = NOW - DAY, 700
    assert clock() == NOW + HOUR + 200
    clock.heard(NOW + HOUR + 150)
    assert clock() == pytest.approx(NOW + HOUR + 150)

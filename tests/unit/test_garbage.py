"""What lives long is no concern of the garbage collector, which would stop every pick to see it."""

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from service.inventory import read_mark
from service.ledger import CalleeRule, Limits, Outcome, Rules
from service.ledger.local.book import Book
from service.ledger.local.learned import Learned
from service.ledger.local.remembered import SHARDS, SHARDS_A_LOOK
from service.ledger.port import Operation, Return
from service.ledger.shared.recent import MOST_FORGOTTEN, Recent, applied_in
from service.reports.calls import CallCounter
from service.reports.rows import LocalRows
from tests.ledgers import inventory_of, pick

AT = 1_700_000_000_000
MANY = 3000  # picks, each of its own call and for its own callee
ANSWER = "01089890000 any"
RULES = Rules(
    limits={"": Limits(max_per_day=10**6, max_concurrent=10**6, lease=60_000)},
    callee=(CalleeRule(3, 60_000, by_calendar=False),),
    idempotency=60_000,
    remembered=60_000,
)


def book_of(count: int) -> Book:
    book = Book()
    book.rule(RULES)
    book.members.replace(inventory_of(count))
    return book


def picks_and_outcomes() -> Iterator[tuple[Operation, Operation]]:
    for at in range(MANY):
        yield pick(f"call {at}", f"callee {at}"), Outcome(f"call {at}", "", "", final=True)


def decided_here() -> object:
    book = book_of(MANY)
    for asked, told in picks_and_outcomes():
        book.apply(AT, [asked, told])
    return book


def answered_by_redis() -> object:
    learned, recent = Learned(), Recent()
    for number, operations in enumerate(picks_and_outcomes()):
        answers = ANSWER, f"followed {ANSWER}"
        recent.note(applied_in(number, AT, operations, answers))
        learned.note(operations, answers, AT)
    return learned, recent


def counted() -> object:
    calls = CallCounter(LocalRows(), lambda: datetime.now(UTC), lambda: None)
    for at in range(MANY):
        calls.count_picks([(f"{at}", "any")])
        calls.count_end(f"{at}", "answered", read_mark("any"), 1000)
    return calls


@pytest.mark.parametrize("made", [decided_here, answered_by_redis, counted])
def test_what_a_pick_leaves_behind_is_not_looked_at_again(made: Callable[[], object]) -> None:
    gc.collect()
    before = len(gc.get_objects())
    kept = made()
    gc.collect()
    assert kept
    assert len(gc.get_objects()) - before < MANY / 2  # it was six each


def test_what_no_rule_needs_is_let_go_of_a_part_at_a_time() -> None:
    book = book_of(9)
    book.apply(AT, [asked for asked, _ in picks_and_outcomes()])
    book.apply(AT + 600_000, [Return(8)])
    known = book._remembered

    def held() -> int:
        return sum(len(shard) for shard in known._callees + known._calls)

    most = held()
    assert most == 2 * MANY
    for _ in range(SHARDS // SHARDS_A_LOOK):
        before = held()
        assert len([*book.forgetting()]) == SHARDS_A_LOOK
        assert before - held() < most / 4
    assert held() == 0


def test_after_a_pause_what_is_too_old_goes_a_part_at_a_time() -> None:
    recent = Recent()
    asked = pick("x")
    recent.note(applied_in(1, AT, [asked] * 2000, [ANSWER] * 2000))
    recent.note(applied_in(2, AT + 60_000, [asked], [ANSWER]))
    assert len(recent._applied) == 2001 - MOST_FORGOTTEN
    for number in range(3, 12):
        recent.note(applied_in(number, AT + 60_000, [asked], [ANSWER]))
    assert len(recent._applied) == 10


TENDED = """
import gc
from service import garbage

with garbage.passed_by():
    one = [[] for _ in range(9)]
assert gc.is_tracked(one) and any(each is one for each in gc.get_objects())
garbage.tend()
with garbage.passed_by():
    assert not gc.isenabled()
    other = [[] for _ in range(9)]
assert gc.isenabled()
assert not any(each is one or each is other for each in gc.get_objects())
"""


def test_a_snapshot_is_passed_by_in_a_process_that_tends_its_garbage() -> None:
    subprocess.run([sys.executable, "-c", TENDED], check=True)

"""What a process keeps of the shared ledger's answers, and what it lets go of."""

import pytest

from service.ledger import Park, Pick
from service.ledger.local import learned as learned_module
from service.ledger.local.learned import Learned, LearnedPick
from tests.ledgers import pick

REPEATED = ((("0102", "any"),), (), "", 0, (), True)
REFUSED = ((), (), "budget", 5, ())


def told(learned: Learned, asked: Pick | Park, answer: object, now: int = 7) -> None:
    learned.note([asked], [answer], now)


def test_a_counted_pick_is_known_by_its_call_and_its_callee() -> None:
    learned = Learned()
    told(learned, pick("x", "a"), "0101 any", 7)
    told(learned, pick("y", "a"), ((("0102", "any"),), (("parked", 1),), "", 0, ()), 8)
    assert learned.call("x") == LearnedPick("b", 7, "0101 any")
    first, second = learned.callee("a")
    assert (first.instant, first.digest, first.answer) == (7, "g", "0101 any")
    assert (second.instant, second.digest) == (8, "g")


def test_what_counted_nothing_is_not_known() -> None:
    learned = Learned()
    dry = Pick(dry_run=True, steps=(), call="x", callee="a")
    told(learned, dry, "0101 any")
    told(learned, dry, REFUSED)
    told(learned, pick("x", "a"), REFUSED)
    told(learned, Park("0101", "operator", 5), True)  # noqa: FBT003 - the answer
    assert (learned.call("x"), learned.callee("a")) == (None, [])


def test_another_processs_answer_is_known_unless_an_own_one_is() -> None:
    learned = Learned()
    told(learned, pick("own"), "0101 any", 7)
    told(learned, pick("own"), REPEATED, 8)
    told(learned, pick("another"), REPEATED, 9)
    assert learned.call("own") == LearnedPick("b", 7, "0101 any")
    assert learned.call("another") == LearnedPick("b", 9, REPEATED)


def test_the_older_half_is_forgotten_and_a_callee_that_is_called_again_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learned_module, "MOST_REMEMBERED", 4)
    monkeypatch.setattr(learned_module, "SHARDS", 1)
    monkeypatch.setattr(learned_module, "ASIDE", 1)
    learned = Learned()
    for n in range(5):
        told(learned, pick(f"x{n}", "a" if n in {0, 3} else f"a{n}"), f"010{n} any", n)
    assert [n for n in range(5) if learned.call(f"x{n}")] == [2, 3, 4]
    assert [use.instant for use in learned.callee("a")] == [0, 3]
    assert learned.callee("a1") == []


def test_so_many_uses_of_a_callee_are_known_the_last_ones() -> None:
    for made in (70, 1000):
        learned = Learned()
        for n in range(made):
            told(learned, pick(callee="a"), "0101 any", n)
        assert [use.instant for use in learned.callee("a")] == list(range(made - 65, made))

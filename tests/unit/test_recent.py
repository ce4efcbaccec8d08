"""What is sent again to a server that has not applied it."""

from msgspec.structs import replace

from service.ledger import Park, Pick
from service.ledger.port import Describe, Operation, Record, Return
from service.ledger.shared.recent import KEPT_MS, MOST_KEPT, Applied, Recent, again, applied_in

PICK = Pick(dry_run=False, steps=(), callee="a", groups="g", call="x", body="b")
PARK = Park("0101", "operator", 5)


def picked(number: str) -> str:
    return f"{number} any"  # as `wire.py` has it on the way


def parked(number: int, instant: int = 7) -> list[Applied]:
    return [Applied(number, instant, PARK, answer=True)]


def missing(recent: Recent, number: int) -> list[Operation]:
    made = map(again, recent.missing_after(number))
    return [operation for operation in made if operation is not None]


def test_a_pick_comes_back_as_what_was_shown_and_the_rest_as_it_was() -> None:
    recent = Recent()
    recent.note(applied_in(3, 7, (PICK, PARK), (picked("0101"), True)))
    assert missing(recent, 2) == [
        Record((("0101", "any"),), 7, "a", "g", "x", "b", applied=7),
        PARK,
    ]


def test_what_a_server_has_applied_does_not_come_back() -> None:
    recent = Recent()
    recent.note(parked(3))
    recent.note(parked(4))
    assert missing(recent, 3) == [PARK]
    assert missing(recent, 3) == []


def test_what_one_server_has_may_be_missing_on_the_next() -> None:
    recent = Recent()
    recent.note(parked(3))
    assert missing(recent, 3) == []
    assert missing(recent, 2) == [PARK]


def test_a_call_whose_answer_was_lost_takes_its_place() -> None:
    recent = Recent()
    late = applied_in(4, 7, (PICK, PARK), (picked("0101"), True))
    for number in (3, 5, 6):
        recent.note(parked(number))
    recent.note_late(late)
    assert [type(one) for one in missing(recent, 3)] == [Record, Park, Park, Park]
    assert missing(recent, 2) == [PARK]


def test_what_has_come_back_does_not_come_back_again() -> None:
    recent = Recent()
    recent.note(parked(3))
    assert missing(recent, 0)
    assert recent.last == 0
    assert missing(recent, 0) == []


def test_what_changed_nothing_does_not_come_back() -> None:
    recent = Recent()
    operations = (
        replace(PICK, dry_run=True),
        PICK,
        Return(8),
        Describe(dry_run=True, numbers=()),
    )
    answers = (picked("0101"), ((), (), "budget", 5, ()), 1, ())
    recent.note(applied_in(3, 7, operations, answers))
    assert missing(recent, 0) == []


def test_only_the_last_thirty_seconds_come_back() -> None:
    recent = Recent()
    recent.note(parked(1, instant=0))
    recent.note(parked(2, instant=1))
    recent.note(parked(3, instant=KEPT_MS + 1))
    assert len(missing(recent, 0)) == 2


def test_only_so_many_come_back() -> None:
    recent = Recent()
    for number in range(MOST_KEPT // 100 + 10):
        recent.note(applied_in(number, 7, (PARK,) * 100, (True,) * 100))
    assert len(missing(recent, -1)) == 200_000

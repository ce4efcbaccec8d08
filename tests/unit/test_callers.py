"""What a process keeps of the use of numbers that Redis counts, and what it makes of it."""

import struct
import tracemalloc

import msgspec
import pytest

from service.ledger.local.callers import Callers
from service.ledger.local.members import Members
from service.ledger.record import KnownUse
from service.ledger.rules import DAY, Limits, Rules
from tests.ledgers import inventory_of

NOW = 20_000 * DAY + 7_200_000
TODAY = 20_000 * DAY
FIRST = "01089890000"
LEASE = struct.pack("<Hdd", 1, 7.0, NOW + 5.0)


def record(last: int, in_day: int, rest: bytes = b"") -> bytes:
    counts = (7.0, float(last), 0.0, float(NOW), float(TODAY), 1, in_day)
    return struct.pack("<12sdddddII", b"home", *counts) + rest


def members_of(count: int) -> Members:
    members = Members(0)
    members.replace(inventory_of(count))
    return members


def test_a_used_number_takes_200_bytes_whatever_told_of_it() -> None:
    members, numbers = members_of(2000), [f"0108989{n:04d}" for n in range(2000)]
    tracemalloc.start()
    for later in range(3):
        read = {number: record(NOW + later, 3, LEASE) for number in numbers}
        members.adopt(read, {number: {"max_per_day": NOW} for number in numbers[:10]})
        for number in numbers:
            members.learn([number.encode(), record(NOW + later, 4, LEASE)])
        del read, number
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / len(numbers) < 200
    assert members.caller(FIRST).in_day == 4


@pytest.mark.parametrize(
    ("later", "in_day"),
    [
        (record(NOW - 1, 2), 3),
        (record(NOW, 4), 4),
        (record(NOW - 2 * DAY, 2), 2),  # by a clock that was set right
        (record(0, 0), 3),
        (b"no record", 3),
        (record(NOW + 1, 4, b"\x09"), 3),
        (record(NOW + 1, 4, b"\0\0" + b"\x91" * 5000), 3),  # arrays in arrays
        (record(10**300, 4), 3),
    ],
)
def test_the_last_use_that_can_be_read_counts(later: bytes, in_day: int) -> None:
    callers = Callers()
    callers.adopt(FIRST, record(NOW, 3))
    callers.adopt(FIRST, later)
    assert callers.before(FIRST).in_day == in_day
    assert callers.caller(FIRST).before.in_day == in_day


def test_a_record_that_is_overtaken_on_its_way_changes_nothing() -> None:
    callers = Callers()
    callers.adopt(FIRST, record(NOW, 3))
    callers.learn(FIRST, record(NOW - 1, 2))
    assert callers.before(FIRST).in_day == 3


def test_while_shares_are_kept_records_wait() -> None:
    callers = Callers()
    callers.learn(FIRST, record(NOW, 3))
    callers.keep_shares(keeps=True)
    callers.learn(FIRST, record(NOW + 1, 4))
    callers.adopt(FIRST, record(NOW + 2, 5))
    assert callers.caller(FIRST).in_day == 3
    callers.keep_shares(keeps=False)
    assert callers.caller(FIRST).in_day == 4


def test_a_number_looks_the_same_before_and_after_this_process_decides_about_it() -> None:
    members = members_of(3)
    own = msgspec.msgpack.encode((2, {}))
    rests = {"01089890000": b"", "01089890001": LEASE, "01089890002": LEASE + own}
    members.adopt({number: record(NOW, 3, rest) for number, rest in rests.items()}, {})
    rules = Rules(limits={"": Limits(max_per_day=9)})
    before = list(members.glance(rests, rules, NOW))
    assert [(use.used_day, use.max_per_day) for use in before] == [(3, 9), (3, 9), (3, 2)]
    for number in rests:
        members.caller(number)
    shown = [msgspec.structs.replace(use, turn=0) for use in before]  # that is of each ledger's own
    assert list(members.glance(rests, rules, NOW)) == shown


def test_a_number_that_has_left_is_forgotten() -> None:
    members = members_of(2)
    members.learn([b"01089890001", record(NOW, 3), b"01089899999", record(NOW, 3)])
    members.adopt({"01089890001": record(NOW, 3)}, {"01089890001": {"operator": NOW}})
    assert members.recall("01089890001") == (
        KnownUse(NOW, NOW, TODAY, 1, 3, turn=7),
        {"operator": NOW},
    )
    members.replace(inventory_of(1))
    assert (members.recall("01089890001"), members.recall("01089899999")) == (None, None)
    assert members.parked() == ()

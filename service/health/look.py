"""One look at the records: what becomes of each, from what is stored and what the inventory says.

No I/O. Here `rules` meets bytes, numbers that have left, and records that the ledger was not told
of yet.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from service.health.pools import ComparedHour, Dispersion, Guard
from service.health.rules import (
    HEALTHY,
    QUARANTINED,
    HealthRecord,
    Transition,
    aged,
    daily_cap,
    due_hours,
    judge,
    lifted,
)
from service.health.store import SLICE, Change, decode, encode
from service.health.strata import Strata
from service.inventory import Inventory
from service.ledger.port import Cap, Operation, Park, Unpark

PARK_REASON = "quarantine"


class LookResult(Change, frozen=True):
    """The result of a look at one record.

    `after` is what the record becomes, b"" where nothing of it is worth keeping. `held` where the
    number would be quarantined, if not too many of its group or place were out already.
    """

    record: HealthRecord = HealthRecord()
    transition: Transition | None = None
    held: bool = False


def lift(stored: Mapping[str, bytes], now: int) -> list[LookResult]:
    """End the quarantines among some records, at an instant in ms; the others have no result."""
    results = []
    for number, before in stored.items():
        record = decode(before)
        if record is not None and record.state == QUARANTINED:
            after, transition = lifted(record, now)
            results.append(LookResult(number, before, encode(after), after, transition))
    return results


class Look:
    """A look at an instant: all records are added before the first is judged.

    Args:
        inventory: the snapshot.
        strata: the calls with which those of the numbers are compared.
        now: the instant in ms since 1970.
    """

    def __init__(self, inventory: Inventory, strata: Strata, now: int) -> None:
        self._inventory = inventory
        self._strata = strata
        self._now = now
        self._guard = Guard()
        self._dispersion = Dispersion()
        self._added: dict[str, tuple[HealthRecord, list[ComparedHour]]] = {}

    def add(self, some: Mapping[str, bytes]) -> None:
        """Count records in with the pools of their numbers, and compare the hours that are over."""
        for number, stored in some.items():
            record = decode(stored)
            if record is None or self._inventory.home(number) is None:
                continue
            self._guard.add(*self._circles(number), is_out=record.state != HEALTHY)
            due = due_hours(record, self._strata, self._now)
            self._added[number] = record, due
            for hour in due:
                self._dispersion.add(hour)

    def judge(self, number: str, stored: bytes) -> LookResult:
        """Judge one record, as it was added.

        A number that is no candidate any more is forgotten, as the ledger does.
        """
        if number not in self._added:
            return LookResult(number, stored, b"")
        record, due = self._added[number]
        if record.untold:
            return LookResult(number, stored, stored, record)
        before = aged(record, due, self._dispersion, self._now)
        after, transition = judge(before, self._now)
        is_held = (
            before.state == HEALTHY
            and after.state == QUARANTINED
            and not self._guard.spare(*self._circles(number))
        )
        if is_held:
            after, transition = before, None
        if after.state == HEALTHY and not (after.tallies or after.settled_hour or after.untold):
            return LookResult(number, stored, b"")
        changed = stored if after == record else encode(after)
        return LookResult(number, stored, changed, after, transition, is_held)

    def _circles(self, number: str) -> tuple[tuple[str, ...], str]:
        """The groups of a candidate, and its place."""
        own = self._inventory.numbers[number]
        return own.skill_group_ids, f"{own.province}{own.city}"


def telling(number: str, record: HealthRecord) -> tuple[Operation, Operation]:
    """Return what carries a state into the ledger; doing it twice changes nothing."""
    is_out = record.state == QUARANTINED
    park = Park(number, PARK_REASON, record.until) if is_out else Unpark(number, PARK_REASON)
    return Cap(number, daily_cap(record)), park


def slices_of(records: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Yield records, so many at a time that others need not wait."""
    items = iter(records.items())
    while some := dict(islice(items, SLICE)):
        yield some

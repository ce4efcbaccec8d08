"""The uses of all numbers in this process's ledger.

What the shared ledger tells of a number stays the record that it came as, a fraction of a Caller,
until this process has to decide about it.
"""

from service.ledger.local.caller import Caller, is_outdated
from service.ledger.local.rotation import NEVER
from service.ledger.record import UNUSED, Counts, KnownUse, counts_from, known_from, last_use


class Callers:
    """Callers by their numbers, and the records that came since each was last asked for."""

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}
        self._records: dict[str, bytes] = {}
        self._late: dict[str, bytes] = {}  # came while shares are kept
        self.keeps_shares = False  # of what was left of the caps when they were cut off

    def keep_shares(self, *, keeps: bool) -> None:
        """Change nothing by new records for now, or take in those that came meanwhile."""
        self.keeps_shares = keeps
        if self._late and not keeps:
            self._records |= self._late
            self._late = {}

    def learn(self, number: str, record: bytes) -> None:
        """Take in a record that came with an answer, unless a newer one is there."""
        records = self._late if self.keeps_shares else self._records
        if held := records.get(number):
            (last,), (before,) = last_use(record), last_use(held)
            if is_outdated(last, before):
                return
        records[number] = record

    def adopt(self, number: str, record: bytes) -> None:
        """Take in a record that was read beside the calls, and may be any bytes."""
        if self.keeps_shares or record == self._records.get(number):
            return
        known = known_from(record)
        if known is not None and known is not UNUSED:  # as every number is at first
            self.learn(number, record)

    def caller(self, number: str) -> Caller:
        """Return a number's uses, to decide by and to be changed."""
        caller = self._callers.get(number)
        if caller is None:
            caller = self._callers[number] = Caller(NEVER)
        record = self._records.pop(number, None) if self._records else None
        if record and (known := known_from(record)):
            caller.adopt(known)
        return caller

    def before(self, number: str) -> KnownUse:
        """Return what the shared ledger is known to have counted."""
        if number in self._callers:
            return self.caller(number).before
        record = self._records.get(number)
        return known_from(record) or UNUSED if record else UNUSED

    def counts(self, number: str) -> Counts | None:
        """Return a number's counts, to look at; None where it was never used."""
        if number not in self._callers:
            record = self._records.get(number)
            return counts_from(record) if record else None
        use = self.caller(number)
        return use.turn, use.last, use.hour, use.day, use.in_hour, use.in_day, use.cap

    def turn(self, number: str) -> int:
        """Return the turn of a number's last use here."""
        caller = self._callers.get(number)
        return NEVER if caller is None else caller.turn

    def drop(self, number: str) -> None:
        """Forget a number."""
        for uses in (self._callers, self._records, self._late):
            uses.pop(number, None)

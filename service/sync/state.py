"""All that is known of one instance's inventory, and by which clock. Pure."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from service.inventory import Inventory, PhoneNumber
from service.sync.acceptance import Absence, SweepReport


class State(msgspec.Struct, frozen=True):
    """All that is known, swapped whole.

    Instants are Unix time on the clock that all replicas share, which this process's own is
    `offset` seconds ahead of. `swept_at` is that of the last sweep that confirmed the inventory.
    """

    inventory: Inventory | None = None
    absences: Mapping[str, Absence] = {}
    swept_at: float = 0.0
    report: SweepReport = SweepReport()
    offset: float = 0.0

    @property
    def known(self) -> Mapping[str, PhoneNumber] | None:
        """The numbers, None where there is no inventory yet."""
        return None if self.inventory is None else self.inventory.numbers

    def age(self, now: float) -> float | None:
        """Return how many seconds ago a sweep confirmed the inventory; None where none is.

        Args:
            now: by this process's own clock.
        """
        return None if self.inventory is None else max(0.0, now - self.offset - self.swept_at)

    def moved(self, offset: float) -> "State":
        """Return the same by a shared clock that was set, or is another: all ages stay."""
        by = self.offset - offset
        moved = {
            number: replace(absence, since=absence.since + by)
            for number, absence in self.absences.items()
        }
        swept_at = self.swept_at and self.swept_at + by
        report = replace(self.report, at=self.report.at + by)
        return State(self.inventory, moved, swept_at, report, offset)

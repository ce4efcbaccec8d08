"""The picks and the ended calls of one instance, counted by number, group, province and match.

Nothing waits for it: they are counted in this process, and added once a minute to the day's rows of
all replicas. A minute of them is lost with a process that is killed.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import chain
from typing import get_args

from service.inventory import Inventory, Mark, group_token, read_mark
from service.inventory.marks import PROVINCES
from service.redis_.counts import PendingCounts, add_to, keep_writing
from service.reports.report import COLUMNS, By, CallRow
from service.reports.rows import Cell, Rows, cell_of
from service.settings.kinds import MOST_DAYS
from service.tasks import in_slices

DAY = 86_400  # seconds
LONGEST_TALK_MS = DAY * 1000  # what is told beyond counts as this: sums stay exact in Lua

_PICKS, _TALK = COLUMNS["picks"], COLUMNS["talk_ms"]
_PROVINCES = {code: name for name, code in PROVINCES.items()}

_Entry = tuple[str, Cell, int]  # a name, a cell of its rows, and what to add to that
Stratum = tuple[str, str, str]  # match, code of the callee's province, token of the skill group


class CallCounter:
    """Counts the picks and the ended calls of one instance; `run` must be running.

    They are kept for `days`, `now` gives the time in the instance's own zone.

    Args:
        rows: of all replicas.
        now: the time.
        inventory: knows the skill groups.
    """

    def __init__(
        self, rows: Rows, now: Callable[[], datetime], inventory: Callable[[], Inventory | None]
    ) -> None:
        self.now = now
        self.days = 1
        self._rows = rows
        self._inventory = inventory
        # By column: texts and counts are no concern of the garbage collector, unlike rows.
        self._numbers: list[dict[str, int]] = [{} for _ in COLUMNS]
        self._strata: list[dict[Stratum, int]] = [{} for _ in COLUMNS]
        self._marks: dict[str, int] = {}
        self._groups: dict[str, str] = {}
        self._pending: PendingCounts[str, Cell] = PendingCounts(self._add)
        self._kept = date.min, 0

    def count_picks(self, uses: Iterable[tuple[str, str]]) -> None:
        """Count the numbers of a pick, each with its mark; at once, and without I/O."""
        for number, mark in uses:
            add_to(self._numbers[_PICKS], number)
            add_to(self._marks, mark)

    def count_end(self, number: str, result: str, mark: Mark, talk_ms: int) -> None:
        """Count a call that ended; at once, and without I/O.

        Args:
            number: that was shown, "" where that cannot be told.
            result: as an outcome names it.
            mark: of the number's use.
            talk_ms: how long they talked.
        """
        column, talk_ms, stratum = COLUMNS[result], min(talk_ms, LONGEST_TALK_MS), _stratum(mark)
        add_to(self._numbers[column], number)
        add_to(self._strata[column], stratum)
        if talk_ms:
            add_to(self._numbers[_TALK], number, talk_ms)
            add_to(self._strata[_TALK], stratum, talk_ms)

    async def run(self) -> None:
        """Write once a minute, and at the end."""
        await keep_writing(self.write)

    async def write(self) -> None:
        """Add what was counted to the day of now, and forget the days that are not kept.

        Raises:
            LedgerUnavailable: Redis does not serve; nothing is lost.
        """
        today = self.now().date()
        await in_slices(self._taking_in(today))
        if self._kept != (today, self.days):
            past = (today - timedelta(back) for back in range(self.days, MOST_DAYS + 1))
            await self._rows.remove(f"{day}:{by}" for day in past for by in get_args(By))
            self._kept = today, self.days
        await self._pending.write()

    async def read(self, day: date, by: By) -> Mapping[str, CallRow]:
        """Return the rows of a day, in no order.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        return await self._rows.read(f"{day}:{by}")

    async def _add(self, name: str, cells: dict[Cell, int]) -> None:
        await self._rows.add(name, cells, (self.days + 1) * DAY)

    def _taking_in(self, day: date) -> Generator[None, None, None]:
        """Move what was counted into its day, in slices."""
        numbers, self._numbers = self._numbers, [{} for _ in COLUMNS]
        strata, self._strata = self._strata, [{} for _ in COLUMNS]
        marks, self._marks = self._marks, {}
        if (inventory := self._inventory()) is not None:
            self._groups |= {group_token(group): group for group in inventory.groups}
        for mark, count in marks.items():
            add_to(strata[_PICKS], _stratum(read_mark(mark)), count)
        by_number = (
            (f"{day}:number", cell_of(number, column), count)
            for column, counts in enumerate(numbers)
            for number, count in _taken_out(counts)
        )
        entries = chain(by_number, self._by_stratum(day, strata))
        try:
            for entry in entries:
                self._pending.count(*entry)
                yield
        finally:
            for entry in entries:  # at the end of the process nobody waits any more
                self._pending.count(*entry)

    def _by_stratum(self, day: date, strata: list[dict[Stratum, int]]) -> Iterator[_Entry]:
        for column, counts in enumerate(strata):
            for (match, province, group), count in counts.items():
                yield f"{day}:match", cell_of(match, column), count
                yield f"{day}:province", cell_of(_PROVINCES.get(province, ""), column), count
                yield f"{day}:skill_group", cell_of(self._groups.get(group, ""), column), count


def _taken_out(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Yield what there is, and let go of it: of all at once would take longer than a slice."""
    while counts:
        yield counts.popitem()


def _stratum(mark: Mark) -> Stratum:
    return mark.shown, mark.province, mark.group

"""The picks and the ended calls of one instance, counted by number, group, province and match.

Nothing waits for it: they are counted in this process, and added once a minute to the day's rows of
all replicas. A minute of them is lost with a process that is killed.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, get_args

from service.inventory import Inventory, Mark, group_token, read_mark
from service.inventory.marks import PROVINCES
from service.redis_.counts import PendingCounts, keep_writing
from service.reports.report import COLUMNS, By, CallRow
from service.reports.rows import Cell, Rows
from service.settings.kinds import MOST_DAYS
from service.tasks import in_slices

DAY = 86_400  # seconds
LONGEST_TALK_MS = DAY * 1000  # what is told beyond counts as this: sums stay exact in Lua

_PICKS, _TALK = COLUMNS["picks"], COLUMNS["talk_ms"]
_PROVINCES = {code: name for name, code in PROVINCES.items()}

_Entry = tuple[str, str, list[int]]  # a name, a key of its rows, and what to add to that
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
        self._numbers: defaultdict[str, list[int]] = _rows()
        self._strata: defaultdict[Stratum, list[int]] = _rows()
        self._marks: defaultdict[str, int] = defaultdict(int)
        self._groups: dict[str, str] = {}
        self._pending: PendingCounts[str, Cell] = PendingCounts(self._add)
        self._kept = date.min, 0

    def count_picks(self, uses: Iterable[tuple[str, str]]) -> None:
        """Count the numbers of a pick, each with its mark; at once, and without I/O."""
        for number, mark in uses:
            self._numbers[number][_PICKS] += 1
            self._marks[mark] += 1

    def count_end(self, number: str, result: str, mark: Mark, talk_ms: int) -> None:
        """Count a call that ended; at once, and without I/O.

        Args:
            number: that was shown, "" where that cannot be told.
            result: as an outcome names it.
            mark: of the number's use.
            talk_ms: how long they talked.
        """
        column, talk_ms = COLUMNS[result], min(talk_ms, LONGEST_TALK_MS)
        for row in self._numbers[number], self._strata[_stratum(mark)]:
            row[column] += 1
            row[_TALK] += talk_ms

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
        numbers, self._numbers = self._numbers, _rows()
        strata, self._strata = self._strata, _rows()
        marks, self._marks = self._marks, defaultdict(int)
        if (inventory := self._inventory()) is not None:
            self._groups |= {group_token(group): group for group in inventory.groups}
        picks = ((_stratum(read_mark(mark)), _of_picks(count)) for mark, count in marks.items())
        by_stratum = self._by_stratum(day, chain(strata.items(), picks))
        by_number = ((f"{day}:number", number, row) for number, row in numbers.items())
        entries = chain(by_number, by_stratum)
        try:
            for entry in entries:
                self._take_in(*entry)
                yield
        finally:
            for entry in entries:  # at the end of the process nobody waits any more
                self._take_in(*entry)

    def _by_stratum(
        self, day: date, strata: Iterable[tuple[Stratum, list[int]]]
    ) -> Iterator[_Entry]:
        for (match, province, group), row in strata:
            yield f"{day}:match", match, row
            yield f"{day}:province", _PROVINCES.get(province, ""), row
            yield f"{day}:skill_group", self._groups.get(group, ""), row

    def _take_in(self, name: str, key: str, row: list[int]) -> None:
        pending = self._pending.of(name)
        for column, count in enumerate(row):
            if count:
                pending[key, column] += count


def _stratum(mark: Mark) -> Stratum:
    return mark.shown, mark.province, mark.group


def _rows() -> defaultdict[Any, list[int]]:
    return defaultdict(lambda: [0] * len(COLUMNS))


def _of_picks(count: int) -> list[int]:
    row = [0] * len(COLUMNS)
    row[_PICKS] = count
    return row

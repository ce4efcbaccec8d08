"""The picks and the ended calls of one instance, counted by number, group, province and match.

Nothing waits for it: they are counted in this process, and added once a minute to the day's rows of
all replicas. A minute of them is lost with a process that is killed.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import get_args

from service.inventory import Inventory, Mark, group_token, read_mark
from service.inventory.marks import PROVINCES
from service.redis_.counts import PendingCounts, keep_writing
from service.reports.report import COLUMNS, By
from service.reports.rows import Cell, Row, Rows
from service.settings.kinds import MOST_DAYS
from service.tasks import in_slices

DAY = 86_400  # seconds
LONGEST_TALK_MS = DAY * 1000  # what is told beyond counts as this: sums stay exact in Lua

_AT = {column: at for at, column in enumerate(COLUMNS)}
_PICKS, _TALK = _AT["picks"], _AT["talk_ms"]
_PROVINCES = {code: name for name, code in PROVINCES.items()}


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
        self._numbers: Counter[Cell] = Counter()
        self._marks: Counter[tuple[str | Mark, int]] = Counter()
        self._groups: dict[str, str] = {}
        self._pending: PendingCounts[str, Cell] = PendingCounts(self._add)
        self._kept = date.min, 0

    def count_picks(self, uses: Iterable[tuple[str, str]]) -> None:
        """Count the numbers of a pick, each with its mark; at once, and without I/O."""
        for number, mark in uses:
            self._numbers[number, _PICKS] += 1
            self._marks[mark, _PICKS] += 1

    def count_end(self, number: str, result: str, mark: Mark, talk_ms: int) -> None:
        """Count a call that ended; at once, and without I/O.

        Args:
            number: that was shown, "" where that cannot be told.
            result: as an outcome names it.
            mark: of the number's use.
            talk_ms: how long they talked.
        """
        self._numbers[number, _AT[result]] += 1
        self._marks[mark, _AT[result]] += 1
        if talk_ms:
            self._numbers[number, _TALK] += min(talk_ms, LONGEST_TALK_MS)
            self._marks[mark, _TALK] += min(talk_ms, LONGEST_TALK_MS)

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

    async def read(self, day: date, by: By) -> Mapping[str, Row]:
        """Return the rows of a day, in no order.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        return await self._rows.read(f"{day}:{by}")

    async def _add(self, name: str, cells: Mapping[Cell, int]) -> None:
        await self._rows.add(name, cells, (self.days + 1) * DAY)

    def _taking_in(self, day: date) -> Generator[None, None, None]:
        """Move what was counted into its day, in slices."""
        numbers, self._numbers = self._numbers, Counter()
        marks, self._marks = self._marks, Counter()
        if (inventory := self._inventory()) is not None:
            self._groups |= {group_token(group): group for group in inventory.groups}
        self._pending.of(f"{day}:number").update(numbers)
        for (text, column), count in marks.items():
            yield
            mark = read_mark(text) if isinstance(text, str) else text
            group, province = self._groups.get(mark.group, ""), _PROVINCES.get(mark.province, "")
            keys = (("skill_group", group), ("province", province), ("match", mark.shown))
            for by, key in keys:
                self._pending.of(f"{day}:{by}")[key, column] += count

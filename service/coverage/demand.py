"""The demand for calls: counted in this process by each pick, and kept by day for all replicas.

A minute of it is lost with a process that is killed; one that ends writes what it has. A reply of
Redis that is lost may count a minute twice: nothing is decided by it.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime

import msgspec

from service.locality import Locality
from service.redis_.counts import Counts, PendingCounts, add_to, keep_writing, take_out

DAYS = 14
MOST_PLACES = 2000  # of a process and day; callees of others are counted as from nowhere
NOWHERE = Locality()
REFUSED = "refused"


class Called(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """A field of a day: an hour's calls of a skill group to a place, or, by `level`, its answers.

    `level` is how the number shown matched, or `refused`; a field has it or the hour and the place.
    """

    skill_group_id: str
    level: str = ""
    hour: int = 0
    province: str = ""
    city: str = ""
    area_code: str = ""

    @property
    def place(self) -> Locality:
        """Return the callees' place."""
        return Locality(self.province, self.city, self.area_code)


Day = Mapping[Called, int]


class Days:
    """The days of one instance, each a name of its counts.

    All of it raises LedgerUnavailable where Redis does not serve.

    Args:
        counts: keep them.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def add(self, day: date, counts: dict[Called, int]) -> None:
        """Add to a day, and take out of `counts` what is added."""
        named = {msgspec.json.encode(called).decode(): called for called in counts}
        fields = {field: counts[called] for field, called in named.items()}
        try:
            await self._counts.add(day.isoformat(), fields)
        finally:
            take_out(counts, [called for field, called in named.items() if field not in fields])

    async def read(self, day: date) -> Day:
        """Return a day; empty if nothing is known of it."""
        counts: dict[Called, int] = {}
        for field, count in (await self._counts.read(day.isoformat())).items():
            with suppress(msgspec.MsgspecError):  # what nobody can read is left out
                counts[msgspec.json.decode(field, type=Called)] = count
        return counts


class Demand:
    """Counts the calls of one instance; `run` must be running.

    Args:
        store: keeps them.
        now: the time in the instance's own zone.
    """

    def __init__(self, store: Days, now: Callable[[], datetime]) -> None:
        self.store = store
        self.now = now
        self._counts: dict[tuple[str, Locality, str], int] = {}
        self._pending: PendingCounts[date, Called] = PendingCounts(store.add)
        self._places: set[tuple[str, Locality]] = set()
        self._day = date.min

    def count(self, group: str, place: Locality, level: str) -> None:
        """Count a call; at once, and without I/O.

        Args:
            group: the skill group that it was for.
            place: the callee's.
            level: how the number shown matched, or `refused`.
        """
        add_to(self._counts, (group, place, level))

    async def run(self) -> None:
        """Write once a minute, and at the end."""
        await keep_writing(self.flush)

    async def flush(self) -> None:
        """Write what was counted, in the hour of now.

        Raises:
            LedgerUnavailable: Redis does not serve; nothing is lost.
        """
        self._take_in(self.now())
        await self._pending.write()

    def _take_in(self, now: datetime) -> None:
        """Move the counts into their day; the greatest places first, as there is an end to them."""
        if now.date() != self._day:
            self._day, self._places = now.date(), set()
        if not self._counts:
            return
        counts, self._counts = self._counts, {}
        for (group, place, level), count in sorted(counts.items(), key=lambda item: -item[1]):
            self._pending.count(self._day, Called(group, level), count)
            if (group, place) not in self._places:
                if len(self._places) >= MOST_PLACES:
                    place = NOWHERE  # noqa: PLW2901 - the rest
                else:
                    self._places.add((group, place))
            names = place.province, place.city, place.area_code
            self._pending.count(self._day, Called(group, "", now.hour, *names), count)


def group_of(asked: Iterable[str], held: Iterable[str]) -> str:
    """Return the group whose call it is: the first in order of those asked that hold the number."""
    groups = sorted(asked)
    holding = set(held).intersection(groups)
    return next((group for group in groups if group in holding), groups[0] if groups else "")

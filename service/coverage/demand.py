"""The demand for calls: counted in this process by each pick, and kept by day for all replicas.

A minute of it is lost with a process that is killed; one that ends writes what it has. A reply of
Redis that is lost may count a minute twice: nothing is decided by it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Protocol

import msgspec
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.locality import Locality
from service.redis_.client import translated
from service.tasks import heed_cancellation

FLUSH_SECONDS = 60.0
DAYS = 14
MOST_PLACES = 2000  # of a process and day; callees of others are counted as from nowhere
NOWHERE = Locality()
REFUSED = "refused"

_DAY_SECONDS = 86_400
_TOGETHER = 100  # fields of one command: Redis handles them in well under a millisecond


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


class DemandStore(Protocol):
    """Keeps the days of one instance."""

    async def add(self, day: date, counts: Day) -> None:
        """Add to a day."""

    async def read(self, day: date) -> Day:
        """Return a day; empty if nothing is known of it."""


class SharedDays:
    """The days in Redis, one hash each, for all replicas.

    All of it raises LedgerUnavailable where Redis does not serve.

    Args:
        client: where Redis is; no pick waits for it.
        base: what the instance's keys begin with, its hash tag included.
    """

    def __init__(self, client: Redis, base: str) -> None:
        self._client = client
        self._base = f"{base}demand:"

    async def add(self, day: date, counts: Day) -> None:
        """Add to a day, in bounded slices."""
        key, fields = f"{self._base}{day}", list(counts.items())
        for start in range(0, len(fields), _TOGETHER):
            with translated():
                async with self._client.pipeline(transaction=False) as pipe:
                    for called, count in fields[start : start + _TOGETHER]:
                        pipe.hincrby(key, msgspec.json.encode(called).decode(), count)
                    pipe.expire(key, (DAYS + 1) * _DAY_SECONDS)
                    await pipe.execute()

    async def read(self, day: date) -> Day:
        """Return a day, read in bounded slices."""
        counts: dict[Called, int] = {}
        with translated():
            fields = self._client.hscan_iter(f"{self._base}{day}", count=_TOGETHER)
            async for field, count in fields:
                with suppress(msgspec.MsgspecError, ValueError):  # what nobody can read is left out
                    counts[msgspec.json.decode(field, type=Called)] = int(count)
        return counts


class LocalDays:
    """The days in this process, forgotten at its end."""

    def __init__(self) -> None:
        self._days: dict[date, Counter[Called]] = {}

    async def add(self, day: date, counts: Day) -> None:
        """Add to a day, and forget those that are too old."""
        self._days.setdefault(day, Counter()).update(counts)
        for old in sorted(self._days)[: -(DAYS + 1)]:
            del self._days[old]

    async def read(self, day: date) -> Day:
        """Return a day."""
        return dict(self._days.get(day, {}))


class Demand:
    """Counts the calls of one instance; `run` must be running.

    Args:
        store: keeps them.
        now: the time in the instance's own zone.
    """

    def __init__(self, store: DemandStore, now: Callable[[], datetime]) -> None:
        self.store = store
        self.now = now
        self._counts: dict[tuple[str, Locality, str], int] = {}
        self._waiting: Counter[tuple[date, Called]] = Counter()
        self._places: set[tuple[str, Locality]] = set()
        self._day = date.min

    def count(self, group: str, place: Locality, level: str) -> None:
        """Count a call; at once, and without I/O.

        Args:
            group: the skill group that it was for.
            place: the callee's.
            level: how the number shown matched, or `refused`.
        """
        key = group, place, level
        self._counts[key] = self._counts.get(key, 0) + 1

    async def run(self) -> None:
        """Write once a minute, and at the end."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                with suppress(LedgerUnavailable):  # what Redis does not take now, it takes later
                    await self.flush()
                heed_cancellation()
        finally:
            with suppress(LedgerUnavailable):
                await self.flush()

    async def flush(self) -> None:
        """Write what was counted, in the hour of now.

        Raises:
            LedgerUnavailable: Redis does not serve; nothing is lost.
        """
        self._take_in(self.now())
        while self._waiting:
            day = next(iter(self._waiting))[0]
            counts = {called: count for (of, called), count in self._waiting.items() if of == day}
            await self.store.add(day, counts)
            for called in counts:
                del self._waiting[day, called]

    def _take_in(self, now: datetime) -> None:
        """Move the counts into their day; the greatest places first, as there is an end to them."""
        if now.date() != self._day:
            self._day, self._places = now.date(), set()
        counts, self._counts = self._counts, {}
        for (group, place, level), count in sorted(counts.items(), key=lambda item: -item[1]):
            self._waiting[self._day, Called(group, level)] += count
            if (group, place) not in self._places:
                if len(self._places) >= MOST_PLACES:
                    place = NOWHERE  # noqa: PLW2901 - the rest
                else:
                    self._places.add((group, place))
            names = place.province, place.city, place.area_code
            self._waiting[self._day, Called(group, "", now.hour, *names)] += count


def group_of(asked: Iterable[str], held: Iterable[str]) -> str:
    """Return the group whose call it is: the first in order of those asked that hold the number."""
    groups = sorted(asked)
    holding = set(held).intersection(groups)
    return next((group for group in groups if group in holding), groups[0] if groups else "")

"""An instance's numbers by province: how many may be shown now, and how far they are used today.

It is counted from the snapshot and from what the ledger keeps in this process, so neither Redis nor
CCC is asked, and in slices, so picks go on meanwhile. What was counted is shown again for a while.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import msgspec

from service.inventory import Inventory, PhoneNumber
from service.ledger.answers import Glance
from service.picking.explaining import instant
from service.picking.instance import Instance, instance_named, inventory_of

SCANNED = 64  # numbers looked at in one go, well under a ms
# Counting a million numbers takes seconds, which picks must not feel: a twentieth of the time.
SHOWN_AGAIN = 20
SHORTEST_SECONDS = 1.0

GROUPS_NAMED = 500


class ProvinceUse(msgspec.Struct, frozen=True):
    """The numbers of a province, "" for those without one.

    `candidates` may call out at all, `available` of them are not parked now. `max_per_day` is what
    the candidates may be used for in a day together, 0 where any of them has no cap.
    """

    province: str
    numbers: int
    candidates: int
    available: int
    used_day: int
    max_per_day: int
    parked: Mapping[str, int]


class Overview(msgspec.Struct, frozen=True):
    """The counts, as they were at an instant."""

    instance_id: str
    counted_at: datetime
    skill_group_ids: tuple[str, ...]
    provinces: tuple[ProvinceUse, ...]


class Overviews:
    """Counts the numbers of every configured instance.

    Args:
        instances: by id.
        now: ms since 1970.
        timer: seconds that only go forward.
    """

    def __init__(
        self,
        instances: Mapping[str, Instance],
        now: Callable[[], int],
        timer: Callable[[], float],
    ) -> None:
        self._instances = instances
        self._now = now
        self._timer = timer
        self._shown: dict[str, tuple[float, Overview]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, instance_id: str) -> Overview:
        """The numbers of an instance by province, counted now or a little while ago.

        Raises:
            InvalidField, UnknownInstance: the instance is not named, or not configured.
            InventoryUnavailable: it has no inventory yet.
        """
        instance = instance_named(self._instances, instance_id)
        inventory = inventory_of(instance.instance_id, instance.keeper)
        async with self._turns[instance.instance_id]:
            due, overview = self._shown.get(instance.instance_id, (0.0, None))
            if overview is None or self._timer() >= due:
                overview, seconds = await self._count(instance, inventory)
                due = self._timer() + max(SHORTEST_SECONDS, SHOWN_AGAIN * seconds)
                self._shown[instance.instance_id] = due, overview
            return overview

    async def _count(self, instance: Instance, inventory: Inventory) -> tuple[Overview, float]:
        """The overview, and for how many seconds others had to wait for it, in slices."""
        at, tally, left, seconds = (
            instant(self._now()),
            _Tally(inventory),
            iter(inventory.numbers),
            0.0,
        )
        while some := list(itertools.islice(left, SCANNED)):
            started = self._timer()
            for number, glance in zip(some, instance.ledger.glance(some), strict=True):
                tally.add(inventory.numbers[number], glance)
            seconds += self._timer() - started
            await asyncio.sleep(0)
        provinces = tuple(tally.provinces())
        return Overview(instance.instance_id, at, tally.groups(), provinces), seconds


class _Sums:
    """The counts of one province."""

    __slots__ = ("candidates", "cap", "numbers", "parked", "uncapped", "used")

    def __init__(self) -> None:
        self.numbers = self.candidates = self.uncapped = self.used = self.cap = 0
        self.parked = Counter[str]()  # by reason, and each once under ""


class _Tally:
    """Sums by province; the few lines that see each of a million numbers."""

    def __init__(self, inventory: Inventory) -> None:
        self._homes = inventory.homes()
        self._sums: defaultdict[str, _Sums] = defaultdict(_Sums)
        self._groups: defaultdict[str, int] = defaultdict(int)

    def add(self, own: PhoneNumber, glance: Glance) -> None:
        """Count a number in."""
        sums = self._sums[own.province]
        sums.numbers += 1
        for group in own.skill_group_ids:
            self._groups[group] += 1
        if own.number not in self._homes:
            return
        sums.candidates += 1
        sums.used += glance.used_day
        sums.cap += glance.max_per_day
        sums.uncapped += not glance.max_per_day
        if glance.parks:
            sums.parked.update(("", *dict(glance.parks)))

    def groups(self) -> tuple[str, ...]:
        """The skill groups with the most numbers, in the order of their ids."""
        most = sorted(self._groups, key=self._groups.__getitem__, reverse=True)
        return tuple(sorted(most[:GROUPS_NAMED]))

    def provinces(self) -> Iterator[ProvinceUse]:
        """The sums, the province with the most numbers first."""
        for province, sums in sorted(self._sums.items(), key=lambda item: -item[1].numbers):
            reasons = dict(sorted(sums.parked.items()))
            yield ProvinceUse(
                province,
                sums.numbers,
                sums.candidates,
                sums.candidates - reasons.pop("", 0),
                sums.used,
                0 if sums.uncapped else sums.cap,
                reasons,
            )

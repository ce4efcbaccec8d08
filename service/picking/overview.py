"""An instance's numbers by province: how many may be shown now, and how far they are used today.

It is counted from the snapshot and from what the ledger keeps in this process, so neither Redis nor
CCC is asked, and in slices, so picks go on meanwhile. What was counted is shown again for a while.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

import msgspec

from service.errors import InventoryUnavailable
from service.inventory import Inventory, PhoneNumber
from service.ledger.port import Glance
from service.picking.instance import Instance
from service.picking.naming import instance_named

SCANNED = 500  # numbers looked at in one go, about a ms
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
    """What was counted, at an instant in ms.

    `parked_numbers` are by province and reason; under the reason "" is each of a province once.
    """

    instance_id: str
    at: int
    skill_group_ids: tuple[str, ...]
    provinces: tuple[ProvinceUse, ...]
    parked_numbers: Mapping[tuple[str, str], list[str]]


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
        inventory = instance.keeper.inventory
        if inventory is None:
            raise InventoryUnavailable(
                f"No inventory of {instance.instance_id} has been accepted yet; ask again shortly"
            )
        async with self._turns[instance.instance_id]:
            due, overview = self._shown.get(instance.instance_id, (0.0, None))
            started = self._timer()
            if overview is None or started >= due:
                overview = await self._count(instance, inventory)
                ended = self._timer()
                due = ended + max(SHORTEST_SECONDS, SHOWN_AGAIN * (ended - started))
                self._shown[instance.instance_id] = due, overview
            return overview

    async def _count(self, instance: Instance, inventory: Inventory) -> Overview:
        at, tally, left = self._now(), _Tally(inventory), iter(inventory.numbers.values())
        while some := list(itertools.islice(left, SCANNED)):
            glances = instance.ledger.glance([one.number for one in some])
            for one, glance in zip(some, glances, strict=True):
                tally.add(one, glance)
            await asyncio.sleep(0)
        groups = tuple(sorted(group for group, _ in tally.groups.most_common(GROUPS_NAMED)))
        parked = dict(tally.parked)
        return Overview(instance.instance_id, at, groups, tuple(tally.provinces()), parked)


class _Tally:
    """Sums, by province."""

    def __init__(self, inventory: Inventory) -> None:
        self._homes = inventory.homes()
        self._numbers: Counter[str] = Counter()
        self._candidates: Counter[str] = Counter()
        self._uncapped: Counter[str] = Counter()
        self._used: Counter[str] = Counter()
        self._caps: Counter[str] = Counter()
        self.groups: Counter[str] = Counter()
        self.parked: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, one: PhoneNumber, glance: Glance) -> None:
        """Count a number in."""
        province = one.province
        self._numbers[province] += 1
        self.groups.update(one.skill_group_ids)
        if one.number not in self._homes:
            return
        self._candidates[province] += 1
        self._used[province] += glance.used_day
        self._caps[province] += glance.max_per_day
        self._uncapped[province] += not glance.max_per_day
        if glance.reasons:
            for reason in ("", *glance.reasons):
                self.parked[province, reason].append(one.number)

    def provinces(self) -> Iterator[ProvinceUse]:
        """The sums, the province with the most numbers first."""
        reasons: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (province, reason), out in sorted(self.parked.items()):
            reasons[province][reason] = len(out)
        for province, numbers in self._numbers.most_common():
            candidates = self._candidates[province]
            yield ProvinceUse(
                province,
                numbers,
                candidates,
                candidates - reasons[province].pop("", 0),
                self._used[province],
                0 if self._uncapped[province] else self._caps[province],
                reasons[province],
            )

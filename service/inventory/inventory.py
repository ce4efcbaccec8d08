"""The immutable, indexed inventory of one instance: a snapshot, swapped whole.

It answers which pools there are and who is in them. It does not know who was used when; that is
the ledger's.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType

from service.inventory.numbers import PhoneNumber, bar
from service.inventory.pools import Home, aliases_of, home_of, paths_of, pool_name

_NO_BARS: Mapping[str, int] = MappingProxyType({})


def common_limits(_: PhoneNumber) -> str:
    """The name of the limits that hold for most numbers."""
    return ""


class Inventory:
    """All numbers of one instance at one generation, with their pools.

    Args:
        instance_id: whose numbers these are.
        generation: counts the accepted changes; a greater one is newer.
        numbers: every number that CCC lists, candidates or not, each once.
        limits_of: names the limits that hold for a number, "" for those of most.
    """

    def __init__(
        self,
        instance_id: str,
        generation: int,
        numbers: Iterable[PhoneNumber],
        limits_of: Callable[[PhoneNumber], str] = common_limits,
    ) -> None:
        self.instance_id = instance_id
        self.generation = generation
        self.numbers = {number.number: number for number in numbers}
        paths = _paths(self.numbers.values())
        members = _members(paths)
        self._aliases = aliases_of({path for owned in paths.values() for path in owned}, members)
        self.members: dict[str, tuple[str, ...]] = {
            pool: tuple(numbers) for pool, numbers in members.items() if pool not in self._aliases
        }
        self._homes = self._settle(paths, limits_of)
        self._bars = _bars(self.numbers.values())

    def _settle(
        self,
        paths: Mapping[str, tuple[tuple[str, ...], ...]],
        limits_of: Callable[[PhoneNumber], str],
    ) -> dict[str, Home]:
        known: dict[tuple[str, tuple[tuple[str, ...], ...]], Home] = {}
        homes = {}
        for number, owned in paths.items():
            limits = limits_of(self.numbers[number])
            if (limits, owned) not in known:
                pools = {self._aliases.get(pool, pool): None for path in owned for pool in path}
                known[limits, owned] = home_of(tuple(pools), limits)
            homes[number] = known[limits, owned]
        return homes

    def __len__(self) -> int:
        return len(self.numbers)

    def pool(self, owner: str, level: str, place: str) -> str:
        """The pool of an owner at a level, under the one name it has, or "" where there is none."""
        name = pool_name(owner, level, place)
        name = self._aliases.get(name, name)
        return name if name in self.members else ""

    def homes(self) -> Mapping[str, Home]:
        """Where each candidate lives; who is not here is never shown."""
        return self._homes

    def home(self, number: str) -> Home | None:
        """The pools of one candidate, or None for a number that is none."""
        return self._homes.get(number)

    def barred(self, skill_group_ids: Iterable[str]) -> Counter[str]:
        """How many numbers of these groups can never be shown, by what keeps them."""
        total: Counter[str] = Counter()
        for group in skill_group_ids:
            total.update(self._bars.get(group, _NO_BARS))
        return total


def _paths(numbers: Iterable[PhoneNumber]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The pools of each candidate; those of one place and the same owners share theirs."""
    known: dict[Hashable, tuple[tuple[str, ...], ...]] = {}
    paths = {}
    for one in numbers:
        if not bar(one):
            place = one.province, one.city, one.area_code
            kind = *place, one.skill_group_ids, one.agent_id, one.tags
            if kind not in known:
                known[kind] = paths_of(one)
            paths[one.number] = known[kind]
    return paths


def _members(paths: Mapping[str, tuple[tuple[str, ...], ...]]) -> dict[str, list[str]]:
    members: defaultdict[str, list[str]] = defaultdict(list)
    for number in sorted(paths):
        for path in paths[number]:
            for pool in path:
                members[pool].append(number)
    return dict(members)


def _bars(numbers: Iterable[PhoneNumber]) -> dict[str, Counter[str]]:
    bars: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for number in numbers:
        if reason := bar(number):
            for group in number.skill_group_ids:
                bars[group][reason] += 1
    return dict(bars)

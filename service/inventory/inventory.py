"""The immutable, indexed inventory of one instance: a snapshot, swapped whole.

It answers which pools there are and who is in them. It does not know who was used when; that is
the ledger's.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

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

    Attributes:
        limits: the names of the limits that hold for any candidate.
    """

    limits: frozenset[str]

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
        kinds = _kinds(self.numbers.values(), limits_of)
        pools = _pools(kinds)
        self._aliases = aliases_of((path for kind in kinds for path in kind.paths), pools)
        self.members: dict[str, tuple[str, ...]] = {
            pool: tuple(sorted(chain.from_iterable(kinds[each].numbers for each in within)))
            for pool, within in pools.items()
            if pool not in self._aliases
        }
        self._homes: dict[str, Home] = {}
        self.provinces: Counter[str] = Counter()
        for kind in kinds:
            self._homes |= dict.fromkeys(kind.numbers, self._home_of(kind))
            self.provinces[kind.province] += len(kind.numbers)
        self.limits = frozenset(kind.limits for kind in kinds)
        self._bars = _bars(self.numbers.values())

    def _home_of(self, kind: "_Kind") -> Home:
        pools = {self._aliases.get(pool, pool): None for path in kind.paths for pool in path}
        return home_of(tuple(pools), kind.limits)

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


class _Kind(NamedTuple):
    """The candidates that differ in nothing but their digits: what holds for one holds for all."""

    province: str
    paths: tuple[tuple[str, ...], ...]
    limits: str
    numbers: list[str]


def _kinds(numbers: Iterable[PhoneNumber], limits_of: Callable[[PhoneNumber], str]) -> list[_Kind]:
    kinds: dict[tuple[object, ...], _Kind] = {}
    for one in numbers:
        if bar(one):
            continue
        limits = limits_of(one)
        place = one.province, one.city, one.area_code
        key = (*place, one.skill_group_ids, one.agent_id, one.tags, limits)
        if (kind := kinds.get(key)) is None:
            kind = kinds[key] = _Kind(one.province, paths_of(one), limits, [])
        kind.numbers.append(one.number)
    return list(kinds.values())


def _pools(kinds: Sequence[_Kind]) -> dict[str, list[int]]:
    """The kinds in each pool; pools of the same kinds hold the same numbers."""
    pools: defaultdict[str, list[int]] = defaultdict(list)
    for index, kind in enumerate(kinds):
        for path in kind.paths:
            for pool in path:
                pools[pool].append(index)
    return dict(pools)


def _bars(numbers: Iterable[PhoneNumber]) -> dict[str, Counter[str]]:
    bars: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for number in numbers:
        if reason := bar(number):
            for group in number.skill_group_ids:
                bars[group][reason] += 1
    return dict(bars)

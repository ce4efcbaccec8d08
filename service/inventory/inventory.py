"""The immutable, indexed inventory of one instance: a snapshot, swapped whole.

It answers which pools there are and who is in them. It does not know who was used when; that is
the ledger's.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple, Self

from service.inventory.numbers import PhoneNumber, bar
from service.inventory.order import in_order, merged
from service.inventory.pools import Home, add_aliases, home_of, paths_of, pool_name

SLICE = 128  # numbers looked at before others have a turn, well under a ms

_NO_BARS: Mapping[str, int] = MappingProxyType({})


def common_limits(_: PhoneNumber) -> str:
    """The name of the limits that hold for most numbers."""
    return ""


class Inventory:
    """All numbers of one instance at one generation, with their pools.

    Args:
        instance_id: whose numbers these are.
        generation: orders snapshots; a greater one is newer, and some are left out.
        numbers: every number that CCC lists, candidates or not, each once.
        limits_of: names the limits that hold for a number, "" for those of most.

    Attributes:
        numbers: by their digits.
        members: the candidates of each pool, in the order of their digits.
        groups: the skill groups that have candidates.
        provinces: how many candidates each has.
        usages: how many numbers are used so, by whether they are candidates.
        limits: the names of the limits that hold for any candidate.
        all_limits: those that hold for any number.
    """

    limits: frozenset[str]
    all_limits: frozenset[str]

    def __init__(
        self,
        instance_id: str,
        generation: int,
        numbers: Iterable[PhoneNumber] = (),
        limits_of: Callable[[PhoneNumber], str] = common_limits,
    ) -> None:
        self.instance_id = instance_id
        self.generation = generation
        self.numbers: dict[str, PhoneNumber] = {}
        self.members: dict[str, tuple[str, ...]] = {}
        self.groups: set[str] = set()
        self.provinces: Counter[str] = Counter()
        self.usages: Counter[tuple[str, bool]] = Counter()
        self._aliases: dict[str, str] = {}
        self._homes: dict[str, Home] = {}
        self._bars: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for _ in self._take_in(numbers, limits_of):
            pass

    @classmethod
    def building(
        cls,
        instance_id: str,
        generation: int,
        numbers: Iterable[PhoneNumber],
        limits_of: Callable[[PhoneNumber], str] = common_limits,
    ) -> Generator[None, None, Self]:
        """Make one in slices: whenever it yields, others may have a turn."""
        inventory = cls(instance_id, generation)
        yield from inventory._take_in(numbers, limits_of)
        return inventory

    def __len__(self) -> int:
        return len(self.numbers)

    def pool(self, owner: str, level: str, place: str) -> str:
        """The pool of an owner at a level, under the one name it has, or "" where there is none."""
        name = pool_name(owner, level, place)
        name = self._aliases.get(name, name)
        return name if name in self.members else ""

    def homes(self) -> Mapping[str, Home]:
        """Map each candidate to its home; a number that is not here is never shown."""
        return self._homes

    def home(self, number: str) -> Home | None:
        """The pools of one candidate, or None for a number that is none."""
        return self._homes.get(number)

    def barred(self, skill_group_ids: Iterable[str]) -> Counter[str]:
        """Count the numbers of these groups that can never be shown, by reason."""
        total: Counter[str] = Counter()
        for group in skill_group_ids:
            total.update(self._bars.get(group, _NO_BARS))
        return total

    def _take_in(
        self, numbers: Iterable[PhoneNumber], limits_of: Callable[[PhoneNumber], str]
    ) -> Generator[None, None, None]:
        kinds = []
        alikes = yield from self._alike(numbers, limits_of)
        self.all_limits = frozenset(limits for _, limits, _ in alikes)
        for first, limits, alike in alikes:
            yield
            reason = bar(first)
            self.usages[first.usage, not reason] += len(alike)
            if reason:
                for group in first.skill_group_ids:
                    self._bars[group][reason] += len(alike)
            else:
                self.groups.update(first.skill_group_ids)
                self.provinces[first.province] += len(alike)
                kinds.append(_Kind(paths_of(first), limits, alike))
        self.limits = frozenset(kind.limits for kind in kinds)
        yield from self._fill_pools(kinds)
        yield from self._find_homes(kinds)

    def _alike(
        self, numbers: Iterable[PhoneNumber], limits_of: Callable[[PhoneNumber], str]
    ) -> Generator[None, None, list[tuple[PhoneNumber, str, tuple[str, ...]]]]:
        """The numbers that differ in nothing but their digits: the first, its limits, and all."""
        kinds: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
        for at, one in enumerate(numbers):
            if at % SLICE == 0:
                yield
            self.numbers[one.number] = one
            owners = one.skill_group_ids, one.agent_id, one.tags
            place = one.province, one.city, one.area_code
            bars = one.active, one.usage, one.number.startswith("400")
            kinds[limits_of(one), owners, place, bars].append(one.number)
        alikes = []
        for (limits, *_), alike in kinds.items():
            ordered = yield from in_order(alike)
            alikes.append((self.numbers[ordered[0]], str(limits), ordered))
        return alikes

    def _fill_pools(self, kinds: list["_Kind"]) -> Generator[None, None, None]:
        pools: defaultdict[str, list[int]] = defaultdict(list)
        for index, kind in enumerate(kinds):
            yield
            for pool in chain.from_iterable(kind.paths):
                pools[pool].append(index)
        for kind in kinds:
            yield
            add_aliases(self._aliases, kind.paths, pools)
        for pool, within in pools.items():
            yield
            if pool not in self._aliases:
                runs = [kinds[index].numbers for index in within]
                self.members[pool] = yield from merged(runs)

    def _find_homes(self, kinds: list["_Kind"]) -> Generator[None, None, None]:
        for kind in kinds:
            names = dict.fromkeys(chain.from_iterable(kind.paths))
            pools = dict.fromkeys(self._aliases.get(name, name) for name in names)
            home = home_of(tuple(pools), kind.limits)
            for start in range(0, len(kind.numbers), SLICE):
                yield
                self._homes.update(dict.fromkeys(kind.numbers[start : start + SLICE], home))


class _Kind(NamedTuple):
    """Candidates that differ in nothing but their digits: what holds for one holds for all."""

    paths: tuple[tuple[str, ...], ...]
    limits: str
    numbers: tuple[str, ...]


class Moves(NamedTuple):
    """The candidates that are none any more, and those that live elsewhere than before."""

    gone: list[str]
    moved: list[str]


def moves_between(
    before: Mapping[str, Home], after: Mapping[str, Home]
) -> Generator[None, None, Moves]:
    """Find in slices the changes from one snapshot's homes to another's."""
    moves = Moves([], [])
    for at, number in enumerate(before):
        if at % SLICE == 0:
            yield
        if number not in after:
            moves.gone.append(number)
    for at, (number, home) in enumerate(after.items()):
        if at % SLICE == 0:
            yield
        was = before.get(number)
        if was is None or was.home_id != home.home_id:
            moves.moved.append(number)
    return moves

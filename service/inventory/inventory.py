"""The immutable, indexed inventory of one instance: a snapshot, swapped whole.

It answers which pools there are and who is in them. It does not know who was used when; that is
the ledger's.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple, Self

from service.inventory.numbers import PhoneNumber, Terms, bar, common_terms
from service.inventory.order import in_order, merged
from service.inventory.pools import (
    Home,
    add_aliases,
    avoiding,
    home_of,
    names_of,
    paths_of,
    pool_name,
)
from service.locality import Locality

SLICE = 64  # numbers looked at before others have a turn, well under a ms

_NO_BARS: Mapping[str, int] = MappingProxyType({})


class Inventory:
    """All numbers of one instance at one generation, with their pools.

    Args:
        instance_id: whose numbers these are.
        generation: orders snapshots; a greater one is newer, and some are left out.
        numbers: every number that CCC lists, candidates or not, each once.
        terms_of: tells the terms of a number's use.

    Attributes:
        numbers: by their digits.
        members: the candidates of each pool, in the order of their digits.
        groups: the skill groups that have candidates.
        provinces: how many candidates each has.
        usages: how many numbers are used so, by whether they are candidates.
        terms_of: told the terms of their use.
        limits: the names of the limits that hold for any candidate.
        all_limits: those that hold for any number.
    """

    terms_of: Callable[[PhoneNumber], Terms]
    limits: frozenset[str]
    all_limits: frozenset[str]

    def __init__(
        self,
        instance_id: str,
        generation: int,
        numbers: Iterable[PhoneNumber] = (),
        terms_of: Callable[[PhoneNumber], Terms] = common_terms,
    ) -> None:
        self.instance_id = instance_id
        self.generation = generation
        self.numbers: dict[str, PhoneNumber] = {}
        self.members: dict[str, tuple[str, ...]] = {}
        self.groups: set[str] = set()
        self.provinces: Counter[str] = Counter()
        self.usages: Counter[tuple[str, bool]] = Counter()
        self._avoid: dict[str, frozenset[str]] = {}  # of the numbers that are kept from any place
        self._avoids: list[frozenset[str]] = []
        self._aliases: dict[str, str] = {}
        self._homes: dict[str, Home] = {}
        self._bars: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for _ in self._take_in(numbers, terms_of):
            pass

    @classmethod
    def building(
        cls,
        instance_id: str,
        generation: int,
        numbers: Iterable[PhoneNumber],
        terms_of: Callable[[PhoneNumber], Terms] = common_terms,
    ) -> Generator[None, None, Self]:
        """Make one in slices: whenever it yields, others may have a turn."""
        inventory = cls(instance_id, generation)
        yield from inventory._take_in(numbers, terms_of)
        return inventory

    def __len__(self) -> int:
        return len(self.numbers)

    def pool(self, owner: str, level: str, place: str) -> str:
        """The pool of an owner at a level, under the one name it has, or "" where there is none."""
        name = pool_name(owner, level, place)
        name = self._aliases.get(name, name)
        return name if name in self.members else ""

    def pools(self, owner: str, level: str, place: str, callee: Locality) -> list[str]:
        """The pools of an owner at a level whose numbers callees of a place may see.

        One, and one more for each set of places that some numbers are kept from.
        """
        names = names_of(callee)
        avoids = (avoid for avoid in self._avoids if avoid.isdisjoint(names))
        places = (place, *(avoiding(place, avoid) for avoid in avoids))
        return [pool for at in places if (pool := self.pool(owner, level, at))]

    def is_kept_from(self, number: str, callee: Locality) -> bool:
        """Return whether callees of a place never see a number."""
        avoid = self._avoid.get(number)
        return avoid is not None and not avoid.isdisjoint(names_of(callee))

    def kept_from(self, owner: str, level: str, callee: Locality) -> Iterator[tuple[str, ...]]:
        """Yield the pools of an owner, at `any` or `agent`, that callees of a place never see."""
        names = names_of(callee)
        for avoid in self._avoids:
            if not avoid.isdisjoint(names):
                yield self.members.get(self.pool(owner, level, avoiding("*", avoid)), ())

    def homes(self) -> Mapping[str, Home]:
        """Map each candidate to its home; a number that is not here is never shown."""
        return self._homes

    def home(self, number: str) -> Home | None:
        """The pools of one candidate, or None for a number that is none."""
        return self._homes.get(number)

    def knows_group(self, skill_group_id: str) -> bool:
        """Return whether any number belongs to a group, be it one that can never be shown."""
        return skill_group_id in self.groups or skill_group_id in self._bars

    def barred(self, skill_group_ids: Iterable[str]) -> Counter[str]:
        """Count the numbers of these groups that can never be shown, by reason."""
        total: Counter[str] = Counter()
        for group in skill_group_ids:
            total.update(self._bars.get(group, _NO_BARS))
        return total

    def _take_in(
        self, numbers: Iterable[PhoneNumber], terms_of: Callable[[PhoneNumber], Terms]
    ) -> Generator[None, None, None]:
        kinds = []
        self.terms_of = terms_of
        alikes = yield from self._alike(numbers, terms_of)
        self.all_limits = frozenset(terms.limits for _, terms, _ in alikes)
        for first, terms, alike in alikes:
            yield
            reason = bar(first)
            self.usages[first.usage, not reason] += len(alike)
            if reason:
                for group in first.skill_group_ids:
                    self._bars[group][reason] += len(alike)
            else:
                self.groups.update(first.skill_group_ids)
                self.provinces[first.province] += len(alike)
                kinds.append(_Kind(paths_of(first, terms.avoid), terms.limits, alike))
        self.limits = frozenset(kind.limits for kind in kinds)
        yield from self._fill_pools(kinds)
        yield from self._find_homes(kinds)

    def _alike(
        self, numbers: Iterable[PhoneNumber], terms_of: Callable[[PhoneNumber], Terms]
    ) -> Generator[None, None, list[tuple[PhoneNumber, Terms, tuple[str, ...]]]]:
        """The numbers that differ in nothing but their digits: the first, its terms, and all."""
        kinds: defaultdict[tuple[Terms, *tuple[object, ...]], list[str]] = defaultdict(list)
        for at, one in enumerate(numbers):
            if at % SLICE == 0:
                yield
            self.numbers[one.number] = one
            owners = one.skill_group_ids, one.agent_id, one.tags
            place = one.province, one.city, one.area_code
            bars = one.active, one.usage, one.number.startswith("400")
            terms = terms_of(one)
            if terms.avoid:
                self._avoid[one.number] = terms.avoid
            kinds[terms, owners, place, bars].append(one.number)
        self._avoids = sorted(set(self._avoid.values()), key=sorted)
        alikes = []
        for (terms, *_), alike in kinds.items():
            ordered = yield from in_order(alike)
            alikes.append((self.numbers[ordered[0]], terms, ordered))
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

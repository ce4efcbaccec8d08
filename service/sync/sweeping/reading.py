"""Hold what one sweep has read, part by part, and choose the pages to ask for next. Pure.

Generators yield the pages to ask for, in order, and are sent what these hold. Which parts there are
to be is guessed in `splitting`; whether they are the whole is told by the counts kept here.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias

import msgspec

from service.inventory import PhoneNumber
from service.sync.acceptance import Sweep
from service.sync.sweeping.splitting import (
    EVERYTHING,
    MOST_NUMBERS,
    Part,
    pages_of,
    parts_of,
    seeds_for,
    spread,
)

PASSES = 3
SAMPLE = 4  # pages from all over a part, to guess from
TOO_FEW = 0.01  # of the numbers of a part, to guess from


class PageRequest(msgspec.Struct, frozen=True):
    """A page of a part; pages count from 1."""

    part: Part
    page: int


class PageRead(msgspec.Struct, frozen=True):
    """The size of a part, and the numbers on one page of it."""

    total: int
    numbers: Sequence[PhoneNumber]


Asking: TypeAlias = Generator[list[PageRequest], list[PageRead], None]


class PartRead:
    """The numbers read of one part, pass by pass.

    It has settled once a pass adds up, or all passes do; `pages` are these then.
    """

    def __init__(self) -> None:
        self.pages: list[PageRead] = []
        self.is_settled = False

    @property
    def total(self) -> int:
        """The total that was told last."""
        return self.pages[-1].total

    @property
    def is_overfull(self) -> bool:
        """True if paging does not reach the whole part."""
        return self.total > MOST_NUMBERS

    def add(self, latest: list[PageRead]) -> None:
        """Take in one more pass over the part."""
        self.pages = latest if _adds_up(latest) else self.pages + latest
        self.is_settled = not self.is_overfull and _adds_up(self.pages)


class Reading:
    """One sweep's reading.

    Args:
        known: the numbers of the last inventory: the first guess of how these are spread.
    """

    def __init__(self, known: Mapping[str, PhoneNumber]) -> None:
        self._known = known
        self._taken: dict[Part, PartRead] = {}
        self._moved = 0  # numbers more since they were read, in the parts that were read
        self.total = 0
        self.seen: dict[str, PhoneNumber] = {}
        self.is_at_rest = True  # as far as the totals tell

    @property
    def missing(self) -> int:
        """The count of numbers that CCC has and that no page had and no part has got since."""
        return self.total - len(self.seen) - self._moved

    @property
    def parts(self) -> dict[Part, PartRead]:
        """The parts that paging reaches; the others stand split among them."""
        return {part: taken for part, taken in self._taken.items() if not taken.is_overfull}

    @property
    def is_settled(self) -> bool:
        """True if every part has settled."""
        return all(taken.is_settled for taken in self.parts.values())

    def told(self) -> Sweep:
        """The sweep as far as it went."""
        if self.is_settled and not self.missing:
            return Sweep(self.seen, complete=True, total=self.total)
        settled = [
            part.pattern
            for part, taken in self.parts.items()
            if taken.is_settled and part == Part(part.pattern)
        ]
        return Sweep(self.seen, complete=False, total=self.total, settled=tuple(settled))

    def read(self, parts: Iterable[Part]) -> Asking:
        """Read parts: up to three times where they do not add up, and split where too large."""
        parts = [part for part in dict.fromkeys(parts) if part not in self._taken]
        left = parts
        for _ in range(PASSES):
            yield from self._pass(left)
            taken = {part: self._taken[part] for part in left}
            left = [p for p, one in taken.items() if not (one.is_settled or one.is_overfull)]
        for part in parts:
            for page in self._taken[part].pages:
                self.see(page)
        for part in parts:
            if self._taken[part].is_overfull:
                yield from self._split(part)

    def look(self, part: Part, pages: Iterable[int]) -> Asking:
        """See some pages, of a part or of any other."""
        for page in (yield [PageRequest(part, page) for page in pages]):
            self.see(page)

    def see(self, page: PageRead) -> None:
        """Take in the numbers of a page."""
        self.seen.update((number.number, number) for number in page.numbers)

    def balance(self) -> Asking:
        """Have the totals told again: what came or went where it was read before is no gap."""
        before, self._moved = self.total, 0
        (whole,) = yield [PageRequest(EVERYTHING, 1)]
        self.total = whole.total
        if not self.missing:
            return
        parts = self.parts
        *pages, whole = yield [PageRequest(part, 1) for part in (*parts, EVERYTHING)]
        moves = [
            page.total - taken.total for page, taken in zip(pages, parts.values(), strict=True)
        ]
        self.total, self._moved = whole.total, sum(moves)
        self.is_at_rest = self.total == before and not any(moves)

    def _pass(self, parts: Sequence[Part]) -> Asking:
        """Read parts one after the other; the first page of each comes with the last's rest."""
        firsts = yield [PageRequest(part, 1) for part in parts[:1]]
        for part, following in zip_longest(parts, parts[1:]):
            (first,) = firsts
            last = pages_of(first.total) if first.total <= MOST_NUMBERS else 1
            rest = [PageRequest(part, page) for page in range(2, last + 1)]
            pages = yield rest + ([PageRequest(following, 1)] if following else [])
            pages, firsts = pages[: len(rest)], pages[len(rest) :]
            self._taken.setdefault(part, PartRead()).add([first, *pages])
            if part == EVERYTHING:
                self.total = self._taken[part].total

    def _split(self, part: Part) -> Asking:
        """Read the parts of a part, guessed from what is known and seen of it."""
        total = self._taken[part].total
        if len(self._hints(part)) < TOO_FEW * total:
            yield from self._sample(part, total)
        yield from self.read(parts_of(part, self._hints(part), total))

    def _sample(self, part: Part, total: int) -> Asking:
        """Look at pages from all over a part, beyond what paging reaches of it too."""
        asks = [PageRequest(part, page) for page in spread(pages_of(MOST_NUMBERS))[:SAMPLE]]
        seeds = [] if part.pattern else [part.narrowed(seed) for seed in seeds_for(total)]
        pages = yield asks + [PageRequest(seed, 1) for seed in seeds]
        for seed, page in zip(seeds, pages[len(asks) :], strict=True):
            some = spread(pages_of(min(page.total, MOST_NUMBERS)))[:SAMPLE]
            yield from self.look(seed, some)
        for page in pages:
            self.see(page)

    def _hints(self, part: Part) -> list[PhoneNumber]:
        every = {**self._known, **self.seen}
        return [number for number in every.values() if part.holds(number)]


def _adds_up(pages: Sequence[PageRead]) -> bool:
    """Return whether every page tells the total that all come to."""
    numbers = {number.number for page in pages for number in page.numbers}
    return {page.total for page in pages} == {len(numbers)}

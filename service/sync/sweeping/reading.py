"""Hold what one sweep has read, part by part, and choose the pages to ask for next. Pure.

Generators yield the pages to ask for, in order, and are sent what these hold. Which parts there are
to be is guessed in `splitting`; whether they are the whole is told by the counts kept here.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain, zip_longest
from operator import or_
from typing import TypeAlias

import msgspec

from service.inventory import PhoneNumber, UnreadableRow
from service.logs import mask
from service.sync.acceptance import REPEATED, Sweep
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
    """The size of a part, and the rows on one page of it: its numbers, and what is unreadable."""

    total: int
    numbers: Sequence[PhoneNumber]
    unreadable: Sequence[UnreadableRow] = ()


Asking: TypeAlias = Generator[list[PageRequest], list[PageRead], None]


class PartRead:
    """The rows read of one part, pass by pass.

    It has settled once a pass adds up, or all passes do; `passes` are these then.
    """

    def __init__(self) -> None:
        self.passes: list[list[PageRead]] = []
        self.is_settled = False

    @property
    def total(self) -> int:
        """The total that was told last."""
        return self.passes[-1][-1].total

    @property
    def is_overfull(self) -> bool:
        """True if paging does not reach the whole part."""
        return self.total > MOST_NUMBERS

    def add(self, latest: list[PageRead]) -> None:
        """Take in one more pass over the part."""
        if self.passes and latest == self.passes[-1]:  # nothing moves: what repeats is there twice
            apart = _repeats_aside(latest)
            latest = apart if _adds_up([apart]) else latest
        is_whole = _adds_up([latest])
        self.passes = [latest] if is_whole else [*self.passes, latest]
        self.is_settled = not self.is_overfull and (is_whole or _adds_up(self.passes))


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
        self.unreadable: Counter[UnreadableRow] = Counter()
        self.is_at_rest = True  # as far as the totals tell

    @property
    def missing(self) -> int:
        """The count of rows that CCC has and that no page had and no part has got since."""
        return self.total - len(self.seen) - self.unreadable.total() - self._moved

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
        is_whole = self.is_settled and not self.missing
        settled = [
            part.pattern
            for part, taken in self.parts.items()
            if not is_whole and taken.is_settled and part == Part(part.pattern)
        ]
        return Sweep(
            self.seen,
            complete=is_whole,
            total=self.total,
            settled=tuple(settled),
            unreadable=tuple(self.unreadable.elements()),
        )

    def read(self, parts: Iterable[Part]) -> Asking:
        """Read parts: up to three times where they do not add up, and split where too large."""
        parts = [part for part in dict.fromkeys(parts) if part not in self._taken]
        left = parts
        for _ in range(PASSES):
            if left:
                yield from self._pass(left)
            taken = {part: self._taken[part] for part in left}
            left = [p for p, one in taken.items() if not (one.is_settled or one.is_overfull)]
        for part in parts:
            for pages in self._taken[part].passes:
                self.see(pages)
        for part in parts:
            if self._taken[part].is_overfull:
                yield from self._split(part)

    def see(self, pages: Sequence[PageRead]) -> None:
        """Take in the rows of different pages of one part.

        Unreadable rows may be alike to the last byte, so they are counted, not named: as often as
        one reading of a part has them. The same rows read again, or in another part, are no more.
        """
        self.seen.update((number.number, number) for page in pages for number in page.numbers)
        self.unreadable |= unreadable_of(pages)

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
            last = _last_page(part, first.total)
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
            self.see((yield [PageRequest(seed, each) for each in some]))
        self.see(pages[: len(asks)])
        for page in pages[len(asks) :]:
            self.see([page])

    def _hints(self, part: Part) -> list[PhoneNumber]:
        every = {**self._known, **self.seen}
        return [number for number in every.values() if part.holds(number)]


def _last_page(part: Part, total: int) -> int:
    """Return the page to read a part to: of an overfull one the first is enough.

    What is not cut into parts is read until a page is not full: its total could be too small.
    """
    if total > MOST_NUMBERS:
        return 1
    is_open = part == EVERYTHING and total < MOST_NUMBERS
    return pages_of(total + 1) if is_open else pages_of(total)


def _repeats_aside(pages: Sequence[PageRead]) -> list[PageRead]:
    """Set aside each row whose number an earlier one of the same pass has."""
    seen: set[str] = set()
    result = []
    for page in pages:
        aside = list(page.unreadable)
        for number in page.numbers:
            if number.number in seen:
                aside.append(UnreadableRow(mask(number.number), REPEATED))
            seen.add(number.number)
        result.append(PageRead(page.total, page.numbers, aside))
    return result


def unreadable_of(pages: Iterable[PageRead]) -> Counter[UnreadableRow]:
    """Count the unreadable rows on different pages of one part."""
    return Counter(row for page in pages for row in page.unreadable)


def _adds_up(passes: Sequence[Sequence[PageRead]]) -> bool:
    """Return whether every page tells the total that all passes come to."""
    pages = list(chain.from_iterable(passes))
    numbers = {number.number for page in pages for number in page.numbers}
    unreadable = reduce(or_, map(unreadable_of, passes))
    return {page.total for page in pages} == {len(numbers) + unreadable.total()}

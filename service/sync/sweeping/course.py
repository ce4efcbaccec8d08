"""The course of one sweep, from its first page to what is told of it. Pure.

A generator yields the pages to ask for and is sent what they hold. Up to 10,000 numbers are one
part. Beyond, parts are guessed and read, the counts tell what no part had, and that is searched for
by ever longer patterns: each says by its total how many of the missing numbers hold it.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from typing import TypeAlias

from service.errors import SweepFailed
from service.inventory import PhoneNumber, UnreadableRow
from service.sync.acceptance import Sweep
from service.sync.sweeping.reading import (
    PASSES,
    Asking,
    PageRead,
    PageRequest,
    Reading,
    unreadable_of,
)
from service.sync.sweeping.splitting import (
    EVERYTHING,
    MOST_NUMBERS,
    Part,
    cells_of,
    extended,
    pages_of,
    patterns_of,
    spread,
)

WORTH_A_SAMPLE = 100  # numbers that a part lacks
SAMPLE = 10  # pages from all over a part
FEW_PAGES = 10  # read rather than split once more
LOOKS_A_NUMBER = 10  # for each number missing while others come and go
REQUESTS_A_PAGE = 4  # in one sweep, for each page that the numbers fill
MARGIN = 200  # requests beyond: a part is asked for whole before any of it is seen

Course: TypeAlias = Generator[list[PageRequest], list[PageRead], Sweep]


class _Budget:
    """Counts what a sweep asks for against the numbers that there surely are.

    These are the numbers seen, or else those of the last inventory: a total may be wrong.
    """

    def __init__(self, known: int) -> None:
        self._known = known
        self._seen: set[str | bytes] = set()
        self._asked = 0

    @property
    def left(self) -> int:
        """The requests that are left, the margin aside."""
        return REQUESTS_A_PAGE * pages_of(max(self._known, len(self._seen))) - self._asked

    def keep(self, course: Course) -> Course:
        """Go a course within the budget.

        Raises:
            SweepFailed: there is no end of it.
        """
        pages: list[PageRead] | None = None
        while True:
            try:
                asks = next(course) if pages is None else course.send(pages)
            except StopIteration as end:
                sweep: Sweep = end.value
                return sweep
            self._asked += len(asks)
            if self.left < -MARGIN:
                raise SweepFailed(
                    f"{self._asked} requests of ListPhoneNumbers found {len(self._seen)} rows "
                    "and still not what TotalCount tells: it, or a filter, does not say what CCC "
                    "has. If that lasts, report it to Alibaba"
                )
            pages = yield asks
            for page in pages:
                self._seen.update(number.number for number in page.numbers)
                self._seen.update(row.digest for row in page.unreadable)


def course_of(known: Mapping[str, PhoneNumber]) -> Course:
    """Sweep.

    Args:
        known: the numbers of the last inventory: the first guess of how these are spread.

    Returns:
        All that was seen. It is complete if each part came to rest and they come to the total
        together, what came and went since they were read apart.

    Raises:
        SweepFailed: everything rests, and the filters do not reach all numbers; or there is no end
            of it.
    """
    budget = _Budget(len(known))
    return budget.keep(_unbounded(Reading(known), budget))


def _unbounded(reading: Reading, budget: _Budget) -> Course:
    yield from reading.read([EVERYTHING])
    if EVERYTHING in reading.parts:
        return reading.told()
    for _ in range(PASSES):
        yield from reading.balance()
        if reading.missing <= 0 or not reading.is_settled:
            break
        yield from _Search(reading, budget).run()
    return reading.told()


class _Search:
    """The search for what a reading lacks."""

    def __init__(self, reading: Reading, budget: _Budget) -> None:
        self._reading = reading
        self._searched: set[Part] = set()
        self._unreadable: defaultdict[Part, Counter[UnreadableRow]] = defaultdict(Counter)
        self._looks = budget.left + MARGIN // 2
        if not reading.is_at_rest:
            self._looks = min(self._looks, LOOKS_A_NUMBER * reading.missing)

    def run(self) -> Asking:
        """Search everything.

        Raises:
            SweepFailed: everything rests, and there is nowhere left to look.
        """
        reading = self._reading
        yield from self._search(EVERYTHING, reading.total)
        if reading.missing > 0 and reading.is_at_rest:
            yield from reading.balance()  # a total told wrongly once is no gap
        if reading.missing > 0 and reading.is_at_rest:
            raise SweepFailed(
                f"CCC lists {reading.total} numbers and its filters reach "
                f"{reading.total - reading.missing} ({reading.unreadable.total()} of them cannot "
                "be read): a part would pass for the whole. If that lasts, move numbers to another "
                "instance"
            )

    def _search(self, part: Part, total: int) -> Asking:
        """Search a part: by a guess, by what extends it, in its own pages, by its cells."""
        self._searched.add(part)
        pages = spread(pages_of(min(total, MOST_NUMBERS)))
        if self._lacking(part, total) >= WORTH_A_SAMPLE:
            yield from self._look(part, pages[:SAMPLE])
        if total > MOST_NUMBERS or len(pages) > FEW_PAGES:
            yield from self._search_each(extended(part), part, total)
        if self._lacking(part, total) > 0:
            yield from self._look(part, pages)
        if total > MOST_NUMBERS:
            yield from self._search_each(cells_of(part), part, total)

    def _search_each(self, parts: Sequence[Part], whole: Part, total: int) -> Asking:
        """Search parts of a whole, what lacks most first, for as long as the whole lacks any."""
        totals: dict[Part, int] = {}
        for part in parts:
            if part not in self._searched and self._goes_on(whole, total):
                (page,) = yield from self._look(part, [1])
                totals[part] = page.total
        while totals and self._goes_on(whole, total):
            lacking = {part: self._lacking(part, told) for part, told in totals.items()}
            part = max(lacking, key=lacking.__getitem__)
            if lacking[part] <= 0:
                break
            yield from self._search(part, totals.pop(part))

    def _goes_on(self, part: Part, total: int) -> bool:
        return self._looks > 0 and self._lacking(part, total) > 0

    def _look(
        self, part: Part, pages: Sequence[int]
    ) -> Generator[list[PageRequest], list[PageRead], list[PageRead]]:
        """See some pages, and read the patterns that numbers begin with which are in no part."""
        reading = self._reading
        self._looks -= len(pages)
        found = yield [PageRequest(part, page) for page in pages]
        numbers = [number for page in found for number in page.numbers]
        strays = [each for each in numbers if each.number not in reading.seen]
        reading.see(found)
        self._unreadable[part] |= unreadable_of(found)
        parts = reading.parts
        strays = [each for each in strays if not any(one.holds(each) for one in parts)]
        if strays and reading.missing > 0:
            yield from reading.read(map(Part, patterns_of(strays, reading.missing, reading.total)))
        return found

    def _lacking(self, part: Part, total: int) -> int:
        """Count the rows of a part that were not seen."""
        reading = self._reading
        if part == EVERYTHING:
            return reading.missing
        return total - part.count(reading.seen.values()) - self._unreadable[part].total()

"""Cut the numbers of an instance into parts that paging reaches whole. Pure.

A search pattern matches anywhere in a number, so patterns overlap; long ones hardly do, and those
that numbers begin with overlap least. Which these are is guessed from numbers at hand. A guess may
be wrong or not enough: whether the parts are the whole is for the counts to say, in `course`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from math import inf

import msgspec

from service.inventory import PhoneNumber

PAGE_SIZE = 100
MOST_NUMBERS = 10_000  # of one part: PageNumber and PageSize both end at 100

USAGES = ("Outbound", "Inbound", "Bidirection")
DIGITS = "0123456789"
USUAL_LENGTH = 11
LONGEST_PATTERN = 21  # a + and 20 digits: no number is longer
SEEDS = ("2846357190", "6193820547", "4752916038", "8507439261")  # any digits, evenly

# What a part should have at the most: one that changes while it is read is read again.
GOAL = 5_000
# Cells do not overlap, so a few large ones are better than many patterns.
CELL_GOAL = 9_000
HALF_A_PAGE = 0.5  # what the last page of a part wastes
NO_MATTER = 0.05  # pages
A_SEARCH = 10  # pages, for numbers that no pattern holds


class Part(msgspec.Struct, frozen=True):
    """The numbers that some of ListPhoneNumbers' filters let through; empty ones all."""

    pattern: str = ""
    usage: str = ""
    active: bool | None = None

    def holds(self, number: PhoneNumber) -> bool:
        """Return whether a number is let through."""
        return (
            self.pattern in number.number
            and self.usage in ("", number.usage)
            and self.active in (None, number.active)
        )

    def count(self, numbers: Iterable[PhoneNumber]) -> int:
        """Count the numbers that are let through."""
        if self == Part(self.pattern):  # as `holds`, and much faster
            return sum(self.pattern in number.number for number in numbers)
        return sum(map(self.holds, numbers))

    def narrowed(self, pattern: str) -> "Part":
        """The same under another pattern."""
        return Part(pattern, self.usage, self.active)


EVERYTHING = Part()


def pages_of(total: int) -> int:
    """Return how many pages hold so many numbers."""
    return -(-total // PAGE_SIZE)


def parts_of(whole: Part, hints: Collection[PhoneNumber], total: int) -> list[Part]:
    """Cut what paging does not reach.

    Args:
        whole: what to cut.
        hints: some numbers of it, all of them at best; the parts hold each of these.
        total: how many numbers it has.

    Returns:
        The cells by usage and activity if these alone are small enough; else the patterns that
        cost the fewest pages. None without hints.
    """
    if not hints:
        return []
    return _fitting_cells(whole, hints, total / len(hints)) or [
        whole.narrowed(pattern) for pattern in patterns_of(hints, total, total)
    ]


def patterns_of(hints: Collection[PhoneNumber], count: int, total: int) -> list[str]:
    """The patterns that cost the fewest pages; each hint begins with one.

    Args:
        hints: some numbers, one at least.
        count: how many numbers they stand for.
        total: how many numbers there are, these and the others.
    """
    numbers = [hint.number for hint in hints]
    return _cheapest("", numbers, count / len(hints), total)[1]


def cells_of(whole: Part) -> list[Part]:
    """A part by usage and activity."""
    usages = (whole.usage,) if whole.usage else USAGES
    actives = (True, False) if whole.active is None else (whole.active,)
    return [Part(whole.pattern, usage, active) for usage in usages for active in actives]


def extended(part: Part) -> list[Part]:
    """The parts that together hold each number of a part, but for one that is the pattern itself.

    A number that goes on after the pattern holds it with one digit behind, any other that is longer
    with one before. None where no number can be longer.
    """
    pattern = part.pattern
    if len(pattern) >= LONGEST_PATTERN:
        return []
    behind = [part.narrowed(pattern + digit) for digit in DIGITS]
    return behind + [part.narrowed(digit + pattern) for digit in DIGITS if pattern]


def spread(pages: int) -> list[int]:
    """The pages, so ordered that the first few come from all over: a list may be sorted."""
    order, step = [], 1
    while step <= pages:
        step *= 2
    while step:
        order += list(range(pages, 0, -step))
        step //= 2
    return list(dict.fromkeys(order))


def seeds_for(total: int) -> list[str]:
    """Patterns that by their length let through a part that paging reaches.

    An ordered list is reached from its first page only as far as paging goes; what holds a few
    digits somewhere comes from all over it.
    """
    fitting = (size for size in range(1, USUAL_LENGTH) if _accidents("0" * size, total) < GOAL)
    length = next(fitting, USUAL_LENGTH)
    return [seed[:length] for seed in SEEDS]


def _fitting_cells(whole: Part, hints: Iterable[PhoneNumber], scale: float) -> list[Part]:
    """The cells by usage, the large ones by activity too; none where these do not do."""
    of_each = Counter((hint.usage, hint.active) for hint in hints)
    cells: list[Part] = []
    for usage in (whole.usage,) if whole.usage else USAGES:
        sizes = {active: of_each.pop((usage, active), 0) * scale for active in (True, False)}
        if sum(sizes.values()) <= CELL_GOAL:
            cells.append(Part(whole.pattern, usage, whole.active))
        elif max(sizes.values()) <= CELL_GOAL and whole.active is None:
            cells += [Part(whole.pattern, usage, active) for active in sizes]
        else:
            return []
    return [] if of_each else cells  # a usage beyond the three would be in none


def _cheapest(
    prefix: str, numbers: Sequence[str], scale: float, total: int
) -> tuple[float, list[str]]:
    """The patterns for numbers of one prefix, and what they cost in pages beyond the numbers.

    The shorter a pattern, the more numbers of others hold it by accident; the longer, the more
    patterns, each with a last page that is not full.
    """
    accidents = _accidents(prefix, total) / PAGE_SIZE
    alone = HALF_A_PAGE + accidents if len(numbers) * scale <= GOAL else inf
    if accidents <= NO_MATTER and alone < inf:
        return alone, [prefix]
    by_digit: defaultdict[str, list[str]] = defaultdict(list)
    for number in numbers:
        by_digit[number[: len(prefix) + 1]].append(number)
    # Where each hint stands for many, a lone one tells of as many that no hint stands for.
    lone = sum(len(some) == 1 for some in by_digit.values())
    below, patterns = lone * A_SEARCH * max(0.0, 1 - 1 / scale), []
    for longer, some in by_digit.items():
        ends = longer == prefix  # a whole number goes no further
        own = HALF_A_PAGE + accidents, [prefix]
        cost, found = own if ends else _cheapest(longer, some, scale, total)
        below += cost
        patterns += found
        if below >= alone:
            return alone, [prefix]
    return below, patterns


def _accidents(pattern: str, total: int) -> float:
    """Estimate how many of so many numbers hold a pattern by accident, were their digits even."""
    return total * max(0, USUAL_LENGTH - len(pattern)) / 10.0 ** len(pattern)

"""Choose and order the numbers of a list by what this process knows of them, without I/O.

It goes in slices: a list of 50,000 numbers takes longer than a pick can wait.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import get_args

from service.inventory import PhoneNumber, bar
from service.ledger import Ledger
from service.ledger.answers import Glance
from service.locality import normal_city, normal_province
from service.numbers import Barred, NumberQuery

BARRED = frozenset(get_args(Barred))
SCANNED = 100  # numbers looked at in one go, less than a ms


def selected(
    numbers: Mapping[str, PhoneNumber], ordered: Sequence[str], query: NumberQuery, ledger: Ledger
) -> Generator[None, None, list[PhoneNumber]]:
    """Choose the numbers that a query leaves, in its order, in slices.

    Args:
        numbers: all that there are.
        ordered: their digits, in order.
        query: filters and order; its page is left to others.
        ledger: is asked for a glance, where state or order take one.
    """
    tests = list(_tests(query))
    use = query.sort.lstrip("-")
    by_use: defaultdict[int, list[PhoneNumber]] = defaultdict(list)
    for start in range(0, len(ordered), SCANNED):
        some: Iterable[PhoneNumber] = map(numbers.__getitem__, ordered[start : start + SCANNED])
        for test in tests:
            some = filter(test, some)
        if query.state or use != "number":
            for own, glance in _glanced(list(some), ledger):
                if has_state(query.state, _reasons(own, glance)):
                    by_use[getattr(glance, use, 0)].append(own)
        else:
            by_use[0] += some
        yield
    uses = sorted(by_use, reverse=query.sort.startswith("-"))
    chosen = list(chain.from_iterable(by_use[used] for used in uses))
    return chosen[::-1] if query.sort == "-number" else chosen


def has_state(state: str, reasons: Collection[str]) -> bool:
    """Return whether a number that these reasons keep out is in a state; "" is any."""
    if state == "available":
        return not reasons
    if state == "parked":
        return any(reason not in BARRED for reason in reasons)
    return not state or state in reasons


def _glanced(some: Sequence[PhoneNumber], ledger: Ledger) -> Iterator[tuple[PhoneNumber, Glance]]:
    return zip(some, ledger.glance([own.number for own in some]), strict=True)


def _reasons(own: PhoneNumber, glance: Glance) -> Collection[str]:
    return [reason for reason in (bar(own), *dict(glance.parks)) if reason]


def _tests(query: NumberQuery) -> Iterator[Callable[[PhoneNumber], bool]]:
    """Yield the tests that a number must pass, of the filters that are given."""
    if digits := query.q.replace(" ", "").replace("-", ""):
        yield lambda own: digits in own.number
    if query.usage:
        yield lambda own: own.usage == query.usage
    if query.active:
        yield lambda own: own.active == (query.active == "true")
    if query.skill_group_id:
        yield lambda own: query.skill_group_id in own.skill_group_ids
    if province := normal_province(query.province):
        yield lambda own: own.province == province
    if city := normal_city(query.city):
        yield lambda own: own.city == city

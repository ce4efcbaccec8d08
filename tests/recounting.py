"""Counts picks again by what their clients saw, and tells which rules were broken.

It knows the rules by their meaning alone and shares no code with the ledgers. A pick was decided at
some instant between two; it breaks a rule only if it does so wherever between them that was. All
instants and spans are in ms.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from service.inventory import shown_level
from service.ledger import CalleeRule, Limits, Rules

HOUR, DAY = 3_600_000, 86_400_000

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Shown(NamedTuple):
    """A pick that was answered: between when, and its numbers, each with its level."""

    sent: float
    answered: float
    call: str
    callee: str
    groups: str
    uses: tuple[tuple[str, str], ...]


class Told(NamedTuple):
    """An outcome that found its pick: `call` is the pick's."""

    sent: float
    answered: float
    call: str
    final: bool


def counted_once(answers: Iterable[Shown]) -> tuple[list[Shown], list[str]]:
    """The picks in order of time, each call once; and the calls that were not answered alike."""
    by_call = _grouped(answers, lambda one: one.call)
    picks = sorted(_counted(alike) for alike in by_call.values())
    unlike = [call for call, alike in by_call.items() if len({one.uses for one in alike}) > 1]
    return picks, [f"call {call}: several answers" for call in unlike]


def _counted(alike: Sequence[Shown]) -> Shown:
    """The pick that was asked for several times: it was decided before its first answer."""
    sent, answered = min(one.sent for one in alike), min(one.answered for one in alike)
    return alike[0]._replace(sent=sent, answered=answered)


def broken(
    picks: Sequence[Shown], outcomes: Sequence[Told], rules: Rules, limits: Callable[[str], Limits]
) -> list[str]:
    """What was broken, a line for each number or callee and rule.

    Args:
        picks: each counted call, in order of time.
        outcomes: of these picks.
        rules: with one offset from UTC.
        limits: of a number.
    """
    told = _grouped(outcomes, lambda one: one.call)
    offset = rules.offsets[0][1]
    found: list[str] = []
    for number, uses in _by_number(picks).items():
        found += (f"{number}: {rule}" for rule in _caller_rules(uses, limits(number), offset))
        if _leases(uses, told, limits(number)) > limits(number).max_concurrent > 0:
            found.append(f"{number}: max_concurrent")
    for callee, shown in _grouped(picks, lambda one: one.callee).items():
        found += (f"{callee}: {rule}" for rule in _callee_rules(shown, rules, offset))
    return found


def _caller_rules(uses: Sequence[Shown], limits: Limits, offset: int) -> Iterator[str]:
    if _most(uses, HOUR, offset) > limits.max_per_hour > 0:
        yield "max_per_hour"
    if _most(uses, DAY, offset) > limits.max_per_day > 0:
        yield "max_per_day"
    if any(_span(pair) < limits.rest for pair in pairwise(uses)):
        yield "rest"


def _leases(uses: Sequence[Shown], told: dict[str, list[Told]], limits: Limits) -> int:
    """The most leases that were surely open at once."""
    most, open_ones = 0, list[tuple[Shown, float]]()
    for use in uses:
        open_ones = [(one, end) for one, end in open_ones if end > use.answered]
        most = max(most, 1 + sum(one.answered <= use.sent for one, _ in open_ones))
        open_ones.append((use, _end(use, told.get(use.call, []), limits.lease)))
    return most


def _end(use: Shown, told: Iterable[Told], lease: int) -> float:
    """The earliest that a lease may have ended; one that may have ended is not renewed."""
    end = use.sent + lease
    for outcome in sorted(told):
        if outcome.final:
            return min(end, outcome.sent)
        if outcome.answered < end:
            end = outcome.sent + lease
    return end


def _callee_rules(shown: Sequence[Shown], rules: Rules, offset: int) -> Iterator[str]:
    if not all(_is_kept(shown, rule, offset) for rule in rules.callee):
        yield "budget"
    for index, later in enumerate(shown):
        for number, mark in later.uses:
            if shown_level(mark) == "sticky":
                if not _was_last(number, later, shown[:index], rules.sticky):
                    yield f"sticky {number}"
            elif any(
                _span((sooner, later)) < rules.cooldown
                for sooner in shown[:index]
                if number in dict(sooner.uses) and _is_before(sooner, later)
            ):
                yield f"cooldown {number}"


def _is_kept(shown: Sequence[Shown], rule: CalleeRule, offset: int) -> bool:
    if rule.by_calendar:
        return _most(shown, rule.window, offset) <= rule.limit
    runs = (shown[at : at + rule.limit + 1] for at in range(len(shown) - rule.limit))
    return all(_span(run) >= rule.window for run in runs)


def _was_last(number: str, later: Shown, before: Sequence[Shown], sticky: int) -> bool:
    """Whether a number may have been the one shown last for the same groups, not too long ago."""
    alike = [one for one in before if one.groups == later.groups]
    surely = max((one.sent for one in alike if _is_before(one, later)), default=0)
    return any(
        one.uses[0][0] == number and later.sent - one.answered < sticky
        for one in alike
        if one.answered >= surely
    )


def _most(shown: Iterable[Shown], length: int, offset: int) -> int:
    """The most in one window of the calendar, of those that were surely in it."""
    windows = (((one.sent + offset) // length, (one.answered + offset) // length) for one in shown)
    return max(Counter(first for first, last in windows if first == last).values(), default=0)


def _span(shown: Sequence[Shown]) -> float:
    """The longest time in which all of these may have been decided."""
    return max(one.answered for one in shown) - min(one.sent for one in shown)


def _is_before(sooner: Shown, later: Shown) -> bool:
    return sooner.answered < later.sent


def _by_number(picks: Iterable[Shown]) -> dict[str, list[Shown]]:
    found: defaultdict[str, list[Shown]] = defaultdict(list)
    for pick in picks:
        for number, _ in pick.uses:
            found[number].append(pick)
    return found


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found

"""Counts again, from the answers that clients got alone, what a ledger should have counted."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

REFUSED = frozenset({409, 429})
ANSWERED = REFUSED | {200}

K = TypeVar("K")


class Answer(msgspec.Struct, frozen=True):
    """One request for a pick, and what came of it; instants are in ms since 1970.

    `process` is the place of the service that was asked, 0 or 1. `status` is 0 where no answer
    came, and `code` then says why; `number` and `source` are those of a pick that was answered.
    """

    call: str
    callee: str
    group: str
    process: int
    sent: float
    answered: float
    status: int
    code: str = ""
    number: str = ""
    source: str = ""


class Recount(msgspec.Struct, frozen=True):
    """The ledger's counts beside those of the answers.

    `lost` are calls that were answered and not counted, `doubled` are uses beyond the calls.
    `differing` are calls that were answered differently by one process, or by two that both had
    Redis; `apart` are those answered differently by two, of which one had to decide alone, or each
    of which may have had another master.
    """

    calls: int
    lost: int
    doubled: int
    differing: tuple[str, ...]
    apart: tuple[str, ...]


def recount(answers: Iterable[Answer], used: Mapping[str, int], *, masters: int = 1) -> Recount:
    """Count each call once, by whichever of its answers the ledger has counted.

    Args:
        answers: all that were given since the ledger was empty.
        used: the uses of each number by the ledger's count.
        masters: how many servers may have decided at a time.

    A call that got no answer at all may have been counted: that is not held to be doubled.
    """
    by_call = grouped((answer.call, answer) for answer in answers)
    shown = {call: {one.number for one in alike if one.number} for call, alike in by_call.items()}
    calls = {call: numbers for call, numbers in shown.items() if numbers}
    doubtful = sum(not any(one.status in ANSWERED for one in alike) for alike in by_call.values())
    matched = _matched(calls, used)
    unlike = [call for call in calls if len(_told(by_call[call])) > 1]
    differing = tuple(call for call in unlike if _is_wrong(by_call[call], masters))
    return Recount(
        calls=len(calls),
        lost=len(calls) - matched,
        doubled=max(0, sum(used.values()) - matched - doubtful),
        differing=differing,
        apart=tuple(call for call in unlike if call not in differing),
    )


def grouped(pairs: Iterable[tuple[K, Answer]]) -> dict[K, list[Answer]]:
    """Put together the second of all pairs that have the first in common, in their order."""
    groups: defaultdict[K, list[Answer]] = defaultdict(list)
    for key, answer in pairs:
        groups[key].append(answer)
    return groups


def _is_wrong(answers: Sequence[Answer], masters: int) -> bool:
    """Whether it was one process that gave different answers, or Redis that did."""
    by_process = grouped((answer.process, answer) for answer in answers)
    first = min(answer.answered for answer in answers if answer.number)
    by_redis = [one for one in answers if one.source == "redis"]
    return len(_told(by_redis)) > masters or any(
        len(_told(alike, first)) > 1 for alike in by_process.values()
    )


def _told(answers: Iterable[Answer], shown_at: float | None = None) -> set[str]:
    """The numbers that a call was answered with, "" for a refusal that came after one of them."""
    answers = list(answers)
    if shown_at is None:
        shown_at = min((answer.answered for answer in answers if answer.number), default=0.0)
    return {
        answer.number
        for answer in answers
        if answer.number or (answer.status in REFUSED and answer.sent > shown_at)
    }


def _matched(calls: Mapping[str, Collection[str]], used: Mapping[str, int]) -> int:
    """Match as many calls as can be with a use of a number that they were answered with."""
    free = dict(used)
    holders: defaultdict[str, list[str]] = defaultdict(list)  # the calls that have a use of it

    def is_placed(call: str, tried: set[str]) -> bool:
        for number in calls[call]:
            if free.get(number, 0) > 0:
                free[number] -= 1
                holders[number].append(call)
                return True
        for number in calls[call]:
            if number not in tried:
                tried.add(number)
                for other in holders[number]:  # it may do with another of its numbers
                    if len(calls[other]) > 1 and is_placed(other, tried):
                        holders[number][holders[number].index(other)] = call
                        return True
        return False

    return sum(is_placed(call, set()) for call in calls)

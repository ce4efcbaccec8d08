"""Tells from the answers alone which rules were broken; `answers` has the counts."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from service.ledger import Limits, Rules
from tests.faults.harness.answers import ANSWERED, Answer, grouped
from tests.recounting import Shown, broken

SOURCES = frozenset({"redis", "degraded"})


class Stated(msgspec.Struct, frozen=True):
    """What answers are held to.

    `groups` are the skill groups of each number, `limits` bind a number over all processes, `rules`
    a callee over what one process has picked. `refusals` may come where numbers are capped or gone,
    `failures`, by their codes, where a service is killed or overrun. Between the instants `emptied`
    and `refilled`, in ms, no number may be shown.
    """

    groups: Mapping[str, Collection[str]]
    limits: Limits
    rules: Rules
    refusals: bool = False
    failures: Collection[str] = ()
    emptied: float = float("inf")
    refilled: float = float("inf")


def broken_rules(answers: Sequence[Answer], stated: Stated) -> list[str]:
    """Say what was broken, a line for each number, callee or request and rule."""
    picks = _counted(answers)
    beyond = broken(
        [_shown(pick) for pick in picks],
        (),
        Rules(offsets=stated.rules.offsets),
        lambda _: stated.limits,
    )
    for process in sorted({pick.process for pick in picks}):
        own = [_shown(pick) for pick in picks if pick.process == process]
        words = broken(own, (), stated.rules, lambda _: Limits())
        beyond += [f"process {process}: {line}" for line in words]
    return [*beyond, *_strangers(answers, stated), *_faults(answers, stated)]


def _counted(answers: Iterable[Answer]) -> list[Answer]:
    """The first answer of each call that has a number, in order of time."""
    by_call = grouped((answer.call, answer) for answer in answers if answer.number)
    firsts = (min(alike, key=lambda one: one.answered) for alike in by_call.values())
    return sorted(firsts, key=lambda one: one.sent)


def _shown(pick: Answer) -> Shown:
    uses = ((pick.number, "any"),)
    return Shown(pick.sent, pick.answered, pick.call, pick.callee, pick.group, uses)


def _strangers(answers: Iterable[Answer], stated: Stated) -> Iterator[str]:
    for answer in answers:
        if not answer.number:
            continue
        if answer.group not in stated.groups.get(answer.number, ()):
            yield f"{answer.number} was shown for {answer.group}, which has no such number"
        if stated.emptied < answer.sent and answer.answered < stated.refilled:
            yield f"{answer.number} was shown by process {answer.process} after CCC listed none"
        if answer.source not in SOURCES:
            yield f"{answer.number} came from {answer.source}"


def _faults(answers: Iterable[Answer], stated: Stated) -> Iterator[str]:
    """Requests that were not answered, and refusals where there was no reason for one."""
    words = Counter(_word(answer, stated) for answer in answers)
    yield from (f"{count} × {word}" for word, count in words.items() if word)


def _word(answer: Answer, stated: Stated) -> str:
    if answer.status == 409 and not stated.refusals:
        return f"409 {answer.code} where numbers were free"
    if answer.status not in ANSWERED and answer.code not in stated.failures:
        return f"{answer.status or 'no answer'} {answer.code}"
    return ""

"""The port that the rest of the service asks, whichever ledger is behind it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from random import SystemRandom
from typing import Protocol

from service.errors import LedgerUnavailable
from service.ledger.answers import Decision, Glance, Standing
from service.ledger.port import BATCH_TURNS, Answered, AnswerT, Describe, Pick, Take
from service.ledger.rules import Rules
from service.metrics import Metrics
from service.tasks import heed_cancellation

RETURN_SECONDS = 1.0
TURNS_A_COUNT = 5  # of the parked numbers
PAUSES = 0.01, 0.05  # seconds, before what missed its deadline is tried again
BEHIND_MS = 1000  # from which a clock is told of: less is a server's own adjusting

_log = logging.getLogger(__name__)


class Ledger(Protocol):
    """Both adapters, and the one that joins them, give the same answers."""

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record, in one step.

        Raises:
            LedgerUnavailable: this ledger cannot decide in time.
        """

    async def apply(self, operation: Answered[AnswerT]) -> AnswerT:
        """Apply an operation in one step, on every replica.

        Raises:
            LedgerUnavailable: this ledger cannot do so in time; ask again.
        """

    @property
    def clock_behind(self) -> int:
        """The ms by which the clock of this ledger is behind ledger time, 0 as a rule."""

    @property
    def has_stops(self) -> bool:
        """True if a callee may be stopped: a pick has to say whom it is for, whatever the rules."""

    def glance(self, numbers: Sequence[str]) -> list[Glance]:
        """Describe numbers as this process knows them, in their order; no I/O, some seconds old."""

    async def parked_by(self) -> Mapping[str, int]:
        """Count the parked numbers by reason."""

    def parked(self) -> Sequence[str]:
        """Return the parked numbers as this process knows them: no I/O, some seconds old."""

    async def take_back(self) -> None:
        """Return all numbers whose time has come, in bounded slices."""

    async def review(self) -> None:
        """Look again at all parked numbers, in bounded slices."""

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from now."""


async def describe(ledger: Ledger, numbers: Sequence[str]) -> list[Standing]:
    """Describe these numbers, in their order, so many in one step.

    Raises:
        LedgerUnavailable: as `Ledger.apply`.
    """
    standings: list[Standing] = []
    for start in range(0, len(numbers), BATCH_TURNS):
        some = tuple(numbers[start : start + BATCH_TURNS])
        standings += await ledger.apply(Describe(dry_run=True, numbers=some))
    return standings


async def apply_all(ledger: Ledger, operations: Sequence[Answered[AnswerT]]) -> list[AnswerT]:
    """Apply operations in their order, so many in one step; thousands would hold up the picks.

    On a busy machine some of thousands miss their deadline: they are tried again, if applying them
    twice does no harm.

    Raises:
        LedgerUnavailable: as `Ledger.apply`; earlier steps are applied, and perhaps some of this.
    """
    answers: list[AnswerT] = []
    for start in range(0, len(operations), BATCH_TURNS):
        step = operations[start : start + BATCH_TURNS]
        answers += await _apply_step(ledger, step)
    return answers


async def _apply_step(ledger: Ledger, step: Sequence[Answered[AnswerT]]) -> list[AnswerT]:
    """Apply a step; the last answer is waited for also where one failed."""
    answers = await asyncio.gather(*map(ledger.apply, step), return_exceptions=True)
    for pause in PAUSES:
        failed = [at for at, told in enumerate(answers) if isinstance(told, LedgerUnavailable)]
        if not failed:
            break
        await asyncio.sleep(pause)
        again = (ledger.apply(step[at]) for at in failed)
        for at, told in zip(
            failed, await asyncio.gather(*again, return_exceptions=True), strict=True
        ):
            answers[at] = told
    applied = list[AnswerT]()
    for told in answers:
        if isinstance(told, BaseException):
            raise told
        applied.append(told)
    return applied


async def keep_taking_back(ledger: Ledger, instance_id: str, metrics: Metrics) -> None:
    """Take back what is due once a second, and tell of a clock that was set back; until cancelled.

    Args:
        ledger: parks the numbers.
        instance_id: the label of the metric.
        metrics: show the parked numbers by reason, and the clock.
    """
    shown: Counter[str] = Counter()
    was_behind = False
    randomness = SystemRandom()
    for turn in count():
        with suppress(LedgerUnavailable):
            await ledger.take_back()
            if turn % TURNS_A_COUNT == 0:
                parked = Counter(await ledger.parked_by())
                for reason in parked.keys() | shown.keys():
                    metrics.numbers_parked.labels(instance_id, reason).set(parked[reason])
                shown = parked
        was_behind = _tell_clock(ledger.clock_behind, instance_id, metrics, was_behind=was_behind)
        heed_cancellation()
        await asyncio.sleep(RETURN_SECONDS * randomness.uniform(0.8, 1.0))  # instances apart


def _tell_clock(behind: int, instance_id: str, metrics: Metrics, *, was_behind: bool) -> bool:
    metrics.ledger_clock_behind.set(behind / 1000)
    is_behind = behind >= BEHIND_MS
    if is_behind and not was_behind:
        text = (
            "%s: the ledger's clock was set back %.1f s: its time goes on slower until that is past"
        )
        _log.warning(text, instance_id, behind / 1000)
    elif was_behind and not is_behind:
        _log.info("%s: the ledger's clock has caught up", instance_id)
    return is_behind

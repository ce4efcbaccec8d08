"""The port that the rest of the service asks, whichever ledger is behind it."""

import asyncio
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


async def keep_taking_back(ledger: Ledger, instance_id: str, metrics: Metrics) -> None:
    """Take back what is due once a second, until cancelled.

    Args:
        ledger: parks the numbers.
        instance_id: the label of the metric.
        metrics: show the parked numbers by reason.
    """
    shown: Counter[str] = Counter()
    randomness = SystemRandom()
    for turn in count():
        with suppress(LedgerUnavailable):
            await ledger.take_back()
            if turn % TURNS_A_COUNT == 0:
                parked = Counter(await ledger.parked_by())
                for reason in parked.keys() | shown.keys():
                    metrics.numbers_parked.labels(instance_id, reason).set(parked[reason])
                shown = parked
        heed_cancellation()
        await asyncio.sleep(RETURN_SECONDS * randomness.uniform(0.8, 1.0))  # instances apart

"""Take numbers back whose time has come, again and again, and show how many are parked."""

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import count
from random import SystemRandom

from service.errors import LedgerUnavailable
from service.ledger.protocol import Ledger
from service.metrics import Metrics
from service.tasks import heed_cancellation

RETURN_SECONDS = 1.0
TURNS_A_COUNT = 5  # of the parked numbers


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

"""The breaker: whether Redis is asked at all, and what is told of that."""

import asyncio
import logging
from random import Random

from service.metrics import Metrics

FAILURES_TO_OPEN = 3
HEARTBEAT_SECONDS = 1.0
PROBE_SECONDS = 0.25

_log = logging.getLogger(__name__)


class Breaker:
    """Open after three failed calls in a row, closed by the first accepted write.

    While it `is_open`, picks are decided without asking: they never probe a Redis that is away, the
    heartbeat does, so no callee waits to find out.
    `words` are Redis's own for why it does not serve, "" while it does; `doubted` is set meanwhile.
    `serves_since` is the instant, on the loop's clock, of the first write that was accepted after
    Redis was away or wiped.

    Args:
        name: of the ledger, for the log.
        randomness: keeps processes from marching in step.
        metrics: show whether Redis is up.
    """

    def __init__(self, name: str, randomness: Random, metrics: Metrics) -> None:
        self._name = name
        self._randomness = randomness
        self._metrics = metrics
        self._failures = 0
        self.is_open = False
        self._is_up: bool | None = None
        self._has_missed = self._is_told = False
        self.words = ""
        self.serves_since = float("-inf")
        self.doubted = asyncio.Event()

    def succeeded(self) -> None:
        """Close: a write was accepted."""
        if self.is_open or self._has_missed:
            self.serves_since = asyncio.get_running_loop().time()
            self._has_missed = False
        self._failures, self.is_open = 0, False
        if self._is_up is not True:
            self.words = ""
            self.doubted.clear()
            self._show(is_up=True)
            if self._is_told:
                self._is_told = False
                _log.info("%s: Redis serves again and decides picks", self._name)

    def failed(self, words: str) -> None:
        """Count a call that was refused, not answered in time, or broke; once open, stay so.

        Args:
            words: what Redis, or the way to it, said.
        """
        self._failures += 1
        self.is_open = self._failures >= FAILURES_TO_OPEN
        self.words = words
        self.doubted.set()
        self._show(is_up=False)
        if self.is_open and not self._is_told:
            self._is_told = True
            text = "%s: Redis does not serve, picks are decided in this process: %s"
            _log.warning(text, self._name, words)

    def missed(self) -> None:
        """Redis answers, and has lost its ledger."""
        self._has_missed = True

    def beat_pause(self) -> float:
        """Return the seconds to the next heartbeat while closed; many instances beat apart."""
        return HEARTBEAT_SECONDS * self._randomness.uniform(0.8, 1.0)

    def probe_pause(self) -> float:
        """Return the seconds to the next probe while open: jittered, for processes not to march."""
        return PROBE_SECONDS * self._randomness.uniform(0.8, 1.2)

    def _show(self, *, is_up: bool) -> None:
        if is_up is not self._is_up:
            self._is_up = is_up
            self._metrics.redis_up.set(is_up)

"""Stop asking a Redis that does not answer, and probe for its return.

Pure: instants (seconds, monotonic) come in. Picks never probe: the ledger's heartbeat does, so no
callee waits to find out that Redis is still down.
"""

from random import Random

FAILURES_TO_OPEN = 3
HEARTBEAT_SECONDS = 1.0
PROBE_SECONDS = 0.25


class Breaker:
    """Open after three failed calls in a row, closed by the first that succeeds."""

    def __init__(self, randomness: Random) -> None:
        self._randomness = randomness
        self._failures = 0

    @property
    def is_open(self) -> bool:
        """True if to decide without asking."""
        return self._failures >= FAILURES_TO_OPEN

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures = 0

    def failed(self) -> None:
        """A call was not answered in time, or broke."""
        self._failures += 1

    def trip(self) -> None:
        """Open at once: what was asked for has shown that Redis does not serve."""
        self._failures = FAILURES_TO_OPEN

    def beat_pause(self) -> float:
        """Seconds to the next heartbeat while closed: the ledgers of many instances beat apart."""
        return HEARTBEAT_SECONDS * self._randomness.uniform(0.8, 1.0)

    def probe_pause(self) -> float:
        """Seconds to the next probe while open: jittered, so that processes do not march."""
        return PROBE_SECONDS * self._randomness.uniform(0.8, 1.2)

"""The pulse of the event loop, by which a request that had to wait for it is told from a fresh one.

A process that was stopped, or held up, reads what has come meanwhile as if it came now: nothing in
the bytes says when they were sent. So the loop notes every few ms that it is alive, and what it
reads long after the last note is taken to have come then.
"""

import asyncio
import math
from collections.abc import Callable

BEAT_SECONDS = 0.02
TURN_SECONDS = 0.001  # at the least: until the loop has read once
# More than what a full turn, the garbage collector or a neighbour on the machine takes.
STALL_SECONDS = 0.25


class Pulse:
    """Notes that the event loop is alive, once it was started.

    Args:
        timer: counts seconds that only go forward.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._last = math.inf
        self._is_late = False
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Beat on the running loop, until stopped."""
        self._beat(asyncio.get_running_loop())

    def stop(self) -> None:
        """Beat no more."""
        if self._next is not None:
            self._next.cancel()

    def arrival(self) -> float:
        """Return when what is being read now arrived at the latest, in seconds of the timer."""
        now = self._timer()
        return now if now - self._last < STALL_SECONDS else self._last

    def stalled_since(self) -> float | None:
        """Return since when the loop has stood still; None where it has not."""
        return self._last if self._timer() - self._last >= STALL_SECONDS else None

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        # A process that was stopped finds its timers due before it reads what has come. So the beat
        # that is late only comes again, a turn of the loop later, and the stall ends with that.
        self._is_late = self.stalled_since() is not None and not self._is_late
        if not self._is_late:
            self._last = self._timer()
        pause = TURN_SECONDS if self._is_late else BEAT_SECONDS
        self._next = loop.call_later(pause, self._beat, loop)

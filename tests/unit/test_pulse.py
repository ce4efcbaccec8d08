"""The pulse of the loop: what is read after a stall has come before it."""

from collections.abc import Callable
from typing import Any

from service.api.pulse import STALL_SECONDS, Pulse


class Loop:
    """Keeps the one call that is to come."""

    def __init__(self) -> None:
        self.beat: Callable[[], None] = lambda: None

    def call_later(self, _: float, call: Callable[..., None], *arguments: Any) -> None:
        self.beat = lambda: call(*arguments)


def test_what_is_read_around_the_beat_that_is_late_has_come_before_the_stall() -> None:
    now = 100.0
    loop: Any = Loop()
    pulse = Pulse(lambda: now)
    assert (pulse.arrival(), pulse.stalled_since()) == (100.0, None)
    pulse._beat(loop)
    now = 100.2
    assert (pulse.arrival(), pulse.stalled_since()) == (100.2, None)
    now += STALL_SECONDS + 2
    assert (pulse.arrival(), pulse.stalled_since()) == (100.0, 100.0)
    loop.beat()  # the timers of a process that was stopped come first
    assert (pulse.arrival(), pulse.stalled_since()) == (100.0, 100.0)
    now += 0.001
    loop.beat()
    assert (pulse.arrival(), pulse.stalled_since()) == (now, None)
    now += 1
    loop.beat()
    assert pulse.stalled_since() == now - 1

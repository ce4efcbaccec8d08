"""How many picks are let in at once; the excess is refused at once, before its body is read."""

from types import TracebackType

from prometheus_client import Gauge

from service.errors import Overloaded


class Gate:
    """A context that a pick is in from its arrival to its answer.

    Args:
        limit: how many may be inside at once.
        gauge: shows how many are.
    """

    def __init__(self, limit: int, gauge: Gauge) -> None:
        self._limit = limit
        self._gauge = gauge
        self._inside = 0

    def __enter__(self) -> None:
        if self._inside >= self._limit:
            raise Overloaded(
                f"{self._limit} picks are in flight already; ask again, or another replica"
            )
        self._inside += 1
        self._gauge.inc()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside -= 1
        self._gauge.dec()

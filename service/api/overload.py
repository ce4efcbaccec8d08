"""How many picks are let in at once; the excess is refused at once, before its body is read."""

from types import TracebackType

from service.errors import Overloaded
from service.metrics import Metrics


class Gate:
    """A context that a pick is in from its arrival to its answer.

    Args:
        limit: how many may be inside at once.
        metrics: show how many are.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._inside = 0
        # Asked when it is scraped, which costs a pick nothing; workers have to leave it in a file.
        self._gauge = metrics.in_flight if metrics.of_workers else None
        if self._gauge is None:
            metrics.in_flight.set_function(lambda: self._inside)

    def __enter__(self) -> None:
        if self._inside >= self._limit:
            raise Overloaded(
                f"{self._limit} picks are in flight already; ask again, or another replica"
            )
        self._inside += 1
        if self._gauge is not None:
            self._gauge.set(self._inside)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside -= 1
        if self._gauge is not None:
            self._gauge.set(self._inside)

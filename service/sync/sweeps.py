"""What is told of an instance's sweeps: metrics of each, a log line of each that is news."""

import logging

import msgspec

from service.metrics import Metrics
from service.sync.acceptance import CONFIRMED, SweepReport

_log = logging.getLogger(__name__)


class Sweeps:
    """Tells of one instance's."""

    def __init__(self, metrics: Metrics, instance_id: str) -> None:
        self._metrics = metrics
        self._instance_id = instance_id
        self._told = ("", "")

    def tell(self, report: SweepReport) -> None:
        """Count a sweep, and log it unless it went as the last one did and changed nothing."""
        self._metrics.sweeps.labels(self._instance_id, report.result).inc()
        self._metrics.sweep_duration.labels(self._instance_id).observe(report.duration)
        how = report.result, report.detail
        if report.added or report.removed or how != self._told:
            level = logging.INFO if report.result in CONFIRMED else logging.WARNING
            figures = msgspec.structs.asdict(report)
            _log.log(
                level, "%s: sweep %s", self._instance_id, report.result, extra={"sweep": figures}
            )
        self._told = how

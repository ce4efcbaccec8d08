"""The experiment of one instance: deals out callees, counts their calls, and stops by itself.

A pick asks nothing but `running`. What is counted is added to that of the other replicas once a
minute; a minute of it is lost with a process that is killed.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from service.errors import LedgerUnavailable
from service.experiment.arms import Fields, arm_name, fields_of, is_of
from service.experiment.report import (
    ExperimentReport,
    State,
    began_by,
    reported,
    settings_field,
    stopped_field,
    stopped_with,
    verdict_of,
)
from service.inventory import Mark
from service.metrics import Metrics
from service.redis_.counts import WRITE_SECONDS, Counts, PendingCounts
from service.settings import ExperimentSettings
from service.tasks import heed_cancellation, wait_at_most

_WORDS = {
    "running": "runs, by",
    "stopped": "has stopped; `callerid experiment` says what came of it. It went by",
    "refused": "is refused and holds nobody out: give it a new name, this one began by other",
}

_log = logging.getLogger(__name__)


class Experiment:
    """Holds out callees of one instance; `run` must be running.

    `running` has the settings by which that is done now, None while nobody is held out; `now` gives
    the time in the instance's own zone.

    Args:
        instance_id: the label of the metric.
        counts: those of each experiment by its name.
        now: the time in the instance's own zone.
        metrics: count the calls.
    """

    def __init__(
        self, instance_id: str, counts: Counts, now: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self.running: ExperimentSettings | None = None
        self._instance_id = instance_id
        self._counts = counts
        self.now = now
        self._counter = metrics.experiment_calls
        self._settings = ExperimentSettings()
        self._about = ""
        self._state: State = "off"
        self._judged = date.min
        self._pending: PendingCounts[str, str] = PendingCounts(counts.add)
        self._wake = asyncio.Event()

    def go_by(self, settings: ExperimentSettings, conditions: Mapping[str, Any]) -> None:
        """Go by these settings; nobody is held out until it is known that the name is theirs.

        Args:
            settings: of the experiment.
            conditions: what else decides who is shown what, by name.
        """
        about = settings_field(settings, conditions)
        if (settings, about) == (self._settings, self._about):
            return
        self._settings, self._about = settings, about
        self._state, self.running = "off", None
        self._wake.set()

    def note(self, mark: Mark, result: str) -> None:
        """Count a call that ended, whatever its result; at once, and without I/O.

        Args:
            mark: of the number's use.
            result: as an outcome names it.
        """
        if self.running is None or not is_of(mark.arm, self.running.name):
            return
        self._counter.labels(self._instance_id, arm_name(mark.arm), result).inc()
        name = self.running.name
        for field in fields_of(mark.arm, mark.province, self.now().hour):
            self._pending.count(name, f"{field} calls")
            if result == "answered":
                self._pending.count(name, f"{field} answered")

    async def run(self) -> None:
        """Write and look once a minute, and whenever the settings change; until cancelled."""
        try:
            while True:
                self._wake.clear()
                with suppress(LedgerUnavailable):  # what Redis does not take now, it takes later
                    await self.look()
                heed_cancellation()
                await wait_at_most(WRITE_SECONDS, self._wake)
        finally:
            with suppress(LedgerUnavailable):
                await self._pending.write()

    async def report(self) -> ExperimentReport:
        """Report how the experiment stands.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        fields = await self.look()
        return reported(self._instance_id, self._settings, self._state, fields)

    async def look(self) -> Fields:
        """Write what was counted, read what all replicas have, and stop where it is time to.

        Whether the difference is more than chance is judged at the first look of a day: the more
        often that is done, the more often chance is taken for more.

        Raises:
            LedgerUnavailable: Redis does not serve; until its last day the experiment goes on.
        """
        settings = self._settings
        if self._is_over():
            self.running = None
        await self._pending.write()
        fields = dict(await self._counts.read(settings.name)) if settings.name else {}
        if settings.holdout and settings is self._settings:
            missing = self._missing(fields)
            await self._counts.add(settings.name, dict(missing))
            self._judged = self.now().date()
            fields |= missing
            if settings is self._settings:  # still, after the wait
                self._enter(fields)
        return fields

    def _is_over(self) -> bool:
        until = self._settings.until
        return bool(until) and self.now().date().isoformat() >= until

    def _missing(self, fields: Fields) -> dict[str, int]:
        """The fields to add: what the experiment is about, and that it has stopped."""
        began = began_by(fields)
        if began not in ([], [self._about]) or stopped_with(fields):
            return {}
        missing = {} if began else {self._about: 1}
        verdict = verdict_of(fields, self._settings)
        is_decided = self.now().date() != self._judged and verdict != "undecided"
        if is_decided or self._is_over():
            missing[stopped_field(verdict)] = 1
        return missing

    def _enter(self, fields: Fields) -> None:
        """Enter the state that the fields say; one that is new is logged."""
        before, began = self._state, began_by(fields)
        if began != [self._about]:
            self._state = "refused"
        else:
            self._state = "stopped" if stopped_with(fields) else "running"
        is_running = self._state == "running" and not self._is_over()
        self.running = self._settings if is_running else None
        if self._state != before:
            level = logging.ERROR if self._state == "refused" else logging.INFO
            names = self._instance_id, self._settings.name, _WORDS[self._state]
            _log.log(level, "%s: experiment %r %s: %s", *names, ", ".join(began))

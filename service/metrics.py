"""Every metric of the service, once: its name, its labels, its buckets.

Nothing here measures. No label ever carries a phone number. Where `SharedValues` are
prometheus_client's class of values, the workers of one service are exposed as one; labels cannot
be removed then, so what has gone is set to 0.
"""

import platform
from bisect import bisect_left
from functools import partial
from importlib import metadata
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
    values,
)

from service.shared_metrics import SharedValues
from service.tally import EventTally, FillableHistogram

OK = "OK"  # the code of what went well

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# Seconds. A pick has 60 ms, and the fallback 1.5 s on top; a ledger call is tens of µs away.
_PICK = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.06, 0.1, 0.25, 0.5, 1.0, 2.5)
_LEDGER = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
_LAG = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_CCC = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0)
_SWEEP = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64)

# How the values of several workers become one: a snapshot is the same in all, so the newest tells.
OverWorkers = Literal["livemostrecent", "livemax", "livemin", "livesum"]

# An answered pick's instance, source, match, callee's province, and its duration's bucket.
PickKey = tuple[str, str, str, str, int]
OutcomeKey = tuple[str, str, str]  # the labels of `outcomes_total`
CallKey = tuple[int, int]  # the bucket of a call's duration, and how many it has sent together
RequestKey = tuple[str, str]  # the labels of `requests_total`

# The place of a pick's, or of a call's, seconds among the buckets of durations.
pick_bucket = partial(bisect_left, _PICK)
ledger_bucket = partial(bisect_left, _LEDGER)


class Metrics:
    """The metrics and the registry that holds them; one for a process, or one for a test.

    `of_workers` says that other processes show theirs together with these.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # a creation time beside every counter would double the series
        made_by = values.ValueClass
        self._shared = made_by if isinstance(made_by, SharedValues) else None
        self.of_workers = self._shared is not None
        self.registry = CollectorRegistry()
        self.answered = EventTally(self._move_picks)
        self.called = EventTally(self._move_calls)
        self.reported = EventTally(self._move_outcomes)
        self.replied = EventTally(self._move_requests)
        self._tallies = self.answered, self.called, self.reported, self.replied
        for tally in self._tallies:  # before the metrics: collecting goes in this order
            self.registry.register(tally)
        self._of_picks()
        self._of_calls()
        self._of_the_inventory()
        self._of_the_ledger()
        self._of_the_process()

    def _of_picks(self) -> None:
        self.picks = self._counter(
            "picks_total", "Picks answered with a number", "instance", "source", "match"
        )
        self.picks_by_place = self._counter(
            "picks_by_place_total", "Picks, by the callee's place", "instance", "province", "match"
        )
        self.pick_refusals = self._counter(
            "pick_refusals_total", "Picks answered with an error", "instance", "code"
        )
        self.pick_duration = self._histogram(
            "pick_duration_seconds", "From a pick's arrival to its answer", _PICK, "source"
        )
        self.candidates_rejected = self._counter(
            "candidates_rejected_total", "Numbers passed over, by reason", "instance", "reason"
        )
        self.unknown_prefixes = self._counter(
            "unknown_prefixes_total", "Called numbers that the prefix table lacks"
        )

    def _of_calls(self) -> None:
        self.outcomes = self._counter(
            "outcomes_total", "Outcomes reported", "instance", "match", "result"
        )
        self.experiment_calls = self._counter(
            "experiment_calls_total", "Calls that ended, by arm", "instance", "arm", "result"
        )
        self.health_transitions = self._counter(
            "health_transitions_total", "Numbers that changed their state", "instance", "state"
        )
        self.answered_ratio = self._gauge(
            "answered_ratio",
            "A group's answered share of two hours, against the same hours of the days before",
            "livemostrecent",
            "instance",
            "skill_group",
        )
        self.cap_headroom = self._gauge(
            "cap_headroom_ratio",
            "What a group's numbers have left of their caps of the day, of 1",
            "livemostrecent",
            "instance",
            "skill_group",
        )

    def _of_the_inventory(self) -> None:
        self.inventory_numbers = self._gauge(
            "inventory_numbers", "Numbers", "livemostrecent", "instance", "usage", "available"
        )
        self.inventory_age = self._gauge(
            "inventory_age_seconds", "Since the inventory's sweep", "livemax", "instance"
        )
        self.numbers_parked = self._gauge(
            "numbers_parked", "Numbers out of rotation", "livemostrecent", "instance", "reason"
        )
        self.numbers_available = self._gauge(
            "numbers_available", "Numbers in rotation", "livemostrecent", "instance", "province"
        )
        self.sweeps = self._counter("sweeps_total", "Sweeps ended", "instance", "result")
        self.sweep_duration = self._histogram(
            "sweep_duration_seconds", "From a sweep's first page to its end", _SWEEP, "instance"
        )
        self.sweep_shrink_held = self._gauge(
            "sweep_shrink_held", "1 while a sweep waits to be confirmed", "livemax", "instance"
        )
        self.unreadable_numbers = self._gauge(
            "unreadable_numbers", "Rows of CCC's list that were set aside", "livemax", "instance"
        )
        self.ccc_requests = self._counter(
            "ccc_requests_total", "Requests to CCC, by its code", "action", "code"
        )
        self.ccc_request_duration = self._histogram(
            "ccc_request_duration_seconds", "From a request to CCC to its answer", _CCC, "action"
        )

    def _of_the_ledger(self) -> None:
        self.ledger_batch_size = self._histogram(
            "ledger_batch_size", "Picks in one call of the ledger", _BATCH
        )
        self.ledger_duration = self._histogram(
            "ledger_duration_seconds", "From a call of the ledger to its answer", _LEDGER
        )
        self.ledger_clock_behind = self._gauge(
            "ledger_clock_behind_seconds", "Of the server's clock behind ledger time", "livemax"
        )
        self.ledger_unreadable = self._counter(
            "ledger_unreadable_total", "Values in Redis that could not be read and were set right"
        )
        self.ledger_restores = self._counter(
            "ledger_restores_total", "Wiped ledgers that were written anew", "instance"
        )
        self.redis_up = self._gauge(
            "redis_up", "1 while every worker reaches Redis, NaN without one", "livemin"
        )
        self.degraded_picks = self._counter(
            "degraded_picks_total", "Picks decided without the shared ledger"
        )
        self.write_backs = self._counter(
            "write_backs_total", "Degraded picks written to the ledger afterwards", "result"
        )
        self.write_back_backlog = self._gauge(
            "write_back_backlog", "Degraded picks that wait for the ledger", "livesum"
        )

    def _of_the_process(self) -> None:
        build = metadata.version("callerid"), platform.python_version()
        self.build_info = self._gauge("build_info", "What runs", "livemax", "version", "python")
        self.build_info.labels(*build).set(1)
        self.event_loop_lag = self._histogram(
            "event_loop_lag_seconds", "How late the event loop wakes", _LAG
        )
        self.requests = self._counter(
            "requests_total", "Requests answered, by who asks and by problem", "client", "code"
        )
        self.in_flight = self._gauge("in_flight", "Picks being answered", "livesum")
        self.connections = self._gauge("connections", "Open connections", "livesum")
        self.refused_connections = self._counter(
            "refused_connections_total", "Connections not taken, or not at once", "reason"
        )
        self.config_reloads = self._counter(
            "config_reloads_total", "Configurations read again", "result"
        )
        self.task_restarts = self._counter(
            "task_restarts_total", "Background tasks that died and were started again", "task"
        )

    def flush(self) -> None:
        """Move what was tallied to where it is shown, also to the other workers."""
        for tally in self._tallies:
            tally.flush()

    def _move_picks(self, key: PickKey, events: int, seconds: float) -> None:
        instance, source, match, province, bucket = key
        self.picks.labels(instance, source, match).inc(events)
        self.picks_by_place.labels(instance, province, match).inc(events)
        self.pick_duration.labels(source).fill(bucket, events, seconds)

    def _move_calls(self, key: CallKey, events: int, seconds: float) -> None:
        bucket, size = key
        self.ledger_duration.fill(bucket, events, seconds)
        self.ledger_batch_size.fill(bisect_left(_BATCH, size), events, size * events)

    def _move_outcomes(self, key: OutcomeKey, events: int, _: float) -> None:
        self.outcomes.labels(*key).inc(events)

    def _move_requests(self, key: RequestKey, events: int, _: float) -> None:
        self.requests.labels(*key).inc(events)

    def render(self) -> bytes:
        """Return the exposition, of all workers where there are several; see `CONTENT_TYPE`."""
        if self._shared is None:
            return generate_latest(self.registry)
        return generate_latest(self._shared.together(self.registry))

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"callerid_{name}", told, labels, registry=self.registry)

    def _histogram(
        self, name: str, told: str, buckets: tuple[float, ...], *labels: str
    ) -> FillableHistogram:
        name = f"callerid_{name}"
        return FillableHistogram(name, told, labels, buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, told: str, over_workers: OverWorkers, *labels: str) -> Gauge:
        """Make a gauge; dead workers count for nothing in any of the modes."""
        return Gauge(
            f"callerid_{name}",
            told,
            labels,
            multiprocess_mode=over_workers,
            registry=self.registry,
        )

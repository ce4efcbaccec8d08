"""Every metric of the public interface, by name and labels, in one process and over several."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from service.api.auth import NOBODY
from service.api.gate import Gate
from service.errors import Overloaded
from service.metrics import Metrics, pick_bucket
from service.settings import Server, Settings
from service.shared_metrics import Piece
from service.tally import Children

COUNTERS = {
    "callerid_picks_total": ("instance", "source", "match"),
    "callerid_picks_by_place_total": ("instance", "province", "match"),
    "callerid_pick_refusals_total": ("instance", "code"),
    "callerid_requests_total": ("client", "code"),
    "callerid_candidates_rejected_total": ("instance", "reason"),
    "callerid_sweeps_total": ("instance", "result"),
    "callerid_ccc_requests_total": ("action", "code"),
    "callerid_outcomes_total": ("instance", "match", "result"),
    "callerid_experiment_calls_total": ("instance", "arm", "result"),
    "callerid_health_transitions_total": ("instance", "state"),
    "callerid_unknown_prefixes_total": (),
    "callerid_degraded_picks_total": (),
    "callerid_write_backs_total": ("result",),
    "callerid_config_reloads_total": ("result",),
    "callerid_task_restarts_total": ("task",),
    "callerid_ledger_unreadable_total": (),
    "callerid_ledger_restores_total": ("instance",),
    "callerid_refused_connections_total": ("reason",),
}
HISTOGRAMS = {
    "callerid_pick_duration_seconds": ("source",),
    "callerid_sweep_duration_seconds": ("instance",),
    "callerid_ccc_request_duration_seconds": ("action",),
    "callerid_ledger_batch_size": (),
    "callerid_ledger_duration_seconds": (),
    "callerid_event_loop_lag_seconds": (),
}
GAUGES = {
    "callerid_inventory_numbers": ("instance", "usage", "available"),
    "callerid_inventory_age_seconds": ("instance",),
    "callerid_redis_up": (),
    "callerid_in_flight": (),
    "callerid_connections": (),
    "callerid_numbers_parked": ("instance", "reason"),
    "callerid_answered_ratio": ("instance", "skill_group"),
    "callerid_numbers_available": ("instance", "province"),
    "callerid_cap_headroom_ratio": ("instance", "skill_group"),
    "callerid_build_info": ("version", "python"),
    "callerid_write_back_backlog": (),
    "callerid_ledger_clock_behind_seconds": (),
    "callerid_sweep_shrink_held": ("instance",),
    "callerid_unreadable_numbers": ("instance",),
}
WORKER = """
import sys
from prometheus_client import values
from service.metrics import Metrics, pick_bucket
from service.shared_metrics import Piece, SharedValues
own, other = (Piece(*map(int, pair.split(","))) for pair in sys.argv[1:3])
values.ValueClass = SharedValues(own, [other])
metrics = Metrics()
picks, up, *show = sys.argv[3:]
seconds = float(picks) / 1000
for _ in range(int(picks)):
    metrics.answered.count(("ccc-test", "redis", "city", "四川", pick_bucket(seconds)), seconds)
metrics.redis_up.set(int(up))
metrics.in_flight.set(int(picks))
metrics.inventory_age.labels("ccc-test").set(int(picks))
metrics.inventory_numbers.labels("ccc-test", "Outbound", "true").set(int(picks))
if show:
    print(metrics.render().decode())
else:
    metrics.flush()
    print("ready", flush=True)
    input()
"""


def touched(metrics: Metrics) -> Metrics:
    """Gives each metric one child, so that the exposition shows its labels."""
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            names = metric._labelnames
            child = metric.labels(*names) if names else metric
            match child:
                case Counter():
                    child.inc()
                case Gauge():
                    child.set(1)
                case Histogram():
                    child.observe(1)
    return metrics


def exposed(text: str) -> set[tuple[str, str, frozenset[str]]]:
    """The exposition's metrics: type, name, labels. A histogram is told by its count."""
    return {
        (family.type, sample.name.removesuffix("_count"), frozenset(sample.labels))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.type != "histogram" or sample.name.endswith("_count")
    }


def test_the_exposition_holds_every_metric_of_the_interface_and_no_other() -> None:
    by_type = {"counter": COUNTERS, "histogram": HISTOGRAMS, "gauge": GAUGES}
    assert exposed(touched(Metrics()).render().decode()) == {
        (kind, name, frozenset(labels))
        for kind, metrics in by_type.items()
        for name, labels in metrics.items()
    }


def test_labels_stand_in_the_order_of_the_interface() -> None:
    every = COUNTERS | HISTOGRAMS | GAUGES
    for metric in vars(Metrics()).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            name = metric._name + ("_total" if isinstance(metric, Counter) else "")
            assert metric._labelnames == every[name]


def test_two_sets_of_metrics_do_not_share_their_counts() -> None:
    first, second = Metrics(), Metrics()
    first.degraded_picks.inc()
    assert b"callerid_degraded_picks_total 1.0" in first.render()
    assert b"callerid_degraded_picks_total 0.0" in second.render()


def test_a_cached_child_is_the_metrics_own() -> None:
    metrics = Metrics()
    picks = Children(metrics.picks)
    picks["ccc-test", "redis", "city"].inc()
    picks["ccc-test", "redis", "city"].inc()
    sample = 'callerid_picks_total{instance="ccc-test",match="city",source="redis"} 2.0'
    assert sample in metrics.render().decode()


def test_a_wrong_count_of_labels_is_refused_by_the_cache_too() -> None:
    with pytest.raises(ValueError, match="label count"):
        Children(Metrics().picks)["ccc-test", "redis"].inc()


def test_a_tallied_pick_is_shown_as_if_the_metrics_had_counted_it() -> None:
    tallied, counted = Metrics(), Metrics()
    for seconds in (0.0, 0.00025, 0.0003, 2.5, 3.0):
        key = "ccc-test", "redis", "city", "四川", pick_bucket(seconds)
        tallied.answered.count(key, seconds)
        counted.picks.labels("ccc-test", "redis", "city").inc()
        counted.picks_by_place.labels("ccc-test", "四川", "city").inc()
        counted.pick_duration.labels("redis").observe(seconds)
    assert tallied.render() == counted.render()
    assert tallied.render() == counted.render()  # and once only


@pytest.fixture
def pieces() -> Iterator[tuple[Piece, Piece]]:
    pair = Piece.make(), Piece.make()
    yield pair
    for piece in pair:
        for descriptor in piece:
            os.close(descriptor)


def worker(own: Piece, other: Piece, *words: str) -> subprocess.Popen[str]:
    """A process of its own with metrics in `own`; with `show` it prints and ends."""
    given = (",".join(map(str, piece)) for piece in (own, other))
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *given, *words],
        pass_fds=(*own, *other),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def shown_by(own: Piece, other: Piece, *words: str) -> str:
    with worker(own, other, *words, "show") as process:
        shown, _ = process.communicate()
    assert process.returncode == 0
    return shown


def test_workers_are_exposed_as_one(pieces: tuple[Piece, Piece]) -> None:
    first, second = pieces
    with worker(first, second, "2", "0") as living:
        assert living.stdout is not None
        assert living.stdout.readline() == "ready\n"
        shown = shown_by(second, first, "3", "1")
        living.communicate("\n")
    assert 'callerid_picks_total{instance="ccc-test",match="city",source="redis"} 5.0' in shown
    assert "callerid_in_flight 5.0" in shown
    assert "callerid_redis_up 0.0" in shown
    assert 'callerid_inventory_age_seconds{instance="ccc-test"} 3.0' in shown
    numbers = 'callerid_inventory_numbers{available="true",instance="ccc-test",usage="Outbound"}'
    assert f"{numbers} 3.0" in shown  # the newest
    for bound, count in (("0.001", 0), ("0.0025", 2), ("0.005", 5), ("+Inf", 5)):
        bucket = f'callerid_pick_duration_seconds_bucket{{le="{bound}",source="redis"}}'
        assert f"{bucket} {count}.0\n" in shown
    assert 'callerid_pick_duration_seconds_count{source="redis"} 5.0' in shown
    assert 'callerid_pick_duration_seconds_sum{source="redis"} 0.013' in shown


def test_several_workers_expose_the_families_that_one_does(pieces: tuple[Piece, Piece]) -> None:
    shown = text_string_to_metric_families(shown_by(*pieces, "1", "1"))
    own = text_string_to_metric_families(Metrics().render().decode())
    assert [(one.name, one.type, one.documentation) for one in shown] == [
        (one.name, one.type, one.documentation) for one in own
    ]


def test_a_worker_that_ended_leaves_what_it_counted_and_no_gauges(
    pieces: tuple[Piece, Piece],
) -> None:
    first, second = pieces
    shown_by(first, second, "2", "0")
    first.clear_gauges()
    shown = shown_by(second, first, "3", "1")
    assert 'callerid_picks_total{instance="ccc-test",match="city",source="redis"} 5.0' in shown
    assert "callerid_in_flight 3.0" in shown
    assert "callerid_redis_up 1.0" in shown


def test_a_worker_goes_on_from_what_the_one_before_it_counted(pieces: tuple[Piece, Piece]) -> None:
    first, second = pieces
    shown_by(first, second, "2", "0")
    first.clear_gauges()
    shown = shown_by(first, second, "3", "1")
    assert 'callerid_picks_total{instance="ccc-test",match="city",source="redis"} 5.0' in shown
    assert "callerid_in_flight 3.0" in shown


@pytest.mark.parametrize("of_workers", [False, True])
def test_picks_in_flight_are_shown_by_one_process_and_by_workers(*, of_workers: bool) -> None:
    metrics = Metrics()
    metrics.of_workers = of_workers
    gate = Gate(Settings(server=Server(max_in_flight=2)), metrics, lambda: 0.0)
    with gate.enter(NOBODY, 0.0), gate.enter(NOBODY, 0.0):
        assert metrics.registry.get_sample_value("callerid_in_flight") == 2
        with pytest.raises(Overloaded):
            gate.enter(NOBODY, 0.0)
    assert metrics.registry.get_sample_value("callerid_in_flight") == 0

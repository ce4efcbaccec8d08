"""The holdout: who is in which arm, what is made of the counts, and when it stops."""

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from service.cli.experiment import ArmShown, ExperimentShown, worded
from service.cli.pick import answered
from service.errors import LedgerUnavailable
from service.experiment import Experiment, arm_name, arm_of
from service.experiment.arms import BUCKETS, ArmCalls
from service.experiment.difference import difference
from service.inventory import LEVELS, read_mark
from service.metrics import Metrics
from service.picking import Pair, PickAnswer, PlacedNumber
from service.picking.instance import Digests
from service.redis_.counts import LocalCounts
from service.settings import ExperimentSettings

SPRING = ExperimentSettings("spring", 0.1)
DIGESTS = Digests(b"a key", "ccc-test")


class FragileCounts(LocalCounts):
    """Counts that can be out of reach."""

    is_down = False

    async def add(self, name: str, counts: dict[str, int]) -> None:
        if self.is_down:
            raise LedgerUnavailable("Redis is down")
        await super().add(name, counts)


class Bench:
    """An experiment of one process, over counts that others may have too."""

    def __init__(self, counts: FragileCounts | None = None) -> None:
        self.counts = counts or FragileCounts(9)
        self.now = datetime(2026, 1, 2, 23, 59, tzinfo=UTC)
        self.metrics = Metrics()
        self.experiment = Experiment("ccc-test", self.counts, lambda: self.now, self.metrics)

    async def go_by(self, settings: ExperimentSettings = SPRING, **other: Any) -> str:
        self.experiment.go_by(settings, {"levels": LEVELS, **other})
        return await self.state()

    async def state(self) -> str:
        report = await self.experiment.report()
        assert (report.state == "running") == (self.experiment.running is not None)
        return report.state if report.state != "stopped" else f"stopped {report.verdict}"

    def note(self, arm: str, answered: int, calls: int) -> None:
        """Note calls, of callees that are dealt out to the buckets by chance."""
        results = ["answered"] * answered + ["busy"] * (calls - answered)
        Random(1).shuffle(results)
        for at, result in enumerate(results):
            mark = read_mark(f"any SC12345678{arm}{BUCKETS[at % 64]}uA")
            self.experiment.note(mark, result)


@pytest.mark.parametrize("holdout", [0.1, 0.5])
def test_a_share_of_the_callees_is_held_out_and_all_buckets_are_used(holdout: float) -> None:
    digests = [DIGESTS.experiment("spring", f"138{at:08}") for at in range(4000)]
    letters = [arm_of("spring", digest, holdout) for digest in digests]
    held_out = [letter for letter in letters if arm_name(letter) == "any"]
    assert len(held_out) == pytest.approx(4000 * holdout, rel=0.1)
    assert {letter[1] for letter in held_out} == set(BUCKETS)
    assert max(Counter(letter[1] for letter in letters).values()) < 2 * 4000 / 64


def test_a_callee_stays_in_its_arm_under_a_name_and_key_and_is_dealt_out_anew_by_another() -> None:
    assert arm_of("spring", "0" * 24, 0.1) == "aauA"
    assert arm_of("spring", "2" * 24, 0.1) == arm_of("spring", "2" * 24, 0.01) == "lIuA"
    names = [DIGESTS.experiment(name, "13888888888") for name in ("spring", "spring", "autumn")]
    assert names[0] == names[1] != names[2]
    assert Digests(b"a key", "another").experiment("spring", "13888888888") == names[0]
    assert Digests(b"other", "ccc-test").experiment("spring", "13888888888") != names[0]


def test_the_error_is_taken_over_buckets_and_the_interval_is_that_of_the_mixture_test() -> None:
    """With an error of √(64/63 · 64·2²) / 1,280 = 0.0125988 and τ = 0.01 it reaches 0.0516."""
    even = [ArmCalls(20, 6)] * 64
    uneven = [ArmCalls(20, answered) for answered in (4, 8)] * 32
    compared = difference(uneven, even, 0.01)
    assert compared is not None
    assert compared.value == pytest.approx(0)
    assert (compared.low, compared.high) == pytest.approx((-0.0515871, 0.0515871), abs=1e-6)
    assert difference(even, even, 0.01) is None  # there is no error: nothing can be told
    assert difference(uneven, [ArmCalls(7, 2)] * 64, 0.01) is None  # too few calls


async def test_calls_are_counted_by_arm_and_stratum_on_every_replica() -> None:
    one = Bench()
    other = Bench(one.counts)
    assert (await one.go_by(), await other.go_by()) == ("running", "running")
    one.note("l", answered=2, calls=3)
    other.note("a", answered=1, calls=2)
    for mark in ("ccc", "any SC12345678", "any SC12345678laAj", "any SC12345678xauA"):
        other.experiment.note(read_mark(mark), "answered")  # of no experiment, of another, of none
    await other.experiment.report()
    report = await one.experiment.report()
    assert report.arms == {"local": ArmCalls(3, 2), "any": ArmCalls(2, 1)}
    (stratum,) = report.strata
    assert (stratum.province, stratum.hour, stratum.arms) == ("SC", 20, report.arms)
    assert (report.difference, report.interval, report.verdict) == (None, None, "undecided")
    labels = {"instance": "ccc-test", "arm": "local", "result": "answered"}
    counted = one.metrics.registry.get_sample_value("callerid_experiment_calls_total", labels)
    assert counted == 2


@pytest.mark.parametrize(("local", "verdict"), [(2000, "local"), (400, "any")])
async def test_it_stops_on_the_day_after_which_the_difference_is_more_than_chance(
    local: int, verdict: str
) -> None:
    bench = Bench()
    await bench.go_by()
    bench.note("l", answered=local, calls=4000)
    bench.note("a", answered=300, calls=1000)
    assert await bench.state() == "running"  # today's look was at the start
    bench.now += timedelta(days=1)
    assert await bench.state() == f"stopped {verdict}"
    report = await bench.experiment.report()
    bench.note("l", answered=1, calls=1)
    assert (await bench.experiment.report()).arms == report.arms
    assert await Bench(bench.counts).go_by() == f"stopped {verdict}"  # the next process knows


async def test_it_goes_on_while_the_difference_may_be_chance() -> None:
    bench = Bench()
    await bench.go_by()
    bench.note("l", answered=1220, calls=4000)
    bench.note("a", answered=300, calls=1000)
    bench.now += timedelta(days=1)
    assert await bench.state() == "running"
    report = await bench.experiment.report()
    assert report.verdict == "undecided"
    assert report.difference == pytest.approx(0.005)
    assert report.interval is not None
    assert report.interval[0] < 0 < report.interval[1]


async def test_it_stops_when_its_last_day_is_over_whether_or_not_redis_serves() -> None:
    bench = Bench()
    settings = ExperimentSettings("spring", 0.1, until="2026-01-03")
    assert await bench.go_by(settings) == "running"
    bench.now += timedelta(minutes=1)
    bench.counts.is_down = True
    with pytest.raises(LedgerUnavailable):
        await bench.experiment.look()
    assert bench.experiment.running is None
    bench.counts.is_down = False
    assert await bench.state() == "stopped undecided"
    assert await bench.go_by(SPRING) == "stopped undecided"  # a later day does not start it again
    assert await Bench().go_by(replace(settings, until="2026-01-02")) == "stopped undecided"


@pytest.mark.parametrize(
    ("settings", "other"),
    [
        (ExperimentSettings("spring", 0.2), {}),
        (ExperimentSettings("spring", 0.1, minimum_effect=0.02), {}),
        (SPRING, {"levels": ("province", "any")}),
        (SPRING, {"health": True}),
        (SPRING, {"near": {"河北": ("北京",)}}),
    ],
)
async def test_other_settings_under_an_old_name_are_refused(
    settings: ExperimentSettings, other: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    await bench.go_by()
    with caplog.at_level(logging.ERROR):
        assert await bench.go_by(settings, **other) == "refused"
    assert "experiment 'spring' is refused" in caplog.text
    renamed = replace(settings, name="summer")
    assert await bench.go_by(renamed, **other) == "running"
    assert await bench.go_by() == "running"


async def test_a_holdout_of_nothing_acts_at_once_and_what_was_counted_is_still_shown() -> None:
    bench = Bench()
    await bench.go_by()
    bench.note("l", answered=1, calls=1)
    bench.experiment.go_by(ExperimentSettings("spring"), {"levels": LEVELS})
    assert bench.experiment.running is None
    report = await bench.experiment.report()
    assert (report.state, report.arms["local"]) == ("off", ArmCalls(1, 1))
    assert await bench.go_by() == "running"


async def test_without_a_name_there_is_nothing_to_tell() -> None:
    report = await Bench().experiment.report()
    assert (report.name, report.state, report.arms["any"]) == ("", "off", ArmCalls(0, 0))


async def test_what_redis_does_not_take_now_is_counted_later() -> None:
    bench = Bench()
    await bench.go_by()
    bench.note("l", answered=1, calls=1)
    bench.counts.is_down = True
    with pytest.raises(LedgerUnavailable):
        await bench.experiment.report()
    bench.counts.is_down = False
    assert (await bench.experiment.report()).arms["local"] == ArmCalls(1, 1)


def test_a_pick_that_is_explained_says_the_callees_arm() -> None:
    pair = Pair(PlacedNumber("01055500001", "", ""), PlacedNumber("13888888888", "", ""), "any")
    shown = answered(PickAnswer("redis", (pair,), (), (), "any"), colour=False)
    whole = (
        "for 13888888888 of a place not known, decided by redis, in the arm any of the experiment"
    )
    assert whole in shown.splitlines()


def test_an_experiment_is_told_in_words() -> None:
    arms = {"local": ArmShown(48600, 15552), "any": ArmShown(5400, 1593)}
    shown = ExperimentShown("spring", "stopped", arms, 0.025, (0.0024, 0.0476), "local")
    assert worded(shown).splitlines() == [
        "spring: stopped",
        "local: 15552 of 48600 answered, 32.0%",
        "any: 1593 of 5400 answered, 29.5%",
        "difference: +2.5 points, from +0.2 to +4.8",
        "Local numbers are answered more often.",
    ]


def test_an_experiment_that_is_off_is_told_in_words() -> None:
    arms = {"local": ArmShown(0, 0), "any": ArmShown(0, 0)}
    shown = ExperimentShown("", "off", arms, None, None, "undecided")
    assert worded(shown) == (
        "experiment: nobody is held out; [experiment] in the configuration begins one"
    )

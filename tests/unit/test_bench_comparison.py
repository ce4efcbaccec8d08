"""The comparison of two checkouts: its costs, interval and verdicts, and whose code is run."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.comparison import Comparison, Pairs, compared
from tests.bench.stage import callerid, process
from tests.bench.table import as_json


def row(cost: float, low: float, high: float, doubt: float = 0.0) -> Comparison:
    return Comparison("CPU a pick", "µs", 41.26, 39.0, cost, low, high, doubt)


def interval(costs: Sequence[float]) -> tuple[float, float]:
    compared_row = compared(Pairs("p99", "ms", this=costs, base=[1.0] * len(costs)))
    return compared_row.low, compared_row.high


def test_a_longer_time_costs_more() -> None:
    assert Pairs("p99", "ms", this=[3.0, 1.0], base=[2.0, 4.0]).costs == [1.5, 0.25]


def test_a_lower_rate_costs_more() -> None:
    pairs = Pairs("picks/s", "/s", this=[200.0, 400.0], base=[300.0, 100.0], more_is_better=True)
    assert pairs.costs == [1.5, 0.25]


def test_rounds_that_are_not_in_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = Pairs("p99", "ms", this=[1.0, 2.0], base=[1.0]).costs


def test_a_row_has_the_medians_of_both_sides_and_that_of_the_costs() -> None:
    compared_row = compared(Pairs("p99", "ms", this=[1.0, 2.0, 9.0], base=[2.0, 2.0, 3.0]))
    assert (compared_row.this, compared_row.base, compared_row.cost) == (2.0, 2.0, 1.0)


def test_rounds_that_agree_leave_no_doubt() -> None:
    assert interval([1.02] * 16) == (1.02, 1.02)


def test_the_interval_leaves_out_one_round_that_something_disturbed() -> None:
    assert interval([0.98, 0.99, 1.0, 1.0, 1.01, 1.02, 1.03, 4.0]) == pytest.approx((0.99, 1.03))


def test_more_rounds_make_a_narrower_interval() -> None:
    assert interval([0.9, 0.95, 1.0, 1.05, 1.1]) == pytest.approx((0.9, 1.1))
    assert interval([at / 200 for at in range(180, 221)]) == pytest.approx((0.97, 1.03))


def test_the_share_of_resamples_that_are_no_slower_is_the_doubt() -> None:
    slower = Pairs("p99", "ms", this=[1.1, 1.2, 1.3], base=[1.0] * 3)
    quicker = Pairs("p99", "ms", this=[0.7, 0.8, 1.0], base=[1.0] * 3)
    either = Pairs("p99", "ms", this=[0.9, 1.2, 1.3], base=[1.0] * 3)
    assert (compared(slower).doubt, compared(quicker).doubt) == (0.0, 1.0)
    assert compared(either).doubt == pytest.approx(7 / 27, abs=0.02)


@pytest.mark.parametrize(
    ("cost", "high", "doubt", "verdict"),
    [
        (1.00, 1.05, 0.5, "ok"),
        (0.90, 0.95, 1.0, "ok"),
        (1.03, 1.05, 0.0, "ok"),
        (1.00, 1.11, 0.5, "unclear"),
        (1.04, 1.06, 0.0, "unclear"),
        (1.48, 2.08, 0.01, "unclear"),
        (1.06, 1.09, 0.002, "slower"),
        (1.20, 1.25, 0.0, "slower"),
    ],
)
def test_a_row_is_slower_once_both_the_cost_and_the_resamples_say_so(
    cost: float, high: float, doubt: float, verdict: str
) -> None:
    assert row(cost, 0.9, high, doubt).verdict == verdict


def test_a_row_reads_from_left_to_right() -> None:
    assert row(1.058, 1.031, 1.09).text == (
        "CPU a pick                                    41.3       39 µs  "
        "  1.058   1.031 – 1.090  slower"
    )


def test_the_rows_in_json_have_their_verdicts() -> None:
    assert as_json([row(1.0, 0.9, 1.01)]) == (
        '[{"what":"CPU a pick","unit":"µs","this":41.26,"base":39.0,'
        '"cost":1.0,"low":0.9,"high":1.01,"doubt":0.0,"verdict":"ok"}]'
    )


def test_a_checkout_is_run_by_its_own_environment(tmp_path: Path) -> None:
    command = tmp_path / ".venv" / "bin" / "callerid"
    command.parent.mkdir(parents=True)
    command.touch()
    assert callerid(tmp_path) == str(command)


def test_a_checkout_without_an_environment_is_run_by_ours(tmp_path: Path) -> None:
    assert callerid(tmp_path) == str(Path(sys.executable).with_name("callerid"))


def test_the_code_that_runs_is_that_of_the_checkout_and_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    (tmp_path / "service.py").write_text("import sys; sys.exit(7)")
    with process(sys.executable, "-Pc", "import service", root=tmp_path) as running:
        assert running.wait() == 7


def test_a_benchmark_in_the_background_ends_at_sigterm() -> None:
    """A shell has the jobs of its background ignore SIGINT."""
    program = (
        "import os, signal, sys\n"
        "from tests.bench import __main__ as bench\n"
        "sys.argv[1:] = ['--quick']\n"
        "bench.picks.rows = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "bench.show = print\n"
        "bench.main()\n"
    )
    command = ["sh", "-c", f"trap '' INT; exec {sys.executable} -c \"$0\"", program]
    done = subprocess.run(command, check=False, cwd=Path(__file__).parents[2], capture_output=True)
    assert done.returncode == -signal.SIGINT, done.stderr.decode()

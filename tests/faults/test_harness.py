"""The faults of `make faults` in a short form: counts, rules and sources are held, never times.

The load is a fifth of what the table has.
"""

import subprocess
import sys

import msgspec
import pytest

from tests.faults.harness.figures import Figures
from tests.faults.harness.rows import ROWS as TABLE
from tests.whole.processes import ROOT

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

ROWS = [39, 42]
RATE = 60
SECONDS = 180  # for both; one takes some 10 on a quiet machine

NAMES = [row.name for row in TABLE if row.number in ROWS]


@pytest.fixture(scope="module")
def table() -> dict[str, Figures]:
    """The rows by name, run one after the other, in a process of their own."""
    words = ("--json", "--rate", str(RATE), *map(str, ROWS))
    command = (sys.executable, "-m", "tests.faults.harness", *words)
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=SECONDS, check=False)
    figures = msgspec.json.decode(run.stdout, type=list[Figures])
    return {row.name: row for row in figures}


@pytest.mark.parametrize("name", ["control: nothing happens", *NAMES])
def test_nothing_is_lost_or_doubled_or_broken_whatever_redis_does(
    name: str, table: dict[str, Figures]
) -> None:
    assert table[name].picks > RATE
    assert table[name].failures == ()


def test_the_table_has_each_fault_of_the_catalogue() -> None:
    assert {row.number for row in TABLE} == {*range(1, 23), *range(38, 49)}
    assert len({row.name for row in TABLE}) == len(TABLE)
    assert {row.number for row in TABLE} > {*ROWS}

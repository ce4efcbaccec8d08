"""`make bench`: the table of `docs/performance.md`, measured on this machine.

Whatever is compared runs side by side as processes of its own and takes turns, round by round; a
ratio is the median over the rounds of each round's own. Everything is on loopback and ends by
itself. `--quick` (`make bench QUICK=1`) prints the first five rows in under a minute.
"""

import argparse
import sys
from collections.abc import Callable

from tests.bench import insides, large, picks
from tests.bench.table import Row, show

QUICK_ROUNDS, ROUNDS, SECONDS = 5, 7, 1.5

SECTIONS: tuple[Callable[[], list[Row]], ...] = (
    lambda: picks.rows(ROUNDS, SECONDS),
    lambda: picks.further_rows(ROUNDS, SECONDS),
    lambda: insides.ledger_rows(ROUNDS),
    lambda: large.pool_rows(ROUNDS, SECONDS),
    lambda: large.parked_rows(ROUNDS, SECONDS),
    lambda: large.start_rows(ROUNDS),
    lambda: large.swap_rows(ROUNDS),
    lambda: insides.sweep_rows(ROUNDS),
    lambda: large.worker_rows(ROUNDS, SECONDS),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first five rows alone")
    if parser.parse_args().quick:
        print(show(picks.rows(QUICK_ROUNDS, SECONDS)))
        return
    rows: list[Row] = []
    for section in SECTIONS:
        found = section()
        for row in found:
            print(row.text, file=sys.stderr, flush=True)
        rows += found
    print(show(rows))


if __name__ == "__main__":
    main()

"""`make bench`: the table of `docs/performance.md`, measured on this machine.

Whatever is compared runs side by side as processes of its own and takes turns, round by round; a
ratio is the median over the rounds of each round's own. Everything is on loopback and ends by
itself. `--quick` (`make bench QUICK=1`) prints five of the rows in under a minute. `--base DIR`
(`make bench BASE=DIR`) compares the picks of this checkout with those of the one in DIR instead.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import against, insides, large, picks
from tests.bench.table import Row, show

QUICK_ROUNDS, ROUNDS, SECONDS = 5, 7, 1.5

SECTIONS: tuple[Callable[[], list[Row]], ...] = (
    lambda: picks.rows(ROUNDS, SECONDS),
    lambda: picks.further_rows(ROUNDS, SECONDS),
    lambda: insides.ledger_rows(ROUNDS),
    lambda: large.pool_rows(ROUNDS, SECONDS),
    large.used_rows,
    lambda: large.parked_rows(ROUNDS, SECONDS),
    lambda: large.first_pick_rows(ROUNDS),
    lambda: large.start_rows(ROUNDS),
    lambda: large.swap_rows(ROUNDS),
    lambda: insides.sweep_rows(ROUNDS),
    lambda: large.worker_rows(ROUNDS, SECONDS),
)


def main() -> None:
    """Measure and print."""
    # At SIGTERM too what was started is ended. The event loop knows how to pass on a SIGINT only,
    # which a shell has the jobs of its background ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    arguments = _arguments()
    if arguments.base is not None:
        cases = against.QUICK_CASES if arguments.quick else against.CASES
        rounds = against.QUICK_ROUNDS if arguments.quick else against.ROUNDS
        sys.exit(against.main(arguments.base, cases, arguments.rounds or rounds))
    if arguments.quick:
        print(show(picks.rows(QUICK_ROUNDS, SECONDS)))
        return
    rows: list[Row] = []
    for section in SECTIONS:
        found = section()
        for row in found:
            print(row.text, file=sys.stderr, flush=True)
        rows += found
    print(show(rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first rows alone")
    parser.add_argument("--base", type=_checkout, metavar="DIR", help="compare with this checkout")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each row compared")
    arguments = parser.parse_args()
    if arguments.rounds and arguments.base is None:
        parser.error("--rounds (ROUNDS=N) goes with --base (BASE=DIR)")
    return arguments


def _checkout(folder: str) -> Path:
    root = Path(folder).resolve()
    if not (root / "pyproject.toml").is_file():
        raise argparse.ArgumentTypeError(
            f"{folder} is no checkout; `git worktree add {folder} COMMIT` makes it one"
        )
    return root


if __name__ == "__main__":
    main()

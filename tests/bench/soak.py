"""`make soak`: whether a process's memory stays where it is, under full load.

Minute after minute it prints what the service holds and how much it answers. What it remembers of
calls and callees fills up within the first three minutes; the slope is that of the minutes after.
"""

import argparse
from statistics import linear_regression

from tests.bench.load import Load, run
from tests.bench.stage import ALL_RULES, Stage
from tests.bench.warm import GROUPS, numbers_of

MINUTES, FILLING = 20, 3
NUMBERS = 1000
WINDOW = Load(GROUPS[:1], seconds=60, outcomes=True)
MEGABYTE = 1e6


def main() -> None:
    """Soak a service over Redis, with all rules, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=MINUTES, metavar="N", help="5 at the least")
    minutes = max(FILLING + 2, parser.parse_args().minutes)
    held = []
    with Stage() as stage:
        service = stage.service(stage.redis(numbers_of(NUMBERS)).url, ALL_RULES)
        for minute in range(1, minutes + 1):
            figures = run(service.port, WINDOW)
            held.append(service.resident_bytes / MEGABYTE)
            print(
                f"minute {minute}: {held[-1]:.1f} MB, {figures.per_second:.0f} picks/s with their "
                f"outcomes, p99 {figures.p99_ms:.1f} ms, {figures.not_ok} refused",
                flush=True,
            )
    kept = held[FILLING:]
    slope = linear_regression(range(len(kept)), kept).slope
    print(f"after {FILLING} minutes: {1000 * slope / kept[0]:+.2f} % in 10 minutes (at most 1)")


if __name__ == "__main__":
    main()

"""`make lab`: print the tables of the laboratory, each measured anew from its seeds.

Demand is synthetic; what decides is the code of this checkout. TABLES="found peace" prints these.
Each core measures a table at a time; the seconds beside a table are those of its core.
"""

import argparse
import logging
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.lab import found, holdout, peace, plans, pools, regions, returns, spare
from tests.lab.table import Table, as_text

TABLES: dict[str, Table] = {
    table.name: table
    for module in (peace, holdout, found, spare, regions, returns, pools, plans)
    for table in module.TABLES
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], default=[])
    parser.add_argument("--seeds", type=int, default=5)
    wanted = parser.parse_args()
    with ProcessPoolExecutor() as cores:
        for text in cores.map(partial(measured, seeds=wanted.seeds), wanted.tables or TABLES):
            print(text, flush=True)


def measured(name: str, seeds: int) -> str:
    """A table as text, and the seconds that it took of its core."""
    logging.disable()  # of what the watch would tell an operator
    start = time.process_time()
    rows = list(TABLES[name].rows(range(seeds)))
    return f"{as_text(TABLES[name], rows)}\n\n{time.process_time() - start:.0f} s\n"


if __name__ == "__main__":
    main()

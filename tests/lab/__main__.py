"""`make lab`: print the tables of the laboratory, each measured anew from its seeds.

Demand is synthetic; what decides is the code of this checkout. TABLES="found peace" prints these.
"""

import argparse
import time

from tests.lab import found, holdout, peace, pools, regions, returns
from tests.lab.table import Table, as_text

TABLES: dict[str, Table] = {
    table.name: table
    for module in (regions, found, peace, pools, returns, holdout)
    for table in module.TABLES
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], default=[])
    parser.add_argument("--seeds", type=int, default=5)
    wanted = parser.parse_args()
    for name in wanted.tables or TABLES:
        start = time.monotonic()
        rows = list(TABLES[name].rows(range(wanted.seeds)))
        print(f"{as_text(TABLES[name], rows)}\n\n{time.monotonic() - start:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()

"""`make faults`: what becomes of picks while something fails, row by row.

Each row has two services, a Redis, CCC's look-alike and a load of their own, all on loopback. A
fault comes in the middle of the load. Afterwards what the clients were told is counted again and
compared with the ledger. The status is 1 where counts, rules or sources are not as they must be;
times are shown beside those of a run without a fault, and fail nothing.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import TextIO, TypeVar

import msgspec
import uvloop

from tests.faults.harness.figures import HEADINGS, Figures, laid_out, line_of
from tests.faults.harness.rows import CONTROL, ROWS
from tests.faults.harness.run import run_row

RATE = 300
MOST_SHOWN = 5  # failures of a row; the JSON has all

T = TypeVar("T")


async def run(numbers: list[int], rate: float, out: TextIO) -> list[Figures]:
    """Run the control, then the rows of these numbers, or all; print each as it ends."""
    table: list[Figures] = []
    print(laid_out(HEADINGS), file=out)
    for row in (CONTROL, *(row for row in ROWS if not numbers or row.number in numbers)):
        control_ms = table[0].max_ms if table else None
        try:
            figures = await run_row(row, rate, control_ms)
        except Exception as error:  # noqa: BLE001 - the other rows run all the same
            figures = Figures(row.number, row.name, failures=(f"it did not run: {error!r}",))
        table.append(figures)
        lines = (line_of(figures), *figures.failures[:MOST_SHOWN])
        print(*lines, sep="\n     ", file=out, flush=True)
    return table


def main() -> None:
    """Run what the command line asks for."""
    arguments = _arguments()
    out = sys.stderr if arguments.json else sys.stdout
    table = uvloop.run(_until_terminated(run(arguments.rows, arguments.rate, out)))
    if arguments.json:
        print(msgspec.json.encode(table).decode())
    sys.exit(any(figures.failures for figures in table))


async def _until_terminated(work: Coroutine[None, None, T]) -> T:
    """Do it; a SIGTERM too, as a SIGINT does, ends all that it has started."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, help="their numbers; all without any")
    parser.add_argument("--rate", type=float, default=RATE, metavar="N", help="picks a second")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()

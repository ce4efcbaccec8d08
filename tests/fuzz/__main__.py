"""`make fuzz`: requests of any kind at a service of its own, on loopback; counts by code.

The status is 1 where one met a 500 or hung, or where the log says a secret or a number in clear.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from tests.fuzz.attack import attack


def main() -> None:
    """Attack once, and print what came of it."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        findings = uvloop.run(
            attack(Path(folder), requests=arguments.requests, seed=arguments.seed)
        )
    for code, count in findings.tally.codes.most_common():
        print(f"{count:8} {code}")
    print(f"{findings.tally.total:8} in all, {findings.tally.read_share:.0%} of them understood")
    print(*findings.faults, sep="\n")
    sys.exit(bool(findings.faults))


if __name__ == "__main__":
    main()

"""The command line of `callerid`: its commands, their options, and the text of `--help`.

Words only: `__main__` does what they ask for.
"""

import argparse
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from service.cli.completion import Completion, Version
from service.cli.options import check_options, demo_options, emulator_options, serve_options

DEFAULT_URL = "http://127.0.0.1:8080"
A_YEAR = 31_536_000  # seconds
SHELLS = ("bash", "zsh", "fish")

EXIT_CODES = """\
exit status:
  0  fine
  1  it failed
  2  the command line or the configuration is wrong; a line for each fault
"""


class Command(NamedTuple):
    """One command: what it does in a line, what to know of it, examples, and its options."""

    help: str
    about: str
    examples: str
    add_options: Callable[[argparse.ArgumentParser], None] = lambda _: None


def parser(words: Collection[str]) -> argparse.ArgumentParser:
    """The parser of a command line.

    Args:
        words: the command line. A command that is not among them has no options: a pick should
            not wait for those of the emulator to be imported.
    """
    top = argparse.ArgumentParser(
        prog="callerid",
        description="Which of our numbers shall this callee see?",
        epilog=f"`callerid COMMAND --help` has examples.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    top.add_argument(
        "--print-completion",
        action=Completion,
        choices=SHELLS,
        const=partial(parser, COMMANDS),
        help="print the completion script of a shell and exit",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        options = commands.add_parser(
            name,
            help=command.help,
            description=command.about,
            epilog=f"examples:\n{command.examples}\n{EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words:
            command.add_options(options)
    return top


def _pick(options: argparse.ArgumentParser) -> None:
    options.add_argument("called", metavar="CALLED", help="the called number, as dialled")
    options.add_argument(
        "--skill-group",
        action="append",
        default=[],
        metavar="ID",
        help="numbers of this group; may be repeated, up to 16",
    )
    options.add_argument("--agent", default="", metavar="ID", help="the agent's own numbers first")
    options.add_argument("--count", type=int, default=1, metavar="N", help="1-100 (%(default)s)")
    options.add_argument("--dry-run", action="store_true", help="decide, but record nothing")
    options.add_argument(
        "--explain",
        action="store_true",
        help="show the candidates that were looked at or are parked, and why",
    )
    options.add_argument("--json", action="store_true", help="print the answer as it came")
    _service(options)


def _plan(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--buy", type=int, default=100, metavar="N", help="numbers to place (%(default)s)"
    )
    options.add_argument(
        "--demand",
        type=Path,
        metavar="FILE.csv",
        help="plan by this day's demand: skill_group_id,city,hour,calls",
    )
    options.add_argument("--csv", action="store_true", help="print what to buy as CSV")
    _service(options)


def _stop(options: argparse.ArgumentParser) -> None:
    options.add_argument("file", type=Path, metavar="FILE", help="a number a line; - for stdin")
    span = options.add_mutually_exclusive_group()
    span.add_argument("--seconds", type=int, default=A_YEAR, metavar="N", help="else a year")
    span.add_argument("--until", type=_instant, metavar="T", help="2026-12-31, or with T18:00")
    options.add_argument("--reason", default="", metavar="R", help="why, for other people")
    _service(options)


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        why = f"found {text}, expected a day, as 2026-12-31, or with a time, as 2026-12-31T18:00"
        raise argparse.ArgumentTypeError(why) from None


def _report(options: argparse.ArgumentParser) -> None:
    options.add_argument("--from", dest="first", default="", metavar="DAY", help="as 2026-01-31")
    options.add_argument("--to", dest="last", default="", metavar="DAY", help="without it today")
    options.add_argument(
        "--by",
        choices=("number", "skill_group", "province", "match"),
        default="match",
        help="what the calls of a day are told apart by (%(default)s)",
    )
    options.add_argument("--csv", action="store_true", help="print all of it as CSV")
    _service(options)


def _service(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--instance", default="", metavar="ID", help="needed where several are configured"
    )
    options.add_argument(
        "--url", help=f"of the service, or CALLERID_URL in the environment ({DEFAULT_URL})"
    )
    options.add_argument("--token", help="or CALLERID_TOKEN in the environment")


COMMANDS = {
    "serve": Command(
        help="run the service",
        about="Runs the service until SIGTERM or Ctrl-C. SIGHUP reads the configuration again.",
        examples="""\
  callerid serve --config config/production.toml
  callerid serve --config config/production.toml --port 9000 --workers 2
  CALLERID_REDIS__URL=redis://localhost CALLERID_CONFIG=config.toml callerid serve
""",
        add_options=serve_options,
    ),
    "demo": Command(
        help="run the service and a CCC look-alike, to try it",
        about="Runs the service and a look-alike of Alibaba Cloud CCC with sample numbers. It\n"
        "needs no configuration, and prints lines to paste. Ctrl-C ends both.",
        examples="""\
  callerid demo
  callerid demo --port 9080 --emulator-port 9081
""",
        add_options=demo_options,
    ),
    "emulator": Command(
        help="run the CCC look-alike alone",
        about="Runs a look-alike of Alibaba Cloud CCC, which can be told to fail in many ways.",
        examples="""\
  callerid emulator --port 8081
  callerid emulator --throttle-every 3 --retry-after-ms 500
  callerid emulator --denied-actions AddPhoneNumbers,AddBulkPhoneNumbers
""",
        add_options=emulator_options,
    ),
    "check": Command(
        help="try the configuration, Redis and CCC",
        about="Loads the configuration as the server does, reaches Redis and CCC, and says what\n"
        "it found: for each instance how many numbers CCC lists, and which actions RAM\n"
        "allows to its credentials. It changes nothing at CCC; in Redis it runs the ledger's\n"
        "scripts once, on keys of its own, and deletes those.",
        examples="""\
  callerid check --config config/production.toml
  callerid check --config config/production.toml --sweep
  callerid check --json | jq '.findings[] | select(.state != "fine")'
""",
        add_options=check_options,
    ),
    "library": Command(
        help="print the functions of Redis that decide picks",
        about="Prints them for FUNCTION LOAD, where the service's user may not load them itself.",
        examples="  callerid library | redis-cli -x FUNCTION LOAD\n",
    ),
    "pick": Command(
        help="ask a running service for a caller number",
        about="Asks a running service which of our numbers to show to a callee.",
        examples="""\
  callerid pick 13880001234 --skill-group sales@ccc-test
  callerid pick 0755-86001234 --skill-group sales@ccc-test --count 3 --explain --dry-run
  CALLERID_TOKEN=... callerid pick 13880001234 --agent agent@ccc-test --url https://picks.example
""",
        add_options=_pick,
    ),
    "plan": Command(
        help="ask a running service which numbers to buy where",
        about="Asks a running service which numbers to buy where, which of those that there are\n"
        "serve nobody near them, and what runs out tomorrow. It goes by the calls of the last\n"
        "two weeks, or by a file of them.",
        examples="""\
  callerid plan --buy 50
  callerid plan --buy 50 --csv > to-buy.csv
  callerid plan --instance ccc-test --demand demand.csv
""",
        add_options=_plan,
    ),
    "stop": Command(
        help="have a running service refuse the callees of a file",
        about="Has a running service refuse the called numbers of a file for a while. The first\n"
        "column counts; blank lines, a head, and what follows a # are passed over.",
        examples="""\
  callerid stop do-not-call.csv --until 2026-12-31 --reason 'asked not to be called'
  grep ^138 numbers.txt | callerid stop - --seconds 86400
""",
        add_options=_stop,
    ),
    "report": Command(
        help="ask a running service what was picked, and how it was answered",
        about="Asks a running service what it picked by day, and how those calls ended, as far as\n"
        "their outcomes were reported: the days that [reports] keeps, in the instance's time zone.",
        examples="""\
  callerid report --by skill_group
  callerid report --from 2026-01-01 --to 2026-01-31 --by number --csv > january.csv
""",
        add_options=_report,
    ),
    "experiment": Command(
        help="ask a running service whether local numbers are answered more often",
        about="Asks a running service what the holdout of [experiment] says so far: how callees\n"
        "are answered who are shown local numbers, and those who get numbers from anywhere.",
        examples="""\
  callerid experiment
  callerid experiment --instance ccc-test
""",
        add_options=_service,
    ),
}

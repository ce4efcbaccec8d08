"""`callerid stop`: have a running service refuse the callees of a file."""

import re
import sys
from argparse import Namespace

import msgspec

from service.cli.client import ProblemReply, ask_service, contents_of, decoded
from service.cli.terminal import printable

A_REQUEST = 10_000
LONGEST = 40  # characters of a line that are sent: no number has as many

Row = tuple[int, str]  # the number of a line, and what stands there

_END_OF_COLUMN = re.compile("[,;\t#]")


class ResultsShown(msgspec.Struct, frozen=True):
    """The answer: each number, masked, with its result, and why it cannot be read."""

    data: tuple[dict[str, str], ...]


def ask(arguments: Namespace) -> int:
    """Ask, and say how many callees are stopped and which lines are no numbers.

    Returns:
        0 where all are stopped, else 1.

    Raises:
        NoAnswer: there is no service, or it takes too long.
        SettingsError: the URL, the token or the file is none.
    """
    file = arguments.file
    given = sys.stdin.buffer.read() if str(file) == "-" else contents_of(file, "FILE")
    rows = rows_of(given.decode("utf-8-sig", "replace"))
    stopped = 0
    try:
        for start in range(0, len(rows), A_REQUEST):
            some = rows[start : start + A_REQUEST]
            reply = ask_service(arguments, "/v1/callees/stop", _body(arguments, some))
            if not reply.is_ok:
                print(decoded(reply.body, ProblemReply, arguments).line, file=sys.stderr)
                break
            results = decoded(reply.body, ResultsShown, arguments).data
            stopped += sum(result["result"] == "stopped" for result in results)
            for (line, _), result in zip(some, results, strict=False):
                if why := result["why"]:
                    print(f"line {line}: {printable(result['number'])} {why}", file=sys.stderr)
    finally:
        print(f"{stopped} of {len(rows)} callees are stopped")
    return int(stopped < len(rows))


def rows_of(text: str) -> list[Row]:
    """Return the first column of each line that has one, but for a head: what has no digit."""
    columns = (_END_OF_COLUMN.split(line, maxsplit=1)[0] for line in text.splitlines())
    cells = (column.replace("\0", "\ufffd").strip('" ') for column in columns)
    rows = [(line, cell[:LONGEST]) for line, cell in enumerate(cells, 1) if cell]
    has_head = rows and not any(map(str.isdigit, rows[0][1]))
    return rows[1:] if has_head else rows


def _body(arguments: Namespace, rows: list[Row]) -> bytes:
    asked = {
        "numbers": [cell for _, cell in rows],
        "instance_id": arguments.instance,
        "reason": arguments.reason,
    }
    if arguments.until is None:
        return msgspec.json.encode(asked | {"seconds": arguments.seconds})
    return msgspec.json.encode(asked | {"until": arguments.until.astimezone()})

"""Output to a terminal: tables, colours, and a line that shows progress.

It knows nothing of what it shows. A library for it (rich) would take longer to import than all else
that `callerid pick` does, and the tables here need one thing of it: that a Chinese sign is two
columns wide.
"""

import os
import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, TextIO

Style = Literal["bold", "green", "yellow", "red"]

_CODES: Mapping[Style, str] = {"bold": "1", "green": "32", "yellow": "33", "red": "31"}
_GAP = "  "
_WIDE = ("W", "F")
_START_OF_LINE, _CLEARED = "\r", "\x1b[2K"


def has_colour(stream: TextIO) -> bool:
    """Return whether to colour what is written to a stream.

    On a terminal, unless `NO_COLOR` is set (https://no-color.org) or the terminal knows none;
    elsewhere where `FORCE_COLOR` is set.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(text: str, style: Style, *, colour: bool) -> str:
    """A text in a style, or as it is where there is no colour."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if colour else text


def columns(text: str) -> int:
    """Return how many columns of a terminal a text fills."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in _WIDE)
        for sign in text
    )


def printable(text: str) -> str:
    """A text that cannot move the cursor or change a colour: somebody else may have written it."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def table(
    rows: Sequence[Sequence[str]], *, colour: bool, styles: Mapping[str, Style] | None = None
) -> str:
    """Rows under each other, as wide as they need.

    Args:
        rows: the first one is the head.
        colour: whether to use any.
        styles: the style of each cell that has just this text.
    """
    head, *body = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(head, *body, strict=True)]
    lines = [_line(head, widths, dict.fromkeys(head, "bold"), colour=colour)]
    lines += [_line(row, widths, styles or {}, colour=colour) for row in body]
    return "\n".join(lines)


def _line(
    row: Sequence[str], widths: Sequence[int], styles: Mapping[str, Style], *, colour: bool
) -> str:
    cells = []
    for cell, width in zip(row, widths, strict=True):
        style = styles.get(cell)
        shown = painted(cell, style, colour=colour) if style else cell
        cells.append(shown + " " * (width - columns(cell)))
    return _GAP.join(cells).rstrip()


class Progress:
    """One line that is written again and again while something takes long; on a terminal only.

    Args:
        stream: where to; standard error, so that it never mixes with what was asked for.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = stream.isatty()

    def show(self, text: str) -> None:
        """Have the line say this now."""
        self._write(printable(text)[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        """Have the line be empty, for what is written next."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._is_shown:
            self._stream.write(f"{_START_OF_LINE}{_CLEARED}{text}")
            self._stream.flush()

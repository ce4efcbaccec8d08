"""Tables as CSV, as spreadsheets open them."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

CSV = "text/csv"
MARK = "\ufeff"  # at the beginning: the file is in UTF-8

_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would take a cell that begins so for a formula


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as lines of CSV; an apostrophe keeps text from being taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell

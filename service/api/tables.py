"""Tables as CSV, as spreadsheets open them."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

CSV = "text/csv"
MARK = "\ufeff"  # at the beginning: the file is in UTF-8

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula begins so


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as lines of CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def safe(cell: Any) -> Any:
    """Return a cell with an apostrophe before what would be taken for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell

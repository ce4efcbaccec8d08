"""A table of the laboratory: a claim, and the rows that show what holds of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

Row = tuple[str | int | float, ...]


class Table(NamedTuple):
    """A table; `rows` measures it anew with these seeds, a minute or two on one core."""

    name: str
    claim: str
    columns: tuple[str, ...]
    rows: Callable[[Sequence[int]], Iterable[Row]]


def as_text(table: Table, rows: Iterable[Row]) -> str:
    """The table as Markdown."""
    lines = [f"### {table.name}", "", table.claim, "", _line(table.columns)]
    lines.append(_line("---" for _ in table.columns))
    lines += [_line(map(_figure, row)) for row in rows]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(value: str | float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

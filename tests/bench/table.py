"""The table that `make bench` prints: one row a figure, with what was aimed at."""

from collections.abc import Sequence

import msgspec

from tests.bench.comparison import Comparison


class Row(msgspec.Struct, frozen=True):
    """A figure against another one; `target` and `beyond` say which way is good by their sign.

    `unit` is "" for a ratio. A row that has no target stands beside another, to be read with it.
    """

    what: str
    figure: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    beyond: float | None = None
    detail: str = ""

    @property
    def verdict(self) -> str:
        """Whether the target was met, and what lies beyond it."""
        if self.at_least is None and self.at_most is None:
            return ""
        sign = 1 if self.at_least is not None else -1
        target = self.at_least if self.at_least is not None else self.at_most
        if self.beyond is not None and sign * (self.figure - self.beyond) >= 0:
            return "beyond"
        return "met" if sign * (self.figure - (target or 0.0)) >= 0 else "MISSED"

    @property
    def text(self) -> str:
        """The row as a person reads it."""
        bound = self.at_least if self.at_least is not None else self.at_most
        mark = "≥" if self.at_least is not None else "≤"
        aim = f"{mark} {bound:g}" if bound is not None else ""
        figure = f"{self.figure:.2f} {self.unit}".strip()
        return f"{self.what:<58}{figure:>14}  {aim:<8}{self.verdict:<8}{self.detail}".rstrip()


def show(rows: Sequence[Row]) -> str:
    """All rows as text, and as one line of JSON behind them."""
    return "\n".join(row.text for row in rows) + "\n" + as_json(rows)


def as_json(rows: Sequence[Row | Comparison]) -> str:
    """Encode all rows with their verdicts, in one line."""
    fields = [msgspec.structs.asdict(row) | {"verdict": row.verdict} for row in rows]
    return msgspec.json.encode(fields).decode()

"""`callerid plan`: which numbers to buy where, by what a running service knows, for people."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from service.cli.client import contents_of, queried, show
from service.cli.terminal import printable, table

SHOWN = 20  # rows of each table


class CoverageRow(msgspec.Struct, frozen=True):
    """A row of any of the three lists."""

    skill_group_id: str
    province: str
    city: str
    area_code: str
    count: int = 0
    gain: float = 0
    instead: Mapping[str, float] = {}
    at: datetime | None = None


class CoverageShown(msgspec.Struct, frozen=True):
    """The part of `/v1/coverage` that is shown."""

    days: int
    buy: tuple[CoverageRow, ...]
    idle: tuple[CoverageRow, ...]
    exhausted: tuple[CoverageRow, ...]
    foretold: Mapping[str, float]
    ratio: float | None
    unknown_groups: tuple[str, ...] = ()


def ask(arguments: Namespace) -> int:
    """Ask, and print tables or, with `--csv`, what to buy as CSV; returns what `show` does.

    Raises:
        SettingsError: the file cannot be read.
    """
    output = "csv" if arguments.csv else "json"
    path = queried("/v1/coverage", arguments, buy=arguments.buy, format=output)
    file = arguments.demand
    demand = None if file is None else contents_of(file, "--demand")
    return show(arguments, path, CoverageShown, planned, demand)


def planned(coverage: CoverageShown) -> str:
    """A plan as tables, each with its first rows."""
    if not coverage.days:
        return "No calls have been counted yet: ask again after some, or give --demand FILE.csv."
    calls = ", ".join(f"{level} {served:.0f}" for level, served in coverage.foretold.items())
    days = "a day" if coverage.days == 1 else f"{coverage.days} days"
    parts = [f"By {days} of calls, a day at its best matches by: {calls}."]
    if coverage.unknown_groups:
        named = printable(", ".join(coverage.unknown_groups))
        parts.append(f"CCC lists no number of these skill groups, new, gone or mistyped: {named}.")
    if coverage.ratio is not None:
        parts.append(
            f"The last day with calls reached {coverage.ratio:.1%} of the local matches foretold."
        )
    gains = [(str(row.count), f"{row.gain:.0f}", _instead(row)) for row in coverage.buy]
    parts += _part("buy", ("numbers", "local calls a day more", "instead of"), coverage.buy, gains)
    counts = [(str(row.count),) for row in coverage.idle]
    parts += _part("idle for callees of their province", ("numbers",), coverage.idle, counts)
    hours = [(f"{row.at:%H}:00" if row.at else "",) for row in coverage.exhausted]
    parts += _part("spent tomorrow", ("in the hour of",), coverage.exhausted, hours)
    return "\n".join(parts)


def _part(
    title: str,
    columns: tuple[str, ...],
    places: tuple[CoverageRow, ...],
    cells: Sequence[tuple[str, ...]],
) -> list[str]:
    """A table with its title; nothing where it has no rows."""
    if not places:
        return ["", f"{title}: nothing"]
    rows: list[tuple[str, ...]] = [("skill group", "province", "city", "code", *columns)]
    rows += [
        (row.skill_group_id, row.province, row.city, row.area_code, *cell)
        for row, cell in zip(places[:SHOWN], cells, strict=False)
    ]
    parts = ["", f"{title}:", table(rows, colour=False)]
    if len(places) > SHOWN:
        parts.append(f"and {len(places) - SHOWN} more: GET /v1/coverage has all, --csv what to buy")
    return parts


def _instead(row: CoverageRow) -> str:
    return ", ".join(f"{level} {calls:.0f}" for level, calls in row.instead.items()) or "refusals"

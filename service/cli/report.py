"""`callerid report`: what a service picked by day, and how those calls ended, for people."""

from argparse import Namespace

import msgspec

from service.cli.client import queried, show
from service.cli.terminal import table
from service.reports.report import CallReport, ReportRow

SHOWN = 200  # rows


def ask(arguments: Namespace) -> int:
    """Ask, and print a table or, with `--csv`, all as CSV; returns what `show` does."""
    days = {"from": arguments.first, "to": arguments.last}
    output = "csv" if arguments.csv else "json"
    path = queried("/v1/report", arguments, **days, by=arguments.by, format=output)
    return show(arguments, path, CallReport, reported)


def reported(report: CallReport) -> str:
    """A report as a table, with its first rows."""
    days = f"{report.from_} to {report.to}, {report.timezone}"
    if not report.data:
        return f"{days}: nothing was picked, and no call has ended; the last minute is yet to come."
    head = ("day", report.by, "picks", "ended", "answered", "share", "95 in 100", "minutes")
    parts = [f"{days}:", table([head, *map(_cells, report.data[:SHOWN])], colour=False)]
    if len(report.data) > SHOWN:
        parts.append(f"and {len(report.data) - SHOWN} more: --csv has all")
    return "\n".join(parts)


def _cells(row: ReportRow) -> tuple[str, ...]:
    ended = msgspec.structs.astuple(row.outcomes)
    share = "" if row.answered_share is None else f"{row.answered_share:.1%}"
    interval = "" if row.interval is None else "{:.1%} to {:.1%}".format(*row.interval)
    counts = map(str, (row.picks, sum(ended), row.outcomes.answered))
    minutes = f"{row.talk_ms / 60_000:.1f}"
    return (row.day.isoformat(), row.key or "-", *counts, share, interval, minutes)

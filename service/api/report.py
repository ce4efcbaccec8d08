"""`GET /v1/report`: what was picked by day, and how those calls ended."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta
from msgspec.structs import astuple

from service.api import admin, examples
from service.api.bodies import JSON
from service.api.parts import API
from service.api.route import Route, good
from service.api.tables import CSV, MARK, csv_lines, safe
from service.errors import InvalidField, LedgerUnavailable
from service.inventory.order import in_order
from service.numbers import InstanceQuery
from service.picking.instance import instance_named
from service.reports.calls import CallCounter
from service.reports.report import (
    KNOWN,
    RESULTS,
    By,
    CallReport,
    CallRow,
    answered_share,
    report_row,
)
from service.tasks import in_slices

SLICE = 250  # rows written before others have a turn, less than a ms

_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class ReportQuery(InstanceQuery, frozen=True, forbid_unknown_fields=True):
    """Which days, and by what."""

    from_: Annotated[
        date | None, Meta(description="The first day; without it the first that is kept.")
    ] = msgspec.field(default=None, name="from")
    to: Annotated[date | None, Meta(description="The last day; without it today.")] = None
    by: Annotated[By, Meta(description="What the calls of a day are told apart by.")] = "match"


class FormattedQuery(ReportQuery, frozen=True, forbid_unknown_fields=True):
    """The same, with the format of the answer."""

    format: Literal["json", "csv"] = "json"


async def get(request: web.Request) -> web.Response:
    """Report what was picked, and how those calls ended.

    It goes by day and number, skill group, callee's province or match.
    The days are those of the instance's time zone, as many as `[reports]` keeps. What this process
    has counted is in it, and what others had a minute ago. `format=csv` has the same as a table.
    Either is written as it is read: where Redis fails meanwhile, the connection is closed.

    Raises:
        InvalidField: none of the days is kept, or the last one is before the first.
        LedgerUnavailable: the counts cannot be read now.
    """
    api, asked = request.app[API], admin.query(request, FormattedQuery)
    calls = instance_named(api.parts.calls, asked.instance_id)
    report = _without_rows(api.label(asked.instance_id), asked, calls)
    await calls.write()
    await calls.read(report.to, report.by)  # what Redis refuses, it refuses before the answer
    if asked.format == "csv":
        body = _written(report, calls, as_csv=True)
        return web.Response(body=body, content_type=CSV, charset="utf-8")
    return web.Response(body=_written(report, calls, as_csv=False), content_type=JSON)


def _without_rows(instance_id: str, asked: ReportQuery, calls: CallCounter) -> CallReport:
    """Return a report of the days that are asked for, as far as they are kept."""
    if asked.from_ and asked.to and asked.to < asked.from_:
        raise InvalidField("to", "is before from")
    now = calls.now()
    oldest, today = now.date() - timedelta(calls.days - 1), now.date()
    first, last = max(asked.from_ or oldest, oldest), min(asked.to or today, today)
    if last < first:
        raise InvalidField("to", f"leaves no day: those that are kept are {oldest} to {today}")
    return CallReport(
        instance_id=instance_id, by=asked.by, from_=first, to=last, timezone=str(now.tzinfo)
    )


async def _written(report: CallReport, calls: CallCounter, *, as_csv: bool) -> AsyncIterator[bytes]:
    """Write a report day by day, in pages between which others have a turn."""
    write, separator, end = (_csv, b"", b"") if as_csv else (_json, b",", b"]}")
    yield _head(report) if as_csv else _encode(report).removesuffix(end)
    before = b""
    try:
        for back in range((report.to - report.from_).days, -1, -1):
            day = report.to - timedelta(back)
            rows = await calls.read(day, report.by)
            keys = await in_slices(in_order(list(rows)))
            for start in range(0, len(keys), SLICE):
                yield before + write(day, keys[start : start + SLICE], rows)
                before = separator
                await asyncio.sleep(0)
    except LedgerUnavailable as error:
        _log.warning("A report breaks off: %s", error)
        raise ConnectionResetError from error  # aiohttp closes the connection
    yield end


def _json(day: date, keys: Sequence[str], rows: Mapping[str, CallRow]) -> bytes:
    return _encode([report_row(day, key, rows[key]) for key in keys])[1:-1]


def _head(report: CallReport) -> bytes:
    shares = "answered_share", "low", "high", "talk_ms"
    return (MARK + csv_lines([("day", report.by, "picks", *RESULTS, *shares)])).encode()


def _csv(day: date, keys: Sequence[str], rows: Mapping[str, CallRow]) -> bytes:
    told = f"{day}"
    return "".join([_line(told, key, rows[key]) for key in keys]).encode()


def _line(day: str, key: str, row: CallRow) -> str:
    *ended, picks, talk_ms = astuple(row)
    counts = _encode([picks, *ended])[1:-1].decode()  # as in JSON, at a fifth of the time
    shares = _shares(row.answered, sum(ended))
    return f"{day},{_key(key)},{counts},{shares},{talk_ms}\r\n"


@lru_cache(KNOWN)
def _shares(answered: int, calls: int) -> str:
    share, interval = answered_share(answered, calls)
    return _text(share, *(interval or (None, None)))


@lru_cache(KNOWN)
def _key(key: str) -> str:
    return _text(safe(key))


def _text(*cells: str | float | None) -> str:
    """Return cells as a part of a line."""
    return csv_lines([cells]).removesuffix("\r\n")


ROUTE = Route("GET /v1/report", get, good(examples.REPORT), (LedgerUnavailable,), ReportQuery)

"""A report: how the calls of a day ended, and the share of them that was answered. Pure."""

from datetime import date
from functools import lru_cache
from math import sqrt
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import astuple

By = Literal["number", "skill_group", "province", "match"]

Z = 1.959964  # of a normal distribution, 95 in 100 lie within so many standard deviations
KNOWN = 65_536  # shares: the same small counts come again and again


class EndedCalls(Struct, frozen=True, gc=False):
    """The calls that ended, by result."""

    answered: Annotated[int, Meta(description="Answered.")]
    no_answer: Annotated[int, Meta(description="Not answered.")]
    busy: Annotated[int, Meta(description="Busy.")]
    rejected: Annotated[int, Meta(description="Rejected by the callee.")]
    blocked: Annotated[int, Meta(description="Blocked on the way.")]
    failed: Annotated[int, Meta(description="Failed otherwise.")]


class CallRow(EndedCalls, frozen=True, array_like=True, gc=False):
    """The counts under one key: calls that ended, numbers given out, and ms of talk."""

    picks: int
    talk_ms: int


RESULTS = EndedCalls.__struct_fields__
COLUMNS = {column: at for at, column in enumerate(CallRow.__struct_fields__)}


class ReportRow(Struct, frozen=True, gc=False):
    """The calls of a day under one key."""

    day: Annotated[date, Meta(description="In the instance's time zone.")]
    key: Annotated[
        str,
        Meta(
            description="The number, skill group, callee's province or match; empty where that is "
            "not known: an agent's own number is of no group."
        ),
    ]
    picks: Annotated[
        int, Meta(description="Numbers given out: each of a pick of several, none of a dry run.")
    ]
    outcomes: Annotated[EndedCalls, Meta(description="Calls that ended, as was reported of them.")]
    answered_share: Annotated[
        float | None, Meta(description="The share of them that was answered; null of none.")
    ]
    interval: Annotated[
        tuple[float, ...] | None,
        Meta(description="Its two ends have the true share between them in 95 of 100."),
    ]
    talk_ms: Annotated[int, Meta(description="How long they talked, in ms.")]


class CallReport(Struct, frozen=True, kw_only=True):
    """What was picked by day, and how those calls ended."""

    instance_id: Annotated[str, Meta(description="The instance.")]
    by: Annotated[By, Meta(description="What `key` is.")]
    from_: Annotated[
        date, Meta(description="Its first day: no earlier one than is kept, whatever was asked.")
    ] = field(name="from")
    to: Annotated[date, Meta(description="Its last day: today at the latest.")]
    timezone: Annotated[str, Meta(description="The days' time zone.")]
    data: Annotated[
        tuple[ReportRow, ...], Meta(description="By day and key, where anything was counted.")
    ] = ()


def report_row(day: date, key: str, row: CallRow) -> ReportRow:
    """Return the row of a report for the counts of a day and key."""
    ended = astuple(row)[: len(RESULTS)]
    share, interval = answered_share(row.answered, sum(ended))
    return ReportRow(day, key, row.picks, EndedCalls(*ended), share, interval, row.talk_ms)


@lru_cache(KNOWN)
def answered_share(answered: int, calls: int) -> tuple[float | None, tuple[float, ...] | None]:
    """Return a share and its interval of 95 in 100, to four digits; None of no calls.

    The interval is Wilson's (1927), which holds for few calls too.
    """
    if not calls:
        return None, None
    share, width = answered / calls, 1 + Z**2 / calls
    reach = Z * sqrt(share * (1 - share) / calls + Z**2 / (4 * calls**2))
    centre = share + Z**2 / (2 * calls)
    return round(share, 4), (
        round(max(0.0, centre - reach) / width, 4),
        round(min(centre + reach, width) / width, 4),
    )

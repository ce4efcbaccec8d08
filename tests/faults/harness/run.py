"""Runs a row: load, a fault in the middle of it, and the count of what the clients were told."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from tests.faults.harness.answers import Answer, recount
from tests.faults.harness.figures import (
    Figures,
    Span,
    degraded_in,
    failures_of,
    seconds_back,
    served_through,
    times_of,
)
from tests.faults.harness.processes import RETURN_WORDS
from tests.faults.harness.row import Row
from tests.faults.harness.rules import Stated, broken_rules
from tests.faults.harness.stage import Stage, group_of, rows_of, staged

AFTER_SECONDS = 0.5


class Course(msgspec.Struct, frozen=True):
    """What was seen while a row ran."""

    span: Span
    answers: list[Answer]
    used: Mapping[str, int]
    stated: Stated
    said: tuple[str, ...]


async def run_row(row: Row, rate: float, control_ms: float | None) -> Figures:
    """Run one row, on servers and services of its own, in some ten seconds.

    Args:
        row: of the table.
        rate: picks a second, over both services.
        control_ms: the longest pick of the run without a fault.
    """
    async with staged(row.setup, rate) as stage:
        course = await _run(row, stage)
    return figures_of(row, course, control_ms)


async def _run(row: Row, stage: Stage) -> Course:
    await asyncio.sleep(row.setup.before)
    began = time.time() * 1000
    await row.fault(stage)
    ended = time.time() * 1000
    has_returned = await stage.returned()
    await asyncio.sleep(AFTER_SECONDS)
    answers = await stage.clients.end()
    await stage.written_back()
    span = Span(began, ended, has_returned)
    said = await _said(row, stage, ended)
    return Course(span, answers, await stage.used(), _stated(row, stage), said)


def _stated(row: Row, stage: Stage) -> Stated:
    setup, allowed = row.setup, row.allowed
    limits = msgspec.structs.replace(setup.limits, max_per_day=setup.cap + allowed.over_cap)
    return Stated(
        {one["Number"]: {group_of(place)} for place, one in enumerate(rows_of(setup.numbers))},
        limits,
        setup.rules,
        refusals=allowed.refusals,
        failures=allowed.failures,
        emptied=stage.emptied,
        refilled=stage.refilled,
    )


async def _said(row: Row, stage: Stage, ended: float) -> tuple[str, ...]:
    """What the services say of themselves that must not be."""
    words: list[str] = []
    until = datetime.fromtimestamp(ended / 1000, UTC)
    for place, service in enumerate(stage.services):
        if restarts := int((await service.metrics()).get("task_restarts_total", 0)):
            words.append(f"process {place}: {restarts} tasks died")
        if row.says and not service.said(row.says):
            words.append(f"process {place} did not say: {row.says}")
        if row.redis == "away" and (returns := service.said(RETURN_WORDS, until)):
            words.append(f"process {place} said {returns} times that Redis was back, and was wrong")
    return tuple(words)


def figures_of(row: Row, course: Course, control_ms: float | None) -> Figures:
    """Count what was seen, and hold it against what is allowed."""
    answers, span, allowed = course.answers, course.span, row.allowed
    counts = recount(answers, course.used, masters=allowed.masters)
    broken = (*broken_rules(answers, course.stated), *course.said)
    p99, longest = times_of(answers)
    return Figures(
        number=row.number,
        name=row.name,
        picks=sum(bool(answer.number) for answer in answers),
        p99_ms=round(p99, 1),
        max_ms=round(longest, 1),
        control_ms=control_ms,
        degraded=degraded_in(answers),
        lost=counts.lost,
        doubled=counts.doubled,
        differing=len(counts.differing),
        apart=len(counts.apart),
        broken=broken,
        back_seconds=round(seconds_back(answers, span.ended), 2) if span.has_returned else None,
        allowed=str(allowed),
        failures=failures_of(
            counts,
            allowed,
            broken,
            has_returned=span.has_returned,
            serves=row.redis != "serves" or served_through(answers, span),
        ),
    )

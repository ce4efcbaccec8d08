"""The coverage of every configured instance, by the demand that was counted or by a file of it."""

import asyncio
import csv
import io
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from functools import cache
from typing import Annotated

import msgspec
from msgspec import Meta

from service.coverage.exhaustion import HOURS
from service.coverage.market import Owner
from service.coverage.report import Coverage, History, Hourly, coverage, history
from service.errors import InvalidField
from service.locality import Locator
from service.picking.instance import Instance, instance_named, inventory_of
from service.tasks import in_slices

COLUMNS = ["skill_group_id", "city", "hour", "calls"]
MOST_CALLS = 10_000_000
FAULTS_TOLD = 5  # rows that are none
SLICE = 100  # rows read before others have a turn, less than a ms

_EXPECTED = f"takes {', '.join(COLUMNS)}: a group, a city, an hour of 0-23, calls to {MOST_CALLS:,}"


class DemandRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calls of a skill group to a city in an hour of the day."""

    skill_group_id: Annotated[str, Meta(min_length=1, max_length=256, description="The group.")]
    city: Annotated[str, Meta(max_length=64, description="The callees' city.")]
    hour: Annotated[int, Meta(ge=0, le=HOURS - 1, description="The hour, from its beginning.")]
    calls: Annotated[float, Meta(ge=0, le=MOST_CALLS, description="How many calls.")]


NamedRow = tuple[str, DemandRow | str]  # how an error names it, and the row, or why it is none


class Coverages:
    """Plans for every configured instance, for one at a time.

    Args:
        instances: by id.
        locator: knows the cities of a file.
    """

    def __init__(self, instances: Mapping[str, Instance], locator: Locator) -> None:
        self._instances = instances
        self._locator = locator
        self._turn = asyncio.Lock()

    async def of(
        self, instance_id: str, buy: int, demand: Iterable[NamedRow] | None = None
    ) -> Coverage:
        """Plan for an instance.

        Args:
            instance_id: whose numbers.
            buy: how many numbers to place.
            demand: of a day, each row with its name; None for what was counted.

        Raises:
            InvalidField: some rows are none; the first of them are named.
            InvalidField, UnknownInstance: the instance is not named, or not configured.
            InventoryUnavailable: it has no inventory yet.
            LedgerUnavailable: what was counted cannot be read now.
        """
        instance = instance_named(self._instances, instance_id)
        inventory = inventory_of(instance.instance_id, instance.keeper)
        async with self._turn:
            if demand is None:
                known = await history(instance.demand)
            else:
                known = History(await in_slices(_reading(demand, self._locator)), 1, None)
            now = instance.demand.now()
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
            glance = instance.ledger.glance
            return await coverage(inventory, glance, known, buy=buy, tomorrow=midnight)


def rows_of(text: str) -> Iterator[NamedRow]:
    """Read a day's demand as CSV with a head of `skill_group_id,city,hour,calls`, line by line.

    A line that is not what its columns say comes with the reason in the place of its row.

    Raises:
        InvalidField: it has another head.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=None))
    if [name.strip() for name in next(rows, [])] != COLUMNS:
        raise InvalidField("line 1", f"must be {','.join(COLUMNS)}")
    try:
        for row in filter(None, rows):
            yield f"line {rows.line_num}", _demand_row(row)
    except csv.Error:
        yield f"line {rows.line_num}", f"is no CSV; it {_EXPECTED}"


def _demand_row(row: Iterable[str]) -> DemandRow | str:
    values = dict(zip(COLUMNS, map(str.strip, row), strict=False))
    try:
        return msgspec.convert(values, DemandRow, strict=False)
    except msgspec.ValidationError:
        return _EXPECTED


def _reading(rows: Iterable[NamedRow], locator: Locator) -> Generator[None, None, Hourly]:
    """Add up a day's demand by group and place, in slices.

    Raises:
        InvalidField: some rows are none.
    """
    hourly: defaultdict[Owner, list[float]] = defaultdict(lambda: [0.0] * HOURS)
    faults: list[tuple[str, str]] = []
    place_of = cache(locator.city)
    for at, (named, row) in enumerate(rows):
        if at % SLICE == 0:
            yield
        if isinstance(row, str):
            faults.append((named, row))
        elif (place := place_of(row.city)) is None:
            faults.append((named, "has a city that is not known; name it as 成都 is"))
        else:
            hourly[row.skill_group_id, place][row.hour] += row.calls
    if faults:
        raise _refused(faults)
    return hourly


def _refused(faults: list[tuple[str, str]]) -> InvalidField:
    (first, why), *others = faults
    told = [why, *(f"{named}: {reason}" for named, reason in others[: FAULTS_TOLD - 1])]
    if len(faults) > FAULTS_TOLD:
        told.append(f"and {len(faults) - FAULTS_TOLD} more like these")
    return InvalidField(first, "; ".join(told))

"""The coverage of every configured instance, by the demand that was counted or by a file of it."""

import asyncio
import csv
import io
from collections import defaultdict
from collections.abc import Generator, Mapping
from datetime import datetime, time, timedelta

from service.coverage.exhaustion import HOURS
from service.coverage.market import Owner
from service.coverage.report import Coverage, History, Hourly, coverage, history
from service.errors import InvalidField, MalformedRequest
from service.locality import Locality, Locator
from service.picking.instance import Instance, instance_named, inventory_of
from service.tasks import in_slices

COLUMNS = ["skill_group_id", "city", "hour", "calls"]
MOST_CALLS = 10**9
SLICE = 100  # lines read before others have a turn, less than a ms


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

    async def of(self, instance_id: str, buy: int, file: str | None = None) -> Coverage:
        """Plan for an instance.

        Args:
            instance_id: whose numbers.
            buy: how many numbers to place.
            file: a day's demand as CSV; None for what was counted.

        Raises:
            MalformedRequest, InvalidField: the file is none.
            InvalidField, UnknownInstance: the instance is not named, or not configured.
            InventoryUnavailable: it has no inventory yet.
            LedgerUnavailable: what was counted cannot be read now.
        """
        instance = instance_named(self._instances, instance_id)
        inventory = inventory_of(instance.instance_id, instance.keeper)
        async with self._turn:
            if file is None:
                known = await history(instance.demand)
            else:
                known = History(await in_slices(reading(file, self._locator)), 1, None)
            now = instance.demand.now()
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
            glance = instance.ledger.glance
            return await coverage(inventory, glance, known, buy=buy, tomorrow=midnight)


def reading(text: str, locator: Locator) -> Generator[None, None, Hourly]:
    """Read a day's demand, in slices: CSV with a head of `skill_group_id,city,hour,calls`.

    Raises:
        MalformedRequest: it has other columns.
        InvalidField: a line is not what its columns say; the line is named.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    if [name.strip() for name in next(rows, [])] != COLUMNS:
        raise MalformedRequest(f"The first line must be {','.join(COLUMNS)}")
    hourly: defaultdict[Owner, list[float]] = defaultdict(lambda: [0.0] * HOURS)
    places: dict[str, Locality] = {}
    for row in rows:
        if rows.line_num % SLICE == 0:
            yield
        if row:
            group, city, hour, calls = _read_row(row, rows.line_num)
            if city not in places:
                places[city] = _named(city, locator, rows.line_num)
            hourly[group, places[city]][hour] += calls
    return hourly


def _named(city: str, locator: Locator, line: int) -> Locality:
    place = locator.city(city)
    if place is None:
        raise InvalidField(f"line {line}", "has a city that is not known; name it as 成都 is")
    return place


def _read_row(row: list[str], line: int) -> tuple[str, str, int, float]:
    try:
        group, city, hour, calls = (value.strip() for value in row)
        hour_of_day, count = int(hour), float(calls)
    except ValueError:
        raise InvalidField(f"line {line}", f"takes {', '.join(COLUMNS)}") from None
    if not (group and 0 <= hour_of_day < HOURS and 0 <= count <= MOST_CALLS):
        raise InvalidField(
            f"line {line}", f"takes a skill group, an hour of 0-23, and calls up to {MOST_CALLS}"
        )
    return group, city, hour_of_day, count

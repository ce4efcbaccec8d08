"""One sweep: every page of ListPhoneNumbers, and whether that was the whole truth.

It reads and places what it reads. What may become of the inventory is `acceptance`'s to say.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import msgspec

from service.ccc.payloads import ListedNumber, NumberPage
from service.errors import CccError, SweepFailed
from service.inventory import PhoneNumber
from service.locality import Locator
from service.logs import mask
from service.sync.acceptance import Sweep

PAGE_SIZE = 100
MOST_NUMBERS = 10_000  # PageNumber and PageSize both end at 100
PAGES_IN_FLIGHT = 5
PASSES = 3


class Lister(Protocol):
    """What a sweep needs of the client of CCC."""

    async def list_phone_numbers(
        self, instance_id: str, *, page_number: int, page_size: int, background: bool
    ) -> NumberPage:
        """Return a page of an instance's numbers."""


class Page(msgspec.Struct, frozen=True):
    """A page with its numbers placed."""

    total: int
    numbers: list[PhoneNumber]


async def sweep_numbers(ccc: Lister, instance_id: str, locator: Locator) -> Sweep:
    """Read all pages; again, up to three times in all, where they do not add up.

    Numbers that come and go while the pages are read shift those that follow from page to page:
    rows repeat and others are missed. Another pass often finds them at rest. All that was seen is
    told, whether it is complete or not.

    Args:
        ccc: the client; its limit paces the pages, and lets a pick's own calls go first.
        instance_id: whose numbers.
        locator: places them.

    Raises:
        SweepFailed: a page could not be had or not be read, or CCC lists more than paging reaches.
    """
    pages: list[Page] = []
    for _ in range(PASSES):
        latest = await _read_all(ccc, instance_id, locator)
        pages += latest
        for seen in (latest, pages):
            if (sweep := _union(seen)).complete:
                return sweep
    return _union(pages)


async def _read_all(ccc: Lister, instance_id: str, locator: Locator) -> list[Page]:
    waiting = asyncio.Semaphore(PAGES_IN_FLIGHT)

    async def read(page_number: int) -> Page:
        async with waiting:
            page = await ccc.list_phone_numbers(
                instance_id, page_number=page_number, page_size=PAGE_SIZE, background=True
            )
        return Page(page.total_count, [_phone_number(row, locator) for row in page.numbers])

    try:
        first = await read(1)
        last = _last_page(first.total)
        with first_failure():
            async with asyncio.TaskGroup() as tasks:
                rest = [tasks.create_task(read(number)) for number in range(2, last + 1)]
    except CccError as error:
        raise SweepFailed(f"ListPhoneNumbers did not answer the sweep: {error}") from error
    return [first, *(task.result() for task in rest)]


@contextmanager
def first_failure() -> Iterator[None]:
    """Let the first failure of a task group stand for all: it has cancelled the others."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


def _last_page(total: int) -> int:
    if total > MOST_NUMBERS:
        raise SweepFailed(
            f"CCC lists {total} numbers and its paging ends at {MOST_NUMBERS}: a part of them "
            "would pass for the whole. Move numbers to another instance"
        )
    return -(-total // PAGE_SIZE)


def _union(pages: Sequence[Page]) -> Sweep:
    """All numbers of some pages: complete if every page tells the total that they come to."""
    numbers = {number.number: number for page in pages for number in page.numbers}
    totals = {page.total for page in pages}
    return Sweep(numbers, complete=totals == {len(numbers)}, total=pages[-1].total)


def _phone_number(row: ListedNumber, locator: Locator) -> PhoneNumber:
    """A row as the inventory has it.

    Not skipped when it cannot be placed: the sweep would be short of a number, and nobody told.
    """
    try:
        place = locator.place(row.number, row.province, row.city)
    except ValueError as error:
        raise SweepFailed(f"CCC lists {mask(row.number)}: {error}") from None
    return PhoneNumber(
        number=row.number,
        province=place.province,
        city=place.city,
        area_code=place.area_code,
        usage=row.usage,
        active=row.active,
        skill_group_ids=row.skill_group_ids,
        agent_id=row.user_id,
        tags=row.tags,
        provider=row.provider,
    )

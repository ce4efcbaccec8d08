"""One sweep: the pages of ListPhoneNumbers that its course asks for, several at a time.

It reads and places what it reads. Which pages those are, and whether they are the whole truth, is
`course`'s to say; what may become of the inventory is `acceptance`'s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from service.ccc.payloads import ListedPage
from service.ccc.rows import ListedNumber
from service.errors import CccError, SweepFailed
from service.inventory import PhoneNumber
from service.locality import Locator
from service.sync.acceptance import Sweep
from service.sync.sweeping.course import Course, course_of
from service.sync.sweeping.reading import PageRead, PageRequest
from service.sync.sweeping.splitting import PAGE_SIZE

PAGES_IN_FLIGHT = 5


class Lister(Protocol):
    """The part of the client of CCC that a sweep needs."""

    async def list_phone_numbers(  # noqa: PLR0913 -- the filters are CCC's, all by keyword
        self,
        instance_id: str,
        *,
        page_number: int,
        page_size: int,
        search_pattern: str,
        usage: str,
        active: bool | None,
        background: bool,
    ) -> ListedPage:
        """Return a page of an instance's numbers."""


async def sweep_numbers(
    ccc: Lister, instance_id: str, locator: Locator, known: Mapping[str, PhoneNumber] | None = None
) -> Sweep:
    """Read all pages; again, up to three times in all, where they do not add up.

    Numbers that come and go while the pages are read shift those that follow from page to page:
    rows repeat and others are missed. Another pass often finds them at rest. All that was seen is
    told, whether it is complete or not.

    Args:
        ccc: the client; its limit paces the pages, and lets a pick's own calls go first.
        instance_id: whose numbers.
        locator: places them.
        known: the numbers of the last inventory.

    Raises:
        SweepFailed: a page could not be had or not be read, or no filter reaches all numbers.
    """
    before = {} if known is None else known
    waiting = asyncio.Semaphore(PAGES_IN_FLIGHT)

    async def read(ask: PageRequest) -> ListedPage:
        part = ask.part
        async with waiting:
            return await ccc.list_phone_numbers(
                instance_id,
                page_number=ask.page,
                page_size=PAGE_SIZE,
                search_pattern=part.pattern,
                usage=part.usage,
                active=part.active,
                background=True,
            )

    course = course_of(before)
    pages: list[ListedPage] | None = None
    resumed = partial(_resumed, course, partial(_page_read, before, locator))
    try:
        # In a thread: with many numbers, what they come to takes longer than a pick can wait.
        while not isinstance(told := await asyncio.to_thread(resumed, pages), Sweep):
            pages = await _together([read(ask) for ask in told])
    except CccError as error:
        raise SweepFailed(f"ListPhoneNumbers did not answer the sweep: {error}") from error
    return told


def _page_read(before: Mapping[str, PhoneNumber], locator: Locator, page: ListedPage) -> PageRead:
    """A page as it is held; a number that is held already is that same one: none is held twice."""
    numbers = [_phone_number(row, locator) for row in page.numbers]
    held = [
        before[number.number] if before.get(number.number) == number else number
        for number in numbers
    ]
    return PageRead(page.total_count, held, page.unreadable)


def _resumed(
    course: Course, page_read: Callable[[ListedPage], PageRead], pages: list[ListedPage] | None
) -> list[PageRequest] | Sweep:
    """Resume a course: the pages that it asks for next, or the sweep that it ends with."""
    try:
        return next(course) if pages is None else course.send(list(map(page_read, pages)))
    except StopIteration as end:
        sweep: Sweep = end.value
        return sweep


async def _together(reads: Sequence[Awaitable[ListedPage]]) -> list[ListedPage]:
    """Gather all pages, or raise the first failure, which ends the other requests.

    No task group: on Python 3.11 one that fails leaves its task marked as cancelled, which would
    end the keeper.
    """
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _phone_number(row: ListedNumber, locator: Locator) -> PhoneNumber:
    """A row as the inventory has it."""
    place = locator.place(row.number, row.province, row.city)
    return PhoneNumber(
        row.number,
        place.province,
        place.city,
        place.area_code,
        row.usage,
        row.active,
        row.skill_group_ids,
        row.user_id,
        row.tags,
        row.provider,
    )

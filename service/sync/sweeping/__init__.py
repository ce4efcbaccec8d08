"""Sweeps: the pages of ListPhoneNumbers that a sweep's course asks for, several at a time.

It reads and places what it reads. Which pages those are, and whether they are the whole truth, is
`course`'s to say; what may become of the inventory is `acceptance`'s.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from service.ccc.payloads import ListedPage, number_page
from service.ccc.replies import CccReply
from service.ccc.rows import RowReader
from service.errors import CccError, SweepFailed
from service.inventory import PhoneNumber
from service.locality import Locator
from service.sync.acceptance import Sweep
from service.sync.sweeping.course import Course, course_of
from service.sync.sweeping.reading import PageRead, PageRequest
from service.sync.sweeping.splitting import PAGE_SIZE

PAGES_IN_FLIGHT = 5

PageReader: TypeAlias = Callable[[CccReply], ListedPage]


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
        read: PageReader,
    ) -> ListedPage:
        """Return a page of an instance's numbers, as `read` makes it of the reply."""


class Sweeper:
    """Sweeps one instance, time and again; it remembers what the pages of the last sweep held.

    Args:
        ccc: the client; its limit paces the pages, and lets a pick's own calls go first.
        instance_id: whose numbers.
        locator: places them.
    """

    def __init__(self, ccc: Lister, instance_id: str, locator: Locator) -> None:
        self._ccc = ccc
        self._instance_id = instance_id
        self._locator = locator
        self._places = locator.version
        self._pages: Mapping[bytes, PageRead] = {}  # by their digests

    async def __call__(self, known: Mapping[str, PhoneNumber]) -> Sweep:
        """Read all pages; again, up to three times in all, where they do not add up.

        Numbers that come and go while the pages are read shift those that follow from page to page:
        rows repeat and others are missed. Another pass often finds them at rest. All that was seen
        is told, whether it is complete or not.

        Args:
            known: the numbers of the last inventory.

        Raises:
            SweepFailed: a page could not be had or not be read, or no filter reaches all numbers.
        """
        if self._places != self._locator.version:
            self._places, self._pages = self._locator.version, {}
        before, held = self._pages, dict[bytes, PageRead]()
        read = partial(number_page, rows=RowReader(self._locator.place_at), known=before)
        pages: list[ListedPage] | None = None
        resumed = partial(_resumed, course_of(known), partial(_hold, known, before, held))
        try:
            # In a thread: with many numbers, what they come to takes longer than a pick can wait.
            while not isinstance(told := await asyncio.to_thread(resumed, pages), Sweep):
                pages = await self._listed(told, read)
        except CccError as error:
            raise SweepFailed(f"ListPhoneNumbers did not answer the sweep: {error}") from error
        self._pages = held
        return told

    async def _listed(self, asks: Sequence[PageRequest], read: PageReader) -> list[ListedPage]:
        """Ask for pages, or raise the first failure, which ends the other requests.

        No task group: on Python 3.11 one that fails leaves its task marked as cancelled, which
        would end the keeper.
        """
        pages: dict[PageRequest, ListedPage] = {}
        left = iter(asks)

        async def reader() -> None:
            for ask in left:
                pages[ask] = await self._page(ask, read)

        tasks = [asyncio.ensure_future(reader()) for _ in range(min(PAGES_IN_FLIGHT, len(asks)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [pages[ask] for ask in asks]

    async def _page(self, ask: PageRequest, read: PageReader) -> ListedPage:
        part = ask.part
        return await self._ccc.list_phone_numbers(
            self._instance_id,
            page_number=ask.page,
            page_size=PAGE_SIZE,
            search_pattern=part.pattern,
            usage=part.usage,
            active=part.active,
            background=True,
            read=read,
        )


def _hold(
    known: Mapping[str, PhoneNumber],
    before: Mapping[bytes, PageRead],
    held: dict[bytes, PageRead],
    page: ListedPage,
) -> PageRead:
    """Hold a page as it was held before; a number that is known already is that same one."""
    if (read := before.get(page.digest)) is None:
        same = map(known.get, (number.number for number in page.numbers))
        pairs = zip(page.numbers, same, strict=True)
        numbers = [old if old == number else number for number, old in pairs]
        read = PageRead(page.total_count, numbers, page.unreadable)
    held[page.digest] = read
    return read


def _resumed(
    course: Course, hold: Callable[[ListedPage], PageRead], pages: list[ListedPage] | None
) -> list[PageRequest] | Sweep:
    """Resume a course: the pages that it asks for next, or the sweep that it ends with."""
    try:
        return next(course) if pages is None else course.send(list(map(hold, pages)))
    except StopIteration as end:
        sweep: Sweep = end.value
        return sweep

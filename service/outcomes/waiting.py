"""Hold what waits for one instance's ledger: told again until taken, dropped when too much.

It lives in this process alone and ends with it. What a piece of work does is not known here.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

from service.errors import CallerIdError, LedgerUnavailable

MOST_KEPT = 10_000
TOGETHER = 32  # a batch of the ledger
RETRY_SECONDS = 1.0

Work = Callable[[], Awaitable[object]]

_log = logging.getLogger(__name__)


class WaitingWork:
    """Work in the order in which it came; `run` must be running.

    Args:
        instance_id: what the log calls it.
    """

    def __init__(self, instance_id: str) -> None:
        self._instance_id = instance_id
        self._waiting: dict[int, Work] = {}
        self._places = itertools.count()
        self._dropped = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, work: Work) -> None:
        """Do this as soon as the ledger takes it; may be done twice. Too many drop the oldest."""
        if len(self._waiting) >= MOST_KEPT:
            del self._waiting[next(iter(self._waiting))]
            self._dropped += 1
            _log.error(
                "More than %d outcomes of %s wait for the ledger: the oldest is dropped, %d so far",
                MOST_KEPT,
                self._instance_id,
                self._dropped,
            )
        self._waiting[next(self._places)] = work
        self._wake.set()

    async def run(self) -> None:
        """Do what waits, until cancelled."""
        try:
            while True:
                await self._wake.wait()
                while self._waiting:
                    if not await self._try_oldest():
                        await asyncio.sleep(RETRY_SECONDS)
                self._wake.clear()
        finally:
            if self._waiting:
                _log.warning(
                    "%d outcomes of %s still wait for the ledger", len(self), self._instance_id
                )

    async def _try_oldest(self) -> bool:
        """Return whether the ledger took all of the oldest."""
        oldest = list(itertools.islice(self._waiting.items(), TOGETHER))
        return all(await asyncio.gather(*(self._try(place, work) for place, work in oldest)))

    async def _try(self, place: int, work: Work) -> bool:
        try:
            await work()
        except LedgerUnavailable:
            return False
        except CallerIdError as error:
            _log.info(
                "An outcome of %s that waited for the ledger was dropped: %s",
                self._instance_id,
                error.code,
            )
        except Exception:  # noqa: BLE001 - one that fails must not hold up those behind it
            _log.exception("An outcome of %s could not be followed", self._instance_id)
        self._waiting.pop(place, None)
        return True

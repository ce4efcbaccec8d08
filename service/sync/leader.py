"""Elect the replica that sweeps, each with a fence that outdoes all before.

The lead rests between two sweeps, so whoever gets it knows that one is due, whichever replica made
the last. What a leader writes is fenced where it is written; nothing here writes an inventory.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import NoReturn, TypeAlias, TypeVar

import msgspec
from redis.asyncio import Redis

from service.errors import LedgerUnavailable, StaleLeader
from service.redis_.client import translated
from service.tasks import heed_cancellation

LEAD_SECONDS = 5.0
RENEW_SECONDS = 1.0
LONGEST_REST = 31_536_000.0  # a year, as long as `refresh_seconds` can be
SLACK_SECONDS = 1.0  # by which a clock may go back without any harm

T = TypeVar("T")


class Term(msgspec.Struct, frozen=True):
    """One lead: its fence, and the Unix time in seconds at its start, on the clock of all."""

    fence: int
    now: float


class SharedLeader:
    """The lead in Redis, among all replicas.

    Args:
        client: where Redis is, with a timeout of its own.
        base: what the keys begin with; its hash tag keeps them in one slot.
    """

    def __init__(self, client: Redis, base: str) -> None:
        self._client = client
        self._lead, self._fence = f"{base}inventory:lead", f"{base}inventory:fence"
        self._take = read_script("lead.lua")
        self._keep = read_script("hold.lua")

    async def acquire(
        self, *, early: bool = False, longest_rest: float = LONGEST_REST
    ) -> Term | None:
        """Take the lead; None where another has it, or no sweep is due and it is not `early`.

        A rest of more than `longest_rest` seconds is none: the clock that ends it was set back.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        longest = [seconds + SLACK_SECONDS for seconds in (LEAD_SECONDS, longest_rest)]
        arguments = (_milliseconds(LEAD_SECONDS), int(early), *map(_milliseconds, longest))
        with translated():
            told = await self._client.eval(self._take, 2, self._lead, self._fence, *arguments)
            return Term(told[0], told[1] / 1000) if told else None

    async def hold(self, term: Term, work: Awaitable[T]) -> T:
        """Keep the lead while a piece of work is done; what it raises passes.

        Raises:
            StaleLeader: the lead is another's; the work was cancelled.
        """
        # No task group: on Python 3.11 one that fails as it is left leaves its task marked as
        # cancelled, which would end the keeper.
        working, renewing = asyncio.ensure_future(work), asyncio.ensure_future(self._renew(term))
        try:
            await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else renewing.result()
        finally:
            working.cancel()
            renewing.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def release(self, term: Term, pause: float) -> None:
        """Lay the lead down, the next sweep due in `pause` seconds; another's lead is left alone.

        Raises:
            LedgerUnavailable: Redis does not serve; the lead ends by itself.
        """
        await self._set(term, "RESTING", pause)

    async def _renew(self, term: Term) -> NoReturn:
        while True:
            heed_cancellation()
            await asyncio.sleep(RENEW_SECONDS)
            try:
                is_mine = await self._set(term, term.fence, LEAD_SECONDS)
            except LedgerUnavailable:
                continue  # what this one writes is fenced anyway
            if not is_mine:
                raise StaleLeader("Another replica has taken the lead of the sweep")

    async def _set(self, term: Term, becomes: str | int, seconds: float) -> bool:
        with translated():
            done = await self._client.eval(
                self._keep, 1, self._lead, term.fence, becomes, _milliseconds(seconds)
            )
        return bool(done)


class SoleLeader:
    """The lead of a process that is the only one; its fences count from 1.

    So whatever replicas agree on, whose fences are instants, is newer.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Goes by `clock`, Unix time in seconds that nobody sets."""
        self._clock = clock
        self._fence = 0
        self._due = 0.0

    async def acquire(
        self,
        *,
        early: bool = False,
        longest_rest: float = LONGEST_REST,  # noqa: ARG002 - its clock is never set
    ) -> Term | None:
        """Take the lead, if a sweep is due or asked for."""
        now = self._clock()
        if now < self._due and not early:
            return None
        self._fence += 1
        return Term(self._fence, now)

    async def hold(self, term: Term, work: Awaitable[T]) -> T:  # noqa: ARG002 - nobody contends
        """Do the work."""
        return await work

    async def release(self, term: Term, pause: float) -> None:  # noqa: ARG002 - nobody contends
        """Sweep again in `pause` seconds."""
        self._due = self._clock() + pause


Leader: TypeAlias = SharedLeader | SoleLeader


@cache
def read_script(name: str) -> str:
    """A Lua file of this room."""
    return files(__package__).joinpath(name).read_text("utf-8")


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)

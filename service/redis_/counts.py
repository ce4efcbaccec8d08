"""Counters under names: in Redis, a hash for each name and for all replicas, or in this process.

All of it raises LedgerUnavailable where Redis does not serve. A reply of Redis that is lost may
have what was added counted twice, once it is added again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.errors import LedgerUnavailable
from service.redis_.client import client_for, translated
from service.tasks import heed_cancellation

WRITE_SECONDS = 60.0  # what a process that is killed has counted in vain

N = TypeVar("N")
F = TypeVar("F")

_TOGETHER = 100  # fields of one command: Redis handles them in well under a millisecond
_MOST = 2**53  # no counter of ours gets there
_NO_HASH = "WRONGTYPE"
_NO_COUNTER = (_NO_HASH, "not an integer", "would overflow")  # Redis's words for others' values


class SharedCounts:
    """The counters in Redis.

    Args:
        client: where Redis is; no pick waits for it.
        base: what the keys begin with, the hash tag included.
        seconds: for how long a name is kept after it was last added to.
    """

    def __init__(self, client: Redis, base: str, seconds: int) -> None:
        self._client = client
        self._base = base
        self._seconds = seconds

    async def add(self, name: str, counts: dict[str, int]) -> None:
        """Add to the counters of a name, in bounded slices; what is no counter begins anew.

        What is added is taken out of `counts`: the rest may be added later.
        """
        while some := dict(islice(counts.items(), _TOGETHER)):
            with translated():
                await self._add(f"{self._base}{name}", some)
            take_out(counts, some)

    async def _add(self, key: str, counts: Mapping[str, int]) -> None:
        home = client_for(self._client, key)
        async with home.pipeline(transaction=False) as pipe:
            for field, count in counts.items():
                pipe.hincrby(key, field, count)
            pipe.expire(key, self._seconds)
            answers = await pipe.execute(raise_on_error=False)
        anew: dict[Any, Any] = {}
        for (field, count), answer in zip(counts.items(), answers, strict=False):
            if isinstance(answer, Exception):
                if not any(words in str(answer) for words in _NO_COUNTER):
                    raise answer
                anew[field] = count
        if anew:
            if _NO_HASH in str(answers[0]):
                await home.delete(key)
            await home.hset(key, mapping=anew)
            await home.expire(key, self._seconds)

    async def read(self, name: str) -> Mapping[str, int]:
        """Return the counters of a name, read in bounded slices; what is none is left out."""
        counts: dict[str, int] = {}
        with translated():
            fields = self._client.hscan_iter(f"{self._base}{name}", count=_TOGETHER)
            try:
                async for field, count in fields:
                    with suppress(ValueError):
                        if 0 <= (number := int(count)) < _MOST:
                            counts[field.decode()] = number
            except ResponseError as error:
                if _NO_HASH not in str(error):
                    raise
        return counts


class LocalCounts:
    """The counters in this process, forgotten at its end.

    Args:
        most: names that are kept, the last in order.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: dict[str, Counter[str]] = {}

    async def add(self, name: str, counts: dict[str, int]) -> None:
        """Add to the counters of a name, and forget those that are too old."""
        self._names.setdefault(name, Counter()).update(counts)
        counts.clear()
        for old in sorted(self._names)[: -self._most]:
            del self._names[old]

    async def read(self, name: str) -> Mapping[str, int]:
        """Return the counters of a name."""
        return dict(self._names.get(name, {}))


Counts: TypeAlias = SharedCounts | LocalCounts


class PendingCounts(Generic[N, F]):
    """What this process has counted under names, until a store has added it to everybody's.

    Args:
        add: adds to the counters of a name, and takes out of them what is added; raises
            LedgerUnavailable while that cannot be.
    """

    def __init__(self, add: Callable[[N, dict[F, int]], Awaitable[None]]) -> None:
        self._add = add
        self._names: dict[N, dict[F, int]] = {}

    def count(self, name: N, field: F, count: int = 1) -> None:
        """Add to a counter of a name."""
        add_to(self._names.setdefault(name, {}), field, count)

    async def write(self) -> None:
        """Hand everything on, the oldest name first.

        Raises:
            LedgerUnavailable: Redis does not serve; what it has not taken is kept.
        """
        while self._names:
            name = next(iter(self._names))
            counts = self._names.pop(name)
            try:
                await self._add(name, counts)
            except BaseException:
                for field, count in self._names.pop(name, {}).items():  # of meanwhile
                    add_to(counts, field, count)
                self._names[name] = counts
                raise


def add_to(counts: dict[F, int], field: F, count: int = 1) -> None:
    """Add to a counter of a plain dict: the garbage collector looks into every other kind."""
    counts[field] = counts.get(field, 0) + count


def take_out(counts: dict[F, int], fields: Iterable[F]) -> None:
    """Take fields out of counters."""
    for field in fields:
        del counts[field]


async def keep_writing(write: Callable[[], Awaitable[None]]) -> None:
    """Write once a minute, and at the end; what Redis does not take now, it takes later."""
    try:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            with suppress(LedgerUnavailable):
                await write()
            heed_cancellation()
    finally:
        with suppress(LedgerUnavailable):
            await write()

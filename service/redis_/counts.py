"""Counters under names: in Redis, a hash for each name and for all replicas, or in this process.

All of it raises LedgerUnavailable where Redis does not serve. A reply of Redis that is lost may
have what was added counted twice, once it is added again.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeAlias

from redis.asyncio import Redis

from service.redis_.client import translated

_TOGETHER = 100  # fields of one command: Redis handles them in well under a millisecond


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

    async def add(self, name: str, counts: Mapping[str, int]) -> None:
        """Add to the counters of a name, in bounded slices."""
        key, fields = f"{self._base}{name}", list(counts.items())
        for start in range(0, len(fields), _TOGETHER):
            with translated():
                async with self._client.pipeline(transaction=False) as pipe:
                    for field, count in fields[start : start + _TOGETHER]:
                        pipe.hincrby(key, field, count)
                    pipe.expire(key, self._seconds)
                    await pipe.execute()

    async def read(self, name: str) -> Mapping[str, int]:
        """Return the counters of a name, read in bounded slices."""
        counts: dict[str, int] = {}
        with translated():
            fields = self._client.hscan_iter(f"{self._base}{name}", count=_TOGETHER)
            async for field, count in fields:
                with suppress(ValueError):  # what nobody can read is left out
                    counts[field.decode()] = int(count)
        return counts


class LocalCounts:
    """The counters in this process, forgotten at its end.

    Args:
        most: names that are kept, the last in order.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: dict[str, Counter[str]] = {}

    async def add(self, name: str, counts: Mapping[str, int]) -> None:
        """Add to the counters of a name, and forget those that are too old."""
        self._names.setdefault(name, Counter()).update(counts)
        for old in sorted(self._names)[: -self._most]:
            del self._names[old]

    async def read(self, name: str) -> Mapping[str, int]:
        """Return the counters of a name."""
        return dict(self._names.get(name, {}))


Counts: TypeAlias = SharedCounts | LocalCounts

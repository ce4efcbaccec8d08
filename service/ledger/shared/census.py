"""Read in slices what a ledger in Redis holds, beside the calls; changes nothing."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.redis_.client import client_for, translated

SCAN_SLICE = 1000
KNOWN_SLICE = 100
PRESENT_MS = 30_000

# Most are out for the same, and until the same instant, as others: equal parks are one object.
_parks = lru_cache(msgspec.msgpack.Decoder(dict[str, int]).decode)


class Census:
    """Reads one ledger.

    Args:
        client: where Redis is.
        bases: what the ledger's keys begin with, and those of callees.
        process: this process's id.
    """

    def __init__(self, client: Redis, bases: tuple[str, str], process: str) -> None:
        self._client = client
        self._base, self._callee_base = bases
        self._process = process

    async def known(self) -> AsyncIterator[tuple[dict[str, bytes], dict[str, dict[str, int]]]]:
        """Yield the records and parks of the numbers, in slices.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        cursor = 0
        while True:
            found: Any
            with translated():
                cursor, found = await self._client.hscan(
                    f"{self._base}numbers", cursor, count=KNOWN_SLICE
                )
                parked: Any = await self._client.hmget(f"{self._base}parks", list(found) or [b""])
                known = _read(found, parked)
            yield known
            if cursor == 0:
                return

    async def processes(self, now: int) -> int:
        """Say that this process is here, and count those that said so lately.

        Args:
            now: ms since 1970.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        key = f"{self._base}processes"
        with translated():
            home = client_for(self._client, key)
            async with home.pipeline(transaction=True) as together:
                together.zadd(key, {self._process: now})
                together.zremrangebyscore(key, "-inf", now - PRESENT_MS)
                together.pexpire(key, PRESENT_MS)
                together.zcard(key)
                try:
                    return int((await together.execute())[-1])
                except ResponseError as error:
                    if "WRONGTYPE" in str(error):  # another's value stands there
                        await home.delete(key)
                    raise

    async def has_stops(self) -> bool:
        """Return whether some callee of the scope may be stopped.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        with translated():
            return bool(await self._client.exists(f"{self._callee_base}stops"))

    async def parked(self) -> tuple[str, ...]:
        """All numbers that are out, read in slices beside the calls.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        with translated():
            parks = self._client.hscan_iter(f"{self._base}parks", count=SCAN_SLICE)
            return tuple([number.decode(errors="replace") async for number, _ in parks])

    async def parked_by(self) -> dict[str, int]:
        """Return the script's count of parked numbers by reason.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        with translated():
            counted: Any = await self._client.hgetall(f"{self._base}parked_by")
            counts = ((reason.decode(), count) for reason, count in counted.items())
            return {reason: int(count) for reason, count in counts if count.lstrip(b"-").isdigit()}


def _read(
    records: dict[bytes, bytes], parked: Sequence[bytes | None]
) -> tuple[dict[str, bytes], dict[str, dict[str, int]]]:
    """Read what each number is parked for; what cannot be read is left out."""
    numbers = [name.decode(errors="replace") for name in records]
    parks: dict[str, dict[str, int]] = {}
    for number, packed in zip(numbers, parked, strict=False):
        if packed:
            with suppress(msgspec.MsgspecError):
                parks[number] = _parks(packed)
    return dict(zip(numbers, records.values(), strict=True)), parks

"""Rows of counts under names: in Redis, for all replicas, or in this process.

The rows of a name lie in packs, by a checksum of their keys: alone, each would take three times the
memory. All of it raises LedgerUnavailable where Redis does not serve. A reply of Redis that is lost
may have what was added counted twice, once it is added again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from importlib.resources import files
from itertools import chain
from operator import add
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.redis_.client import translated
from service.redis_.counts import take_out
from service.reports.report import COLUMNS, CallRow
from service.tasks import in_slices

PACKS = 256
_TOGETHER = 2  # packs of one command: Redis handles them in well under a millisecond
_REMOVED = 100  # names of one command

Cell = tuple[str, int]  # the key of a row, and the place of a column in it

_encode = msgspec.msgpack.Encoder().encode
_rows = msgspec.msgpack.Decoder(dict[str, CallRow]).decode
_counts = msgspec.msgpack.Decoder(dict[str, list[int]]).decode


class _Pack(NamedTuple):
    number: int
    rows: dict[str, list[int]]
    cells: list[Cell]


class SharedRows:
    """The rows in Redis.

    Args:
        client: where Redis is; no pick waits for it.
        base: what the keys begin with, the hash tag included.
    """

    def __init__(self, client: Redis, base: str) -> None:
        self._client = client
        self._base = base
        self._script = files("service.reports").joinpath("add.lua").read_text("utf-8")

    async def add(self, name: str, cells: dict[Cell, int], seconds: int) -> None:
        """Add to the rows of a name, which is kept for so many seconds from now on.

        What is added is taken out of `cells`: the rest may be added later.
        """
        packs = [*(await in_slices(_packing(cells))).values()]
        for start in range(0, len(packs), _TOGETHER):
            some = packs[start : start + _TOGETHER]
            packed: Any = chain.from_iterable((pack.number, _encode(pack.rows)) for pack in some)
            with translated():
                await self._client.eval(self._script, 1, f"{self._base}{name}", seconds, *packed)
            for pack in some:
                take_out(cells, pack.cells)

    async def read(self, name: str) -> Mapping[str, CallRow]:
        """Return the rows of a name by their keys; what is none is left out."""
        packs: Any = {}
        with translated():
            try:
                packs = await self._client.hgetall(f"{self._base}{name}")
            except ResponseError as error:
                if not str(error).startswith("WRONGTYPE"):
                    raise
        return await in_slices(_unpacking(packs.values()))

    async def remove(self, names: Iterable[str]) -> None:
        """Forget these names."""
        keys = [f"{self._base}{name}" for name in names]
        for start in range(0, len(keys), _REMOVED):
            with translated():
                await self._client.delete(*keys[start : start + _REMOVED])


class LocalRows:
    """The rows in this process, forgotten at its end."""

    def __init__(self) -> None:
        self._names: defaultdict[str, dict[int, bytes]] = defaultdict(dict)

    async def add(self, name: str, cells: dict[Cell, int], _seconds: int) -> None:
        """Add to the rows of a name, as the Lua does."""
        packs = self._names[name]
        for number, pack in (await in_slices(_packing(cells))).items():
            rows = _counts(packs[number]) if number in packs else {}
            for key, row in pack.rows.items():
                rows[key] = [*map(add, rows.get(key, [0] * len(row)), row)]
            packs[number] = _encode(rows)
            take_out(cells, pack.cells)
            await asyncio.sleep(0)

    async def read(self, name: str) -> Mapping[str, CallRow]:
        """Return the rows of a name by their keys."""
        return await in_slices(_unpacking(self._names.get(name, {}).values()))

    async def remove(self, names: Iterable[str]) -> None:
        """Forget these names."""
        for name in names:
            self._names.pop(name, None)


Rows: TypeAlias = SharedRows | LocalRows


def _packing(cells: Mapping[Cell, int]) -> Generator[None, None, Mapping[int, _Pack]]:
    """Put cells into rows, and those into their packs, in slices."""
    packs: dict[int, _Pack] = {}
    for (key, column), count in cells.items():
        yield
        number = crc32(key.encode()) % PACKS
        pack = packs.setdefault(number, _Pack(number, {}, []))
        pack.rows.setdefault(key, [0] * len(COLUMNS))[column] += count
        pack.cells.append((key, column))
    return packs


def _unpacking(packs: Iterable[bytes]) -> Generator[None, None, Mapping[str, CallRow]]:
    rows: dict[str, CallRow] = {}
    for pack in packs:
        yield
        with suppress(msgspec.MsgspecError):  # what nobody can read is left out
            rows |= _rows(pack)
    return rows

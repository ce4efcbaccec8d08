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
from operator import add
from typing import Any, TypeAlias
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

Cell: TypeAlias = str  # the place of a column, and behind a space the key of the row

_encode = msgspec.msgpack.Encoder().encode
_rows = msgspec.msgpack.Decoder(dict[str, CallRow]).decode
_counts = msgspec.msgpack.Decoder(dict[str, list[int]]).decode


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
        packs = await in_slices(_packing(cells))
        while some := [packs.popitem() for _ in range(min(_TOGETHER, len(packs)))]:
            packed: list[Any] = []
            for number, own in some:
                packed += number, _encode(await in_slices(_rows_of(own)))
            with translated():
                await self._client.eval(self._script, 1, f"{self._base}{name}", seconds, *packed)
            for _, own in some:
                take_out(cells, own)

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
        added = await in_slices(_packing(cells))
        while added:
            number, own = added.popitem()
            more = await in_slices(_rows_of(own))
            rows = _counts(packs[number]) if number in packs else {}
            for key, row in more.items():
                rows[key] = [*map(add, rows.get(key, [0] * len(row)), row)]
            packs[number] = _encode(rows)
            take_out(cells, own)
            await asyncio.sleep(0)

    async def read(self, name: str) -> Mapping[str, CallRow]:
        """Return the rows of a name by their keys."""
        return await in_slices(_unpacking(self._names.get(name, {}).values()))

    async def remove(self, names: Iterable[str]) -> None:
        """Forget these names."""
        for name in names:
            self._names.pop(name, None)


Rows: TypeAlias = SharedRows | LocalRows


def cell_of(key: str, column: int) -> Cell:
    """Return the cell of a row in a column."""
    return f"{column} {key}"


def _packing(cells: Mapping[Cell, int]) -> Generator[None, None, dict[int, dict[Cell, int]]]:
    """Put cells into the packs of their rows, in slices."""
    packs: dict[int, dict[Cell, int]] = {}
    for cell, count in cells.items():
        yield
        number = crc32(cell.partition(" ")[2].encode()) % PACKS
        packs.setdefault(number, {})[cell] = count
    return packs


def _rows_of(cells: Mapping[Cell, int]) -> Generator[None, None, dict[str, list[int]]]:
    """Put cells into rows, in slices."""
    rows: dict[str, list[int]] = {}
    for cell, count in cells.items():
        yield
        column, _, key = cell.partition(" ")
        rows.setdefault(key, [0] * len(COLUMNS))[int(column)] += count
    return rows


def _unpacking(packs: Iterable[bytes]) -> Generator[None, None, Mapping[str, CallRow]]:
    rows: dict[str, CallRow] = {}
    for pack in packs:
        yield
        with suppress(msgspec.MsgspecError):  # what nobody can read is left out
            rows |= _rows(pack)
    return rows

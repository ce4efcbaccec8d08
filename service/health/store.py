"""Keep the records of number health, and the calls of each day: in Redis, or in this process.

A record is bytes here, but for its tallies, which are added to in place. It judges nothing. Fields
live as long as their numbers are in the inventory; who judges removes the others. The calls of a
day go when they are no longer compared with.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Any, TypeAlias

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.health.rates import Tally
from service.health.rules import HealthRecord
from service.health.strata import BAND_HOURS, HOURS_A_DAY, USUAL_DAYS, Calls, Count
from service.redis_.client import translated
from service.tasks import in_slices

SLICE = 32  # records in one command: Redis handles it in well under a millisecond
FIELDS = 256  # of a day's calls, which are small
LEAD_MS = 55_000  # a little less than the pause between two looks, so that every minute has one
SLACK_MS = 1000  # by which Redis's clock may go back without any harm
APPLIED_MS = 86_400_000  # for so long a batch whose reply was lost may be sent again
CALLS_MS = (USUAL_DAYS + 2) * 86_400_000  # from the last of a day's calls

encode = msgspec.msgpack.Encoder().encode
_record = msgspec.msgpack.Decoder(HealthRecord)
_count = msgspec.msgpack.Decoder(Count)


class Counted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The sums of one number's calls in one hour and stratum."""

    number: str
    hour: int
    answered: int
    attempts: int
    group: str
    province: str


class HealthBatch(msgspec.Struct, frozen=True, gc=False):
    """The additions of one step; `serial` orders the batches of one process."""

    serial: int
    counted: tuple[Counted, ...]


class Change(msgspec.Struct, frozen=True, gc=False):
    """A record as it was read and as it is to be; b"" removes it."""

    number: str
    before: bytes
    after: bytes


class RedisStore:
    """The records of one instance, shared by all replicas.

    All of it raises LedgerUnavailable where Redis does not serve.

    Args:
        client: where Redis is; no pick waits for it.
        base: what the instance's keys begin with, its hash tag included.
        process: this process's id, unique among all that share the records, also over time.
    """

    def __init__(self, client: Redis, base: str, process: str) -> None:
        self._client = client
        self._records = f"{base}health"
        self._applied = f"{base}health:applied:{process}"
        self._lead = f"{base}health:lead"
        self._calls = f"{base}health:calls:"
        self._note = _script("note.lua")
        self._replace = _script("replace.lua")

    async def add(self, batch: HealthBatch) -> None:
        """Add to tallies and days; a batch that was applied before changes nothing."""
        keys = self._records, self._applied, self._calls
        arguments = (batch.serial, APPLIED_MS, encode(batch.counted), CALLS_MS)
        with translated():
            await self._client.eval(self._note, len(keys), *keys, *arguments)

    async def add_calls(self, day: int, calls: Calls) -> None:
        """Add a day's calls to others, in bounded slices; another's value there is removed."""
        key, added = f"{self._calls}{day}", set[bytes]()  # a scan may meet a field twice
        with translated():
            try:
                async for field, value in self._client.hscan_iter(key, count=FIELDS):
                    if field not in added:
                        added.add(field)
                        _add_field(calls, field, value)
            except ResponseError as error:
                if not str(error).startswith("WRONGTYPE"):
                    raise
                await self._client.delete(key)

    async def read_all(self) -> dict[str, bytes]:
        """Every record, in bounded slices."""
        with translated():
            records = self._client.hscan_iter(self._records, count=SLICE)
            return {number.decode(): stored async for number, stored in records}

    async def read(self, numbers: Sequence[str]) -> dict[str, bytes]:
        """The records that there are of these numbers."""
        if not numbers:
            return {}
        with translated():
            stored: Any = await self._client.hmget(self._records, list(numbers))
            pairs = zip(numbers, stored, strict=True)
            return {number: record for number, record in pairs if record is not None}

    async def replace(self, changes: Sequence[Change]) -> list[bool]:
        """Change what is still what it was; returns for each whether it was."""
        if not changes:
            return []
        arguments = [
            part for change in changes for part in (change.number, change.before, change.after)
        ]
        with translated():
            same = await self._client.eval(self._replace, 1, self._records, *arguments)
            return [bool(kept) for _, kept in zip(changes, same, strict=True)]

    async def lead(self) -> bool:
        """Lead until the next look is due; nobody gives it back, and who dies loses it in time."""
        with translated():
            if await self._client.set(self._lead, "1", nx=True, px=LEAD_MS):
                return True
            # What lasts longer than it was set to is over: Redis's clock was set back since. What
            # lasts for ever is another's.
            if 0 <= await self._client.pttl(self._lead) <= LEAD_MS + SLACK_MS:
                return False
            return bool(await self._client.set(self._lead, "1", px=LEAD_MS))


class MemoryStore:
    """The records of one instance in this process, forgotten at its end."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}
        self._days: defaultdict[int, Calls] = defaultdict(Calls)

    async def add(self, batch: HealthBatch) -> None:
        """Add to tallies and days; nothing is ever sent twice here."""
        for sums in batch.counted:
            self._add_to_day(sums)
            stored = self._records.get(sums.number)
            record = decode(stored) if stored else HealthRecord()
            self._records[sums.number] = encode(_added(record or HealthRecord(), sums))

    async def add_calls(self, day: int, calls: Calls) -> None:
        """Add a day's calls to others."""
        if (of_day := self._days.get(day)) is not None:
            await in_slices(calls.adding(of_day))

    async def read_all(self) -> dict[str, bytes]:
        """Every record."""
        return dict(self._records)

    async def read(self, numbers: Sequence[str]) -> dict[str, bytes]:
        """The records that there are of these numbers."""
        return {number: self._records[number] for number in numbers if number in self._records}

    async def replace(self, changes: Sequence[Change]) -> list[bool]:
        """Change what is still what it was."""
        return [self._replaced(change) for change in changes]

    async def lead(self) -> bool:
        """There is nobody else."""
        return True

    def _add_to_day(self, sums: Counted) -> None:
        day, hour = divmod(sums.hour, HOURS_A_DAY)
        count = sums.answered, sums.attempts
        self._days[day].add_stratum(sums.group, sums.province, hour // BAND_HOURS, count)
        self._days[day].add_hour(sums.group, hour, count)
        for old in [past for past in self._days if past < day - USUAL_DAYS]:
            del self._days[old]

    def _replaced(self, change: Change) -> bool:
        if self._records.get(change.number) != change.before:
            return False
        if change.after:
            self._records[change.number] = change.after
        else:
            del self._records[change.number]
        return True


Store: TypeAlias = RedisStore | MemoryStore


def decode(stored: bytes) -> HealthRecord | None:
    """A record, or None for what is none: torn, or of a release that is not adjacent."""
    try:
        return _record.decode(stored)
    except msgspec.MsgspecError:
        return None


def _added(record: HealthRecord, counted: Counted) -> HealthRecord:
    """The same as the Lua does: a test holds both to it."""
    tallies = {(tally.hour, tally.group, tally.province): tally for tally in record.tallies}
    hour, *stratum = key = counted.hour, counted.group, counted.province
    before = tallies.get(key, Tally(hour, 0, 0))
    answered, attempts = before.answered + counted.answered, before.attempts + counted.attempts
    tallies[key] = Tally(hour, answered, attempts, *stratum)
    return msgspec.structs.replace(record, tallies=tuple(tallies.values()))


def _add_field(calls: Calls, field: bytes, value: bytes) -> None:
    """Add one field of a day, as the Lua names it; what cannot be read is as if it were not."""
    with suppress(msgspec.MsgspecError, ValueError):
        count = _count.decode(value)
        at, named = field.decode().split(" ", 1)
        if at.endswith("h"):
            calls.add_hour(named, int(at[:-1]), count)
        else:
            province, group = named.split(" ", 1)
            calls.add_stratum(group, province, int(at), count)


def _script(name: str) -> str:
    return files("service.health").joinpath(name).read_text("utf-8")

"""Keep the words to parks beside the ledger: by whom and why, for people alone.

Words that are lost, or of an earlier park, are not shown; the park holds all the same.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.ledger import Park
from service.redis_.client import translated

MOST = 100_000  # of this process: some 30 MB

# One command for many parks: they have one note and one end.
_KEEP = "for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end"


class Note(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The words to a park that ends at an instant in ms, and the client who gave them."""

    until: int = 0
    by: str = ""
    words: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Note).decode


class SharedNotes:
    """The notes in Redis, each under a keyed digest until its park ends.

    Args:
        client: where Redis is; no pick waits for it.
        base: what the keys begin with, the hash tag included.
        digest: makes the digest of a number and a reason.
    """

    def __init__(self, client: Redis, base: str, digest: Callable[[str, str], str]) -> None:
        self._client = client
        self._base = base
        self._digest = digest

    async def keep(self, parks: Sequence[Park], note: Note, now: int) -> None:
        """Keep a note to parks, one at least, that end with it; without Redis it is lost."""
        with suppress(LedgerUnavailable), translated():
            ms = max(1, note.until - now)
            await self._client.eval(_KEEP, len(parks), *self._keys(parks), _encode(note), ms)

    async def read(self, parks: Sequence[Park]) -> dict[Park, Note]:
        """Return the notes to those parks, one at least, that have one; none without Redis."""
        notes: dict[Park, Note] = {}
        with suppress(LedgerUnavailable), translated():
            texts: Any = await self._client.mget(self._keys(parks))
            for park, text in zip(parks, texts, strict=True):
                with suppress(msgspec.MsgspecError):
                    notes[park] = _decode(text or b"")
        return {park: note for park, note in notes.items() if note.until == park.until}

    def _keys(self, parks: Sequence[Park]) -> list[str]:
        return [f"{self._base}{self._digest(park.number, park.reason)}" for park in parks]


class LocalNotes:
    """The notes in this process, forgotten at its end; of too many the oldest go first."""

    def __init__(self) -> None:
        self._notes: dict[Park, Note] = {}

    async def keep(self, parks: Sequence[Park], note: Note, _now: int) -> None:
        """Keep a note to some parks."""
        self._notes |= dict.fromkeys(parks, note)
        while len(self._notes) > MOST:
            del self._notes[next(iter(self._notes))]

    async def read(self, parks: Sequence[Park]) -> dict[Park, Note]:
        """Return the notes to those of these parks that have one."""
        return {park: self._notes[park] for park in parks if park in self._notes}


Notes: TypeAlias = SharedNotes | LocalNotes

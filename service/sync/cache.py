"""The accepted inventory in Redis, for the replicas that follow and for the next start.

The numbers stand in chunks, each under the digest of its content, and a manifest names the chunks.
So a small change writes one chunk and a reader fetches one, what is torn or corrupt does not match
its name, and who reads an old manifest still finds its chunks. It decides nothing.
"""

import asyncio
import logging
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from itertools import chain
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.errors import LedgerUnavailable, StaleLeader
from service.inventory import Alike, CommonFields, PhoneNumber, alike
from service.redis_.client import translated
from service.sync.acceptance import Absence, SweepReport
from service.sync.leader import read_script
from service.tasks import in_slices

NUMBERS_A_CHUNK = 128
MOST_CHUNKS = 1024  # one script looks at all of them; beyond, chunks grow instead
MOST_BYTES = 256 * 1024
CHUNKS_A_READ = 16
GRACE_SECONDS = 600
DIGEST_BYTES = 16

Numbers = tuple[PhoneNumber, ...]

_log = logging.getLogger(__name__)


class Manifest(msgspec.Struct, frozen=True, array_like=True):
    """The index of the cache. It travels as an array: new fields go to the end, with a default.

    `swept_at` is the Unix time of the last sweep that confirmed the whole of it.
    """

    generation: int
    swept_at: float
    report: SweepReport
    absences: dict[str, Absence]
    chunks: tuple[bytes, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_manifest = msgspec.msgpack.Decoder(Manifest)
_chunk = msgspec.msgpack.Decoder(tuple[Alike, ...])


class InventoryCache:
    """The cache of one instance.

    Args:
        client: where Redis is, with a timeout fit for some hundred KB a reply.
        base: what the keys begin with; its hash tag keeps them in one slot.
    """

    def __init__(self, client: Redis, base: str) -> None:
        self._client = client
        self._base = f"{base}inventory:"
        self._keys = (f"{self._base}manifest", f"{self._base}fence")
        self._read_manifest = read_script("manifest.lua")
        self._publish = read_script("publish.lua")
        self._named: tuple[bytes, ...] = ()  # by the manifest read or written last
        self._chunks: dict[bytes, Numbers] = {}  # known to have been in Redis, whole
        self._told_of = b""

    async def manifest(self) -> tuple[Manifest | None, float]:
        """The manifest, None where there is none that can be read, and Redis's Unix time.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        with translated():
            stored, now = await self._client.eval(self._read_manifest, 1, self._keys[0])
            read_at = now / 1000
        manifest = self._decoded(stored) if stored else None
        self._named = manifest.chunks if manifest else ()
        return manifest, read_at

    async def numbers(self, manifest: Manifest) -> Iterable[PhoneNumber] | None:
        """The numbers that a manifest stands for; None, loudly, where a chunk is lost or corrupt.

        A corrupt one is removed: only what is lost is written again by the next sweep.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        missing = [digest for digest in manifest.chunks if digest not in self._chunks]
        fetched: dict[bytes, Numbers] = {}
        common = CommonFields()
        for start in range(0, len(missing), CHUNKS_A_READ):
            some = missing[start : start + CHUNKS_A_READ]
            with translated():
                stored = await self._client.mget([self._key(digest) for digest in some])
                read = list(zip(some, stored, strict=True))
            for digest, content in read:
                if (chunk := _read(digest, content)) is None:
                    self._tell(digest, "A chunk of the cached inventory is lost or corrupt")
                    if not _is_whole(digest, content):
                        with translated():
                            await self._client.delete(self._key(digest))
                    return None
                fetched[digest] = tuple(chain.from_iterable(map(common.numbers, chunk)))
                await asyncio.sleep(0)  # picks go on meanwhile
        known = self._chunks | fetched
        self._chunks = {digest: known[digest] for digest in manifest.chunks}
        return chain.from_iterable(self._chunks.values())

    async def write(
        self, numbers: Collection[PhoneNumber], manifest: Manifest, fence: int
    ) -> Manifest:
        """Publish an inventory: its chunks first, then the manifest that names them, in one step.

        Args:
            numbers: all of them.
            manifest: what to say of them; its chunks are filled in, unless it names those that
                these numbers were written in before.
            fence: the writer's.

        Returns:
            The manifest as it was written.

        Raises:
            StaleLeader: a later leader was chosen; the cache is as it was.
            LedgerUnavailable: Redis does not serve.
        """
        if manifest.chunks and await self._published(manifest, fence):
            self._named = manifest.chunks
            return manifest
        contents, chunks = await in_slices(packing(numbers))
        manifest = msgspec.structs.replace(manifest, chunks=tuple(contents))
        await self._write_chunks(contents, contents.keys() - self._chunks.keys())
        if not await self._published(manifest, fence):
            # Redis has lost chunks that were there: evicted, expired, or wiped.
            await self._write_chunks(contents, contents.keys())
            if not await self._published(manifest, fence):
                raise LedgerUnavailable("Redis loses what is written to the inventory's cache")
        self._named, self._chunks = manifest.chunks, chunks
        return manifest

    async def _write_chunks(self, contents: Mapping[bytes, bytes], which: Iterable[bytes]) -> None:
        for digest in which:
            with translated():
                # Should this writer die here, they go by themselves.
                await self._client.set(self._key(digest), contents[digest], ex=GRACE_SECONDS)

    async def _published(self, manifest: Manifest, fence: int) -> bool:
        named = len(manifest.chunks)
        retired = set(self._named).difference(manifest.chunks)
        keys = [*self._keys, *map(self._key, manifest.chunks), *map(self._key, retired)]
        encoded = _encode(manifest)
        arguments = (fence, _digest(encoded) + encoded, named, GRACE_SECONDS)
        with translated():
            try:
                await self._client.eval(self._publish, len(keys), *keys, *arguments)
            except ResponseError as error:
                if str(error).startswith("FENCED"):
                    raise StaleLeader("Another replica has led a sweep since") from error
                if str(error).startswith("LACKING"):
                    return False
                raise
        return True

    def _decoded(self, stored: bytes) -> Manifest | None:
        digest, encoded = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        if digest == _digest(encoded):
            with suppress(msgspec.DecodeError):
                return _manifest.decode(encoded)
        self._tell(stored, "The manifest of the cached inventory is corrupt")
        return None

    def _tell(self, of: bytes, what: str) -> None:
        """Log it, once for as long as it lasts: the manifest is read in every round."""
        if of != self._told_of:
            _log.error("%s: the cache cannot be used", what)
        self._told_of = of

    def _key(self, digest: bytes) -> str:
        return f"{self._base}chunk:{digest.hex()}"


class Packed(NamedTuple):
    """Each chunk's content by its digest, and its numbers by its digest."""

    contents: dict[bytes, bytes]
    numbers: dict[bytes, Numbers]


def packing(numbers: Collection[PhoneNumber]) -> Generator[None, None, Packed]:
    """Spread numbers over chunks of 256 KB at the most, each number always into the same one."""
    count = 1
    while count * NUMBERS_A_CHUNK < len(numbers) and count < MOST_CHUNKS:
        count *= 2
    while True:
        packed = yield from _packing(numbers, count)
        if max(map(len, packed.contents.values())) <= MOST_BYTES or count > len(numbers):
            return packed
        count *= 2


def _packing(numbers: Collection[PhoneNumber], count: int) -> Generator[None, None, Packed]:
    spread: list[list[PhoneNumber]] = [[] for _ in range(count)]
    for at, number in enumerate(numbers):
        if at % NUMBERS_A_CHUNK == 0:
            yield
        spread[crc32(number.number.encode()) % count].append(number)
    packed = Packed({}, {})
    for each in spread:
        yield
        chunk = tuple(sorted(each, key=lambda number: number.number))
        content = _encode(alike(chunk))
        digest = _digest(content)
        packed.contents[digest], packed.numbers[digest] = content, chunk
    return packed


def _read(digest: bytes, content: Any) -> tuple[Alike, ...] | None:
    if not _is_whole(digest, content):
        return None
    try:
        return _chunk.decode(content)
    except msgspec.DecodeError:
        return None  # of a release that is not adjacent


def _is_whole(digest: bytes, content: Any) -> bool:
    return content is not None and _digest(content) == digest


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=DIGEST_BYTES).digest()

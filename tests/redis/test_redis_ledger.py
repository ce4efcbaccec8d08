"""The shared ledger on a real Redis: batches, numbered calls, members, many processes."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from service.errors import LedgerUnavailable, LedgerWiped, StaleLeader
from service.inventory import Inventory, PhoneNumber, Step
from service.ledger import (
    CalleeRule,
    Limits,
    MembersWriter,
    Outcome,
    Park,
    Pick,
    Rules,
    Take,
    Unpark,
)
from service.ledger.answers import Picked, picked_from
from service.ledger.port import turns_of
from service.ledger.shared.line import CallLost, Line
from service.redis_.client import open_client
from tests.ledgers import (
    BASE,
    BASES,
    EVERYONE,
    GROUP,
    inventory_of,
    numbers,
    pick,
    shared_ledger,
    write_members,
)
from tests.waiting import eventually

ONE = Pick(dry_run=False, steps=EVERYONE)


def shown(picked: Picked) -> list[str]:
    return [number for number, _ in picked.uses]


async def test_ten_thousand_picks_of_two_processes_show_each_number_equally_often(
    redis_url: str,
) -> None:
    inventory = inventory_of(50)
    await write_members(redis_url, inventory)
    uses: Counter[str] = Counter()
    async with (
        shared_ledger(redis_url, inventory, process="one") as one,
        shared_ledger(redis_url, inventory, process="two") as two,
    ):
        picks = [side.pick(ONE) for _ in range(5000) for side in (one, two)]
        for decision in await asyncio.gather(*picks):
            uses.update(shown(decision.picked))
    assert uses == dict.fromkeys((number.number for number in numbers(50)), 200)


async def test_picks_that_wait_together_share_a_call(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(5))
    async with shared_ledger(redis_url, inventory_of(5)) as side:
        await side.pick(ONE)
        before = side.metrics.registry.get_sample_value("callerid_ledger_batch_size_count") or 0
        await asyncio.gather(*(side.pick(ONE) for _ in range(64)))
        after = side.metrics.registry.get_sample_value("callerid_ledger_batch_size_count") or 0
    assert after - before <= 3


async def test_a_batch_takes_no_more_turns_than_redis_can_do_in_a_moment(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(200))
    async with shared_ledger(redis_url, inventory_of(200)) as side:
        thirty = Pick(dry_run=False, steps=EVERYONE, count=30)
        await asyncio.gather(*(side.pick(thirty) for _ in range(8)))
        largest = side.metrics.registry.get_sample_value(
            "callerid_ledger_batch_size_bucket", {"le": "1.0"}
        )
        calls = side.metrics.registry.get_sample_value("callerid_ledger_batch_size_count")
    assert largest == calls


async def test_picks_from_many_pools_fill_a_batch_sooner(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(200))
    async with shared_ledger(redis_url, inventory_of(200)) as side:
        many = Step("any", EVERYONE[0].pools * 16)
        four = Pick(dry_run=False, steps=(many,), count=4)
        assert four.turns() == 10
        await side.pick(ONE)
        before = side.metrics.registry.get_sample_value("callerid_ledger_batch_size_count") or 0
        await asyncio.gather(*(side.pick(four) for _ in range(9)))
        after = side.metrics.registry.get_sample_value("callerid_ledger_batch_size_count") or 0
    assert after - before >= 3


@pytest.mark.parametrize(
    ("count", "pools", "turns"),
    [(1, 1, 1), (1, 0, 1), (1, 9, 1), (1, 16, 2), (10, 1, 10), (100, 1, 100), (100, 16, 266)],
)
def test_a_pick_takes_turns_by_its_numbers_and_its_pools(
    count: int, pools: int, turns: int
) -> None:
    assert turns_of(count, pools) == turns


def test_the_cities_that_are_tried_first_count_in_the_turns_of_a_pick() -> None:
    cities, anywhere = Step("any", EVERYONE[0].pools * 16), EVERYONE[0]
    assert Pick(dry_run=False, steps=(cities, anywhere)).turns() == 2


async def test_a_call_sent_twice_is_applied_once_and_answered_alike(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(9))
    client = open_client(redis_url, timeout=5)
    first = Line(client, BASES, "one", 5)
    answers = (await first.call([ONE])).answers
    again = Line(client, BASES, "one", 5)
    answers_again = (await again.call([ONE])).answers
    other = Line(client, BASES, "two", 5)
    next_answers = (await other.call([ONE])).answers
    assert answers == answers_again
    assert [shown(picked_from(one)) for one in answers + next_answers] == [
        ["01089890000"],
        ["01089890001"],
    ]
    for line in (first, again, other):
        await line.close()
    await client.aclose()


async def test_a_call_that_is_not_answered_in_time_is_sent_no_second_time() -> None:
    calls = list[bytes]()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if b"FCALL" not in data or b"_ready" in data:
                writer.write(b"+OK\r\n")
            else:
                calls.append(data)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_client(f"redis://127.0.0.1:{port}", timeout=5) as client:
        line = Line(client, BASES, "one", 0.02)
        line.timeout = 5  # for the connection
        with pytest.raises(CallLost):
            await line.call([ONE])
        await line.close()
        await eventually(lambda: calls)
    assert len(calls) == 1


async def test_a_call_that_comes_after_its_successors_is_not_applied(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(9))
    client = open_client(redis_url, timeout=5)
    line = Line(client, BASES, "one", 5)
    for _ in range(10):
        await line.call([ONE])
    late = Line(client, BASES, "one", 5)
    with pytest.raises(LedgerUnavailable):
        await late.call([ONE])
    turn = await client.hget(f"{BASE}state", "turn")
    assert turn == b"10"
    await line.close()
    await client.aclose()


async def test_a_flushed_script_is_loaded_again_unseen(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(3))
    async with shared_ledger(redis_url, inventory_of(3)) as side:
        await side.pick(ONE)
        await side.client.script_flush()
        decision = await side.pick(ONE)
    assert shown(decision.picked) == ["01089890001"]


async def test_a_ledger_without_members_says_so_and_the_leader_hears_of_it(redis_url: str) -> None:
    async with shared_ledger(redis_url, inventory_of(3)) as side:
        with pytest.raises(LedgerWiped):
            await side.pick(ONE)
    assert 0 in side.notices


async def test_each_reply_tells_the_generation_of_the_members(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(3, generation=7))
    async with shared_ledger(redis_url, inventory_of(3)) as side:
        await side.pick(ONE)
    assert set(side.notices) == {7}


async def test_a_dry_run_leaves_every_key_as_it_was(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(5))
    client = open_client(redis_url, timeout=5)
    line = Line(client, BASES, "one", 5)
    await line.call([ONE, Park("01089890003", "operator", 1)])
    before = await everything(client)
    dry = Pick(dry_run=True, steps=EVERYONE, count=3)
    await line.call([dry, Take(dry_run=True, number="01089890003")])
    assert await everything(client) == before
    await line.close()
    await client.aclose()


async def everything(client: Redis) -> dict[Any, Any]:
    return {key: await client.dump(key) for key in await client.keys("*")}


async def test_a_parked_number_is_out_on_every_process_until_it_is_let_back(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(2))
    async with (
        shared_ledger(redis_url, inventory_of(2), process="one") as one,
        shared_ledger(redis_url, inventory_of(2), process="two") as two,
    ):
        assert await one.ledger.apply(Park("01089890000", "operator", 2**42))
        shown_meanwhile = [shown((await two.ledger.pick(ONE)).picked) for _ in range(3)]
        assert await two.ledger.apply(Unpark("01089890000", "operator"))
        shown_after = shown((await one.ledger.pick(ONE)).picked)
    assert shown_meanwhile == [["01089890001"]] * 3
    assert shown_after == ["01089890000"]


async def test_ten_thousand_numbers_that_are_due_come_back_in_slices(redis_url: str) -> None:
    inventory = inventory_of(2000)
    await write_members(redis_url, inventory)
    client = open_client(redis_url, timeout=5)
    line = Line(client, BASES, "parker", 5)
    for start in range(0, 2000, 100):
        parks = [Park(one.number, "day", 1000) for one in numbers(2000)[start : start + 100]]
        await line.call(parks, now=500)
    await line.call([ONE], now=2000)
    assert await client.zcard(f"{BASE}parked") == 2000 - 8
    async with shared_ledger(redis_url, inventory) as side:
        await side.shared.take_back()
    assert await client.zcard(f"{BASE}parked") == 0
    await line.close()
    await client.aclose()


async def test_a_home_that_is_back_is_picked_from_though_its_pool_had_another_alone(
    redis_url: str,
) -> None:
    alone, other = numbers(2)
    both = replace(other, skill_group_ids=(GROUP, "another@ccc-test"))
    await write_members(redis_url, Inventory("ccc-test", 1, [alone, both]))
    async with open_client(redis_url, timeout=5) as client:
        line = Line(client, BASES, "picker", 5)
        await line.call([Park("01089890001", "day", 1000)], now=500)
        picked = [(await line.call([ONE], now=2000 + n)).answers[0] for n in range(4)]
        await line.close()
    assert picked == ["01089890000 any", "01089890001 any"] * 2


async def test_a_home_that_was_alone_in_its_pool_takes_turns_with_one_that_joins(
    redis_url: str,
) -> None:
    first, second, third = numbers(3)
    joins = replace(third, skill_group_ids=(GROUP, "another@ccc-test"))
    await write_members(redis_url, Inventory("ccc-test", 1, [first, second]))
    async with open_client(redis_url, timeout=5) as client:
        line = Line(client, BASES, "picker", 5)
        picked = [(await line.call([ONE])).answers[0][-5:-4] for _ in range(3)]
        await write_members(redis_url, Inventory("ccc-test", 2, [first, second, joins]), fence=2)
        picked += [(await line.call([ONE])).answers[0][-5:-4] for _ in range(6)]
        await line.close()
    assert "".join(picked) == "010210210"


async def test_a_later_leader_fences_an_earlier_one(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(5), fence=2)
    with pytest.raises(StaleLeader):
        await write_members(redis_url, inventory_of(1), fence=1)
    client = open_client(redis_url, timeout=5)
    assert await client.hlen(f"{BASE}numbers") == 5
    await client.aclose()


async def test_a_number_that_changes_its_group_keeps_its_turn(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(3))
    client = open_client(redis_url, timeout=5)
    line = Line(client, BASES, "one", 5)
    await line.call([ONE])
    moved = Inventory(
        "ccc-test",
        2,
        [
            PhoneNumber(one.number, one.province, one.city, "010", skill_group_ids=("new",))
            for one in numbers(3)
        ],
    )
    await MembersWriter(client, BASE).write(moved, 1, "epoch")
    (old,) = (await line.call([ONE])).answers
    (new,) = (
        await line.call([Pick(dry_run=True, steps=(Step("any", ("new|any|*",)),), count=3)])
    ).answers
    assert picked_from(old).uses == ()
    assert shown(picked_from(new)) == [
        "01089890001",
        "01089890002",
        "01089890000",
    ]
    await line.close()
    await client.aclose()


async def test_homes_that_nobody_lives_in_are_dropped(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(3))
    await write_members(redis_url, Inventory("ccc-test", 2, []))
    client = open_client(redis_url, timeout=5)
    assert await client.keys("*") == [f"{BASE}state".encode()]
    await client.aclose()


async def test_a_batch_knows_the_picks_and_the_leases_that_it_made_itself(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(3))
    async with open_client(redis_url, timeout=5) as client:
        line = Line(client, BASES, "one", 5)
        line.rule(
            Rules(
                limits={"": Limits(max_concurrent=1, lease=60_000)},
                callee=(CalleeRule(2, 60_000, by_calendar=False),),
                idempotency=60_000,
                remembered=60_000,
            )
        )
        ended = Outcome("a", "", "", final=True)
        first, again, second, third = (pick(call, "callee") for call in ("a", "a", "b", "c"))
        batch = await line.call([first, again, second, third, ended, ended])
        assert [shown(picked_from(answer)) for answer in batch.answers[:4]] == [
            ["01089890000"],
            ["01089890000"],
            ["01089890001"],
            [],
        ]
        assert [ended.read(answer).state for answer in batch.answers[4:]] == ["followed", "over"]
        await line.close()


async def test_a_call_ends_too_where_the_user_may_not_write_a_part_of_a_value(
    redis_url: str,
) -> None:
    await write_members(redis_url, inventory_of(9))
    async with open_client(redis_url, timeout=5) as client:
        await client.execute_command("ACL SETUSER bound on nopass ~* &* +@all -setrange")
    theirs = redis_url.replace("redis://", "redis://bound:any@")
    async with open_client(theirs, timeout=5) as client:
        line = Line(client, BASES, "one", 5)
        line.rule(Rules(remembered=60_000))
        await line.call([pick("a")])
        ended = Outcome("a", "", "", final=True)
        told = [(await line.call([ended])).answers[0] for _ in range(2)]
        assert [ended.read(one).state for one in told] == ["followed", "over"]
        await line.close()


async def test_a_batch_of_outcomes_reads_its_calls_and_its_numbers_together(
    redis_url: str,
) -> None:
    await write_members(redis_url, inventory_of(9))
    async with open_client(redis_url, timeout=5) as client:
        line = Line(client, BASES, "one", 5)
        line.rule(Rules(limits={"": Limits(max_concurrent=2, lease=60_000)}, remembered=60_000))
        calls = [f"call {at}" for at in range(6)]
        await line.call([pick(call) for call in calls])
        before: Any = await client.info("commandstats")
        reply = await line.call([Outcome(call, "", "", final=True) for call in calls])
        after: Any = await client.info("commandstats")
        names = ("get", "mget", "zadd", "set", "setrange")
        counts = [
            {name: stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in names}
            for stats in (before, after)
        ]
        assert [answer.split()[0] for answer in reply.answers] == ["followed"] * 6
        assert {name: counts[1][name] - counts[0][name] for name in names} == {
            "get": 0,
            "mget": 1,
            "zadd": 0,
            "set": 0,
            "setrange": 6,
        }
        await line.close()

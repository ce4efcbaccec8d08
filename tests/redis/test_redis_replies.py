"""Whatever Redis answers that is no answer: told in its words, and never to a later command."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.errors import LedgerUnavailable
from service.redis_.client import open_client, open_topology, translated
from tests.conftest import RedisServer
from tests.proxy import Proxy, Reply, cut, garbled, lost, passed, repeated, said
from tests.redis.asking import refused_for
from tests.redis.distant import Kind, distant
from tests.waiting import LONG


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[Proxy]:
    async with Proxy(redis_server.port) as opened:
        yield opened


@pytest.fixture
async def behind(proxy: Proxy) -> AsyncIterator[Redis]:
    """A client whose server is behind the proxy."""
    async with open_client(f"redis://127.0.0.1:{proxy.port}", timeout=LONG) as opened:
        await opened.set("callerid:test", "1", ex=60)
        yield opened


@pytest.mark.parametrize(
    "words",
    [
        "DENIED Redis is running in protected mode because",
        "ERR illegal address",
        "ERR unknown command 'GET'",
        "MISCONF Errors writing to the AOF file",
        "READONLY You can't write against a read only replica.",
        "OOMPH is not a code",
    ],
)
async def test_whatever_redis_says_no_with_it_is_unavailable_in_its_own_words(
    proxy: Proxy, behind: Redis, words: str
) -> None:
    proxy.reply = said(f"-{words}\r\n".encode())
    with refused_for(f"^Redis cannot serve: {re.escape(words)}$"):
        await behind.get("callerid:test")
    async with open_client(f"redis://127.0.0.1:{proxy.port}", timeout=LONG) as new:
        with refused_for(f"^Redis cannot serve: {re.escape(words)}$"):
            await new.ping()
        proxy.reply = passed
        assert await new.get("callerid:test") == b"1"
    assert await behind.get("callerid:test") == b"1"


@pytest.mark.parametrize(
    "reply", [b":7\r\n", b"+OK\r\n", b"*1\r\n$1\r\n0\r\n", b"$1\r\n\xff\r\n", b"$-1\r\n"]
)
async def test_a_reply_of_another_shape_is_unavailable_and_its_connection_is_left(
    proxy: Proxy, behind: Redis, reply: bytes
) -> None:
    before = await behind.client_id()
    proxy.reply = said(reply)
    with refused_for("^Redis answered with something else: .*Error"):
        await behind.hscan("callerid:none")
    proxy.reply = passed
    assert await behind.client_id() != before
    assert await behind.hscan("callerid:none") == (0, {})


async def test_a_reply_that_its_reader_cannot_take_is_unavailable_and_its_connection_is_left(
    proxy: Proxy, behind: Redis
) -> None:
    before = await behind.client_id()
    proxy.reply = said(b"*1\r\n$1\r\n0\r\n")
    with refused_for("^Redis answered with something else: ValueError"):
        _, _ = await behind.eval("return {1, 2}", 0)
    proxy.reply = passed
    assert await behind.client_id() != before


async def test_a_stray_reply_is_nobody_elses(proxy: Proxy, behind: Redis) -> None:
    for _ in range(5):
        proxy.reply = repeated
        assert await behind.get("callerid:test") == b"1"
        proxy.reply = passed
        assert await behind.get("callerid:none") is None
    proxy.reply = said(b"+stray\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\n1\r\n$1\r\n1\r\n")
    with refused_for("^Redis cannot serve: Wrong number of response items"):
        async with behind.pipeline(transaction=True) as together:
            together.get("callerid:test")
            together.get("callerid:test")
            await together.execute()
    proxy.reply = passed
    assert await behind.get("callerid:test") == b"1"


@pytest.mark.parametrize(
    ("reply", "words"),
    [(garbled, "Protocol error"), (cut, "closed by server"), (lost, "Timeout reading")],
)
async def test_a_broken_reply_is_unavailable_and_the_next_one_is_right(
    proxy: Proxy, reply: Reply, words: str
) -> None:
    async with open_client(f"redis://127.0.0.1:{proxy.port}", timeout=0.5) as opened:
        await opened.set("callerid:test", "2", ex=60)
        proxy.reply = reply
        with refused_for(words):
            await opened.get("callerid:test")
        proxy.reply = passed
        assert await opened.get("callerid:test") == b"2"


async def test_a_pipeline_of_a_master_without_its_replicas_is_unavailable(
    own_redis: RedisServer,
) -> None:
    async with open_client(own_redis.url, timeout=LONG) as opened:
        await opened.config_set("min-replicas-to-write", 1)
        for transaction in (True, False):
            with refused_for("^Redis cannot serve: NOREPLICAS Not enough good replicas to write.$"):
                async with opened.pipeline(transaction=transaction) as together:
                    together.zadd("callerid:test", {"13812345678": 1})
                    together.zcard("callerid:test")
                    await together.execute()
        await opened.config_set("min-replicas-to-write", 0)
        assert await opened.zadd("callerid:test", {"x": 1})


async def test_what_a_script_of_ours_refuses_is_caught_inside(behind: Redis) -> None:
    with translated():
        try:
            await behind.eval("return redis.error_reply('FENCED by 7')", 0)
        except ResponseError as error:
            assert str(error) == "FENCED by 7"  # noqa: PT017 - it must come as it is


async def test_no_phone_number_and_no_more_than_a_line_is_repeated(
    proxy: Proxy, behind: Redis
) -> None:
    proxy.reply = said(b"-ERR no 13812345678 " + 500 * b"x" + b"\r\n")
    with pytest.raises(LedgerUnavailable) as refused, translated():
        await behind.get("callerid:test")
    assert str(refused.value) == "Redis cannot serve: ERR no 138****5678 " + 185 * "x"


async def test_a_server_that_knows_no_login_does_not_have_the_password_repeated(
    proxy: Proxy,
) -> None:
    url = f"redis://:hunter2@127.0.0.1:{proxy.port}"
    for told in ("unknown command 'AUTH', with args beginning with: 'hunter2'", "no hunter2 here"):
        proxy.reply = said(f"-ERR {told}\r\n".encode())
        async with open_client(url, timeout=LONG) as opened:
            with (
                pytest.raises(LedgerUnavailable, match=r"unknown command|no … here") as refused,
                translated(),
            ):
                await opened.ping()
        assert "hunter2" not in f"{refused.value} {refused.value.__cause__}"


@pytest.mark.parametrize("kind", ["sentinel", "cluster"])
@pytest.mark.parametrize(
    "reply", [b"+OK\r\n", b":7\r\n", b"*2\r\n$1\r\nh\r\n$1\r\np\r\n", b"$5\r\na b c\r\n"]
)
async def test_who_tells_nonsense_of_the_servers_has_told_nothing(
    kind: Kind, reply: bytes, tmp_path: Path
) -> None:
    async with distant(kind, tmp_path) as there:
        topology = open_topology(there.url)
        assert topology is not None
        async with aclosing(topology):
            await topology.search()
            before = topology.masters()
            there.proxies[-1].reply = said(reply)
            await topology.search()
            assert topology.masters() == before
            there.proxies[-1].reply = passed
            async with asyncio.timeout(LONG):
                while not topology.masters():
                    await topology.search()

"""The Redis client against real servers: what it survives, and how it names what it does not."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.errors import LedgerUnavailable, SettingsError
from service.redis_ import connections
from service.redis_.client import open_client, translated
from tests.conftest import RedisServer
from tests.proxy import Proxy, Reply, cut, garbled, lost, passed, repeated, said

SHORT = 0.03
AWAY = 0.025
LONG = 5.0


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=LONG) as opened:
        yield opened


@contextmanager
def refused_for(reason: str) -> Iterator[None]:
    with pytest.raises(LedgerUnavailable, match=reason), translated():
        yield


async def test_a_client_speaks_to_the_server_and_gives_bytes(client: Redis) -> None:
    await client.set("callerid:test", "x", ex=10)
    assert await client.get("callerid:test") == b"x"


async def test_a_connection_bears_the_name_of_the_service(client: Redis) -> None:
    assert await client.client_getname() == "callerid"


async def test_a_unix_socket_serves_too(redis_server: RedisServer) -> None:
    async with open_client(f"unix://{redis_server.socket}", timeout=LONG) as opened:
        assert await opened.ping()


@pytest.mark.parametrize(
    "url", ["redis+sentinel://h1,h2/service", "redis+cluster://h1", "http://h", "h", ""]
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"redis\.url: found .*, expected redis://"):
        open_client(url, timeout=SHORT)


def test_a_url_that_cannot_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        open_client("redis://:hunter2@host:port", timeout=SHORT)
    assert "hunter2" not in str(refused.value)


async def test_a_port_where_nobody_listens_is_unavailable(own_redis: RedisServer) -> None:
    own_redis.kill()
    async with open_client(own_redis.url, timeout=SHORT) as opened:
        with refused_for("Connection refused|Connect call failed"):
            await opened.ping()


async def test_a_server_that_hangs_is_given_up_within_the_timeout(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=SHORT) as opened, asyncio.timeout(LONG):
        own_redis.stop_signal()
        with refused_for("Timeout"):
            await opened.ping()


async def test_a_server_that_hangs_in_mid_conversation_loses_its_connection(
    own_redis: RedisServer,
) -> None:
    async with open_client(own_redis.url, timeout=SHORT) as opened:
        first = await opened.client_id()
        own_redis.stop_signal()
        with refused_for("Timeout"):
            await opened.ping()
        own_redis.continue_signal()
        assert await _until_it_answers(opened) != first


async def _until_it_answers(client: Redis) -> int:
    async with asyncio.timeout(LONG):
        while True:
            try:
                with translated():
                    found: int = await client.client_id()
                    return found
            except LedgerUnavailable:
                await asyncio.sleep(0.01)


async def test_a_command_is_not_sent_again_after_a_timeout(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=SHORT) as opened:
        await opened.set("callerid:count", 0, ex=10)
        own_redis.stop_signal()
        with refused_for("Timeout"):
            await opened.incr("callerid:count")
        own_redis.continue_signal()
        await _until_it_answers(opened)
        assert await opened.get("callerid:count") in (b"0", b"1")


async def test_a_deadline_of_the_caller_is_translated_too(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=LONG) as opened:
        own_redis.stop_signal()
        with refused_for("no answer in time"):
            async with asyncio.timeout(SHORT):
                await opened.ping()


async def test_a_cancellation_passes_untranslated(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=LONG) as opened:
        own_redis.stop_signal()

        async def asking() -> None:
            with translated():
                await opened.ping()

        task = asyncio.create_task(asking())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_replica_that_may_not_write_is_unavailable(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=LONG) as opened:
        await opened.replicaof("127.0.0.1", str(own_redis.port))
        with refused_for("READONLY"):
            await opened.set("callerid:test", "x", ex=10)


async def test_a_master_without_its_replicas_is_unavailable(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=LONG) as opened:
        await opened.config_set("min-replicas-to-write", 1)
        with refused_for("NOREPLICAS"):
            await opened.set("callerid:test", "x", ex=10)


async def test_a_full_server_is_unavailable_also_from_a_script(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=LONG) as opened:
        await opened.config_set("maxmemory", 1)
        with refused_for("OOM command not allowed"):
            await opened.eval("return redis.call('SET', KEYS[1], 'x')", 1, "callerid:test")


async def test_an_endless_script_makes_the_server_unavailable(own_redis: RedisServer) -> None:
    async with (
        open_client(own_redis.url, timeout=LONG) as opened,
        open_client(own_redis.url, timeout=SHORT) as impatient,
    ):
        await opened.config_set("lua-time-limit", 1)
        with refused_for("Timeout"):
            await impatient.eval("while true do end", 0)
        with refused_for("BUSY"):
            await opened.ping()


async def test_a_user_who_may_not_run_the_command_makes_it_unavailable(
    own_redis: RedisServer,
) -> None:
    async with open_client(own_redis.url, timeout=LONG) as opened:
        await opened.acl_setuser("weak", enabled=True, nopass=True, commands=["+ping"])
    url = f"redis://weak:x@127.0.0.1:{own_redis.port}"
    async with open_client(url, timeout=LONG) as opened:
        with refused_for("NOPERM .*permissions"):
            await opened.get("callerid:test")


async def test_a_wrong_password_is_unavailable_and_not_told(own_redis: RedisServer) -> None:
    url = f"redis://nobody:hunter2@127.0.0.1:{own_redis.port}"
    async with open_client(url, timeout=LONG) as opened:
        with pytest.raises(LedgerUnavailable) as refused, translated():
            await opened.ping()
    assert "hunter2" not in str(refused.value)


async def test_garbage_for_a_reply_is_unavailable() -> None:
    async def talk_nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk_nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_client(f"redis://127.0.0.1:{port}", timeout=LONG) as opened:
        with refused_for("Protocol error"):
            await opened.ping()


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


async def test_what_a_script_of_ours_refuses_is_caught_inside(client: Redis) -> None:
    with translated():
        try:
            await client.eval("return redis.error_reply('FENCED by 7')", 0)
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


async def test_connecting_has_more_time_than_a_reply(
    own_redis: RedisServer,
) -> None:
    with redis.Redis(port=own_redis.port) as server:
        server.config_set("requirepass", "hunter2")
    async with Proxy(own_redis.port) as far:
        far.delay = 0.04
        url = f"redis://:hunter2@127.0.0.1:{far.port}/1"
        async with open_client(url, timeout=SHORT) as opened:
            pool: Any = opened.connection_pool
            connection = await pool.get_connection()
            await pool.release(connection)
            far.reset()
            with refused_for("Timeout reading|closed"):
                await opened.ping()
            far.delay = 0.0
            assert await _until_it_answers(opened)


async def test_connecting_has_an_end(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECT_SECONDS", SHORT)
    own_redis.stop_signal()
    async with open_client(own_redis.url, timeout=LONG) as opened:
        with refused_for("^Redis cannot serve: Timeout"):
            await opened.ping()


async def test_a_redis_25_ms_away_serves_also_after_a_reset(proxy: Proxy) -> None:
    async with open_client(f"redis://127.0.0.1:{proxy.port}", timeout=SHORT) as opened:
        proxy.delay = AWAY
        first = await _until_it_answers(opened)
        proxy.reset()
        assert await _until_it_answers(opened) != first

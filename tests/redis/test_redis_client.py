"""The Redis client against real servers: what it survives, and how it names what it does not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from service.errors import LedgerUnavailable, SettingsError
from service.redis_.client import open_client, translated
from tests.conftest import RedisServer
from tests.redis.asking import SHORT, refused_for, until_it_answers
from tests.waiting import LONG


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=LONG) as opened:
        yield opened


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
        assert await until_it_answers(opened) != first


async def test_a_command_is_not_sent_again_after_a_timeout(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=SHORT) as opened:
        await opened.set("callerid:count", 0, ex=10)
        own_redis.stop_signal()
        with refused_for("Timeout"):
            await opened.incr("callerid:count")
        own_redis.continue_signal()
        await until_it_answers(opened)
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

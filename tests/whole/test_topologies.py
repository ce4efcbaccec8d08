"""The whole service over Redis behind Sentinels, and over a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from service.emulator import running
from service.settings import CalleeLimits, CallerLimits, HealthSettings, Selection
from tests.conftest import free_port
from tests.redis.topologies import ClusterOfSix, Watched, cluster_of_six, watched_by_sentinels
from tests.whole.processes import command
from tests.whole.services import chengdu_numbers, emulator_of, settings_for, started
from tests.whole.test_commands import configuration

EVERY_RULE = Selection(
    caller=CallerLimits(max_per_hour=100, max_concurrent=50, rest_seconds=0),
    callee=CalleeLimits(cooldown_seconds=1),
)


@pytest.fixture(params=["sentinels", "a cluster"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched | ClusterOfSix]:
    if request.param == "sentinels":
        with watched_by_sentinels(tmp_path) as watched:
            yield watched
    else:
        with cluster_of_six(tmp_path) as cluster:
            yield cluster


def keys_in(servers: Watched | ClusterOfSix) -> set[str]:
    """The last words of all keys."""
    masters = [servers.master] if isinstance(servers, Watched) else servers.masters
    found: set[str] = set()
    for master in masters:
        with redis.Redis(port=master.port, decode_responses=True) as client:
            found |= {key.rpartition(":")[2] for key in client.scan_iter()}
    return found


async def test_every_part_finds_its_keys(servers: Watched | ClusterOfSix) -> None:
    async with running(emulator_of(chengdu_numbers(200))) as address:
        settings = settings_for(f"http://{address}", servers.url, EVERY_RULE)
        settings = replace(settings, health=HealthSettings(enabled=True))
        async with started(settings) as one, started(settings) as two:
            answers = [
                (await side.pick(call_id="a", called_number="13880001234"))[1]
                for side in (one, two)
            ]
            _, listed = await two.get("/v1/numbers?instance_id=ccc-test&page_size=1")
    assert answers[0]["source"] == answers[1]["source"] == "redis"
    assert answers[0]["data"] == answers[1]["data"]
    assert listed["total"] == 200
    assert keys_in(servers) >= {"state", "numbers", "homes", "processes", "manifest", "fence"}


async def test_a_start_reads_the_inventory_that_another_left(
    servers: Watched | ClusterOfSix,
) -> None:
    async with (
        running(emulator_of(chengdu_numbers(7))) as address,
        started(settings_for(f"http://{address}", servers.url)) as service,
    ):
        assert (await service.pick())[0] == 200
    async with started(settings_for(f"http://{address}", servers.url)) as service:  # no CCC now
        status, answer = await service.pick()
    assert (status, answer["source"]) == (200, "redis")


async def test_check_says_what_it_found_of_the_servers(
    servers: Watched | ClusterOfSix, tmp_path: Path
) -> None:
    async with running(emulator_of(chengdu_numbers(7))) as address:
        path = configuration(tmp_path, address, redis_url=servers.url)
        async with command("check", "--config", str(path)) as check:
            output = (await check.communicate())[0].decode()
    assert check.returncode == 0, output
    assert "redis: the keys callerid:2:{ccc-test}:… are at 127.0.0.1:" in output
    if isinstance(servers, Watched):
        at = f"127.0.0.1:{servers.master.port}"
        assert output.count(f": the master of ledger is {at}, with 1 replica(s)\n") == 3
        assert f"redis: {at}: up, version " in output
        assert f"redis: {at}: consider min-replicas-to-write 1" in output
    else:
        assert output.count(": knows 6 nodes\n") == 3
        assert "redis: 16384 of 16384 slots are served, by 3 node(s)\n" in output
        assert output.count(": up, version ") == 3


async def test_check_ends_with_1_where_nobody_tells_where_redis_is(tmp_path: Path) -> None:
    hosts = ",".join(f"127.0.0.1:{free_port()}" for _ in range(3))
    url = f"redis+sentinel://{hosts}/ledger"
    path = configuration(tmp_path, "127.0.0.1:1", redis_url=url)
    async with command("check", "--config", str(path)) as check:
        output = (await check.communicate())[0].decode()
    assert check.returncode == 1, output
    assert output.count(": does not answer, or knows no service ledger\n") == 3
    assert "redis: nobody tells where a server is that holds data\n" in output

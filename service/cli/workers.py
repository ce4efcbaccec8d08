"""Several processes on one port: started, watched, and stopped together.

Each worker is the command itself, told to share the port; the kernel spreads the connections.
Nothing of a pick passes through here. A line ties a worker to the first process: a worker that
fails says why on it, and one that finds it cut, since the first process was killed, ends too.
"""

import asyncio
import logging
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from random import Random
from typing import NamedTuple

from prometheus_client import values

from service.addresses import open_all, to_listen
from service.errors import CallerIdError
from service.shared_metrics import Piece, SharedValues
from service.tasks import wait_at_most

MOST_FAILURES = 10  # in a row
SHORTEST_PAUSE = 0.2  # seconds until another worker is started; doubled by each failure
LONGEST_PAUSE = 10.0
WELL_SECONDS = 30.0  # a worker that lived for so long has not failed at its start

_MOST_WORDS = 4096  # bytes

_log = logging.getLogger(__name__)


class WorkersFailed(CallerIdError):
    """Worker after worker failed."""


class _Ended(NamedTuple):
    """How a worker ended, and for how long it had run, in seconds."""

    status: int
    reason: str
    age: float


class Workers:
    """The processes of one service.

    Args:
        arguments: the command line of one worker, after `python -m service`.
        count: how many to keep running.
        randomness: spreads the pauses, so that workers that failed together start apart.
    """

    def __init__(self, arguments: Sequence[str], count: int, randomness: Random) -> None:
        self._arguments = arguments
        self._pieces = [Piece.make() for _ in range(count)]
        self._randomness = randomness
        self._running: dict[Process, float] = {}  # when each was started
        self._failures = 0
        self._status = 0
        self._given_up: WorkersFailed | None = None

    async def run(self) -> int:
        """Keep the workers running until SIGTERM or SIGINT; SIGHUP is handed on.

        Returns:
            0, or 2 where the workers refuse their configuration.

        Raises:
            WorkersFailed: ten ended one after another, and none is left that has served for long.
        """
        loop = asyncio.get_running_loop()
        self._ending, self._now = asyncio.Event(), loop.time
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._tell, signal.SIGHUP)
        async with asyncio.TaskGroup() as tasks:
            for piece in self._pieces:
                tasks.create_task(self._keep(piece))
        if self._given_up is not None:
            raise self._given_up
        return self._status

    async def _keep(self, piece: Piece) -> None:
        """Run one worker after another until all are to stop."""
        is_first = True
        while not self._ending.is_set():
            ended = await self._run_one(piece)
            piece.clear_gauges()
            if self._ending.is_set():
                return
            # Later it is what somebody is editing, and no reason to take the others away.
            if ended.status == 2 and is_first:  # noqa: PLR2004 - of a wrong configuration
                self._status = 2
                self._stop()
                return
            is_first = False
            await self._back_off(ended)

    async def _run_one(self, piece: Piece) -> _Ended:
        """Start a worker and wait for its end."""
        began = self._now()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                try:
                    worker = await self._start(piece, theirs.fileno())
                except OSError as error:  # of processes, memory or files there are none left now
                    return _Ended(1, str(error), 0.0)
            self._running[worker] = began
            if self._ending.is_set():
                worker.terminate()
            status = await worker.wait()
            del self._running[worker]
            return _Ended(status, _last_words(ours) or _in_words(status), self._now() - began)

    async def _start(self, piece: Piece, line: int) -> Process:
        others = (other for other in self._pieces if other is not piece)
        given = [line, *piece, *(descriptor for other in others for descriptor in other)]
        own = ["--worker", ",".join(map(str, given))]
        # A SIGHUP that comes before the worker listens to it would end it: it waits meanwhile.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", *self._arguments, *own), pass_fds=given
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    async def _back_off(self, ended: _Ended) -> None:
        """Wait before another worker is started, ever longer; after the tenth failure give up."""
        if ended.age >= WELL_SECONDS:
            self._failures = 0
        self._failures += 1
        if self._failures >= MOST_FAILURES and not self._any_serves_well():
            self._given_up = WorkersFailed(
                f"gave up after {self._failures} workers ended in a row; the last one: "
                f"{ended.reason}"
            )
            self._stop()
            return
        longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** (self._failures - 1))
        pause = longest * self._randomness.uniform(0.5, 1)
        _log.error("A worker ended, another one is started in %.1f s: %s", pause, ended.reason)
        await wait_at_most(pause, self._ending)

    def _any_serves_well(self) -> bool:
        return any(self._now() - began >= WELL_SECONDS for began in self._running.values())

    def _stop(self) -> None:
        self._ending.set()
        self._tell(signal.SIGTERM)

    def _tell(self, signal_number: signal.Signals) -> None:
        for worker in self._running:
            with suppress(ProcessLookupError):
                worker.send_signal(signal_number)


def _last_words(line: socket.socket) -> str:
    with suppress(OSError):
        return line.recv(_MOST_WORDS, socket.MSG_DONTWAIT).decode(errors="replace")
    return ""


def _in_words(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


@contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Hold the address that the workers share: any other service there would take connections.

    A socket that is bound and does not listen is enough for that, and gets none of them itself.

    Args:
        host: where they listen.
        port: 0 for a free one.

    Returns:
        The port.

    Raises:
        CannotListen: it is taken, or not this machine's.
    """
    with ExitStack() as held:
        with to_listen(host, port):
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            holders = open_all(found, port, _holder)
        for holder in holders:
            held.enter_context(holder)
        yield holders[0].getsockname()[1]


def _holder(family: int, address: tuple[object, ...]) -> socket.socket:
    """Return a socket that is bound as a server's that restarts, and then for the workers alone."""
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(address)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except BaseException:
        holder.close()
        raise
    return holder


@contextmanager
def joined(given: str) -> Iterator[socket.socket]:
    """Make this process a worker, by what the first process gave it with `--worker`.

    Yields:
        The line to the first process; what fails in the block is told there.
    """
    line, *descriptors = map(int, given.split(","))
    own, *others = map(Piece, descriptors[::2], descriptors[1::2])
    values.ValueClass = SharedValues(own, others)
    with socket.socket(fileno=line) as parent:
        try:
            yield parent
        except (CallerIdError, OSError) as error:
            with suppress(OSError):
                parent.send(str(error).encode()[:_MOST_WORDS])
            raise

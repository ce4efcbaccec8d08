"""Overload: hundreds and thousands of connections, and those who come new meanwhile.

    python -m tests.bench.crowd [--seconds 5] [--only 1000]

With `max_in_flight = 100`, 1,000 and 3,000 connections ask in a closed loop; who is refused waits
for as long as `Retry-After` says. The load is a process of its own, the service another that
stamps when it reads and when it writes (`stamped`), the bare handler a third. Beside them a
newcomer opens a connection every 50 ms, asks once, and waits for its first answer. At last 300
connections are busy and 200 new ones come at once. A case takes `--seconds` and some for starting.
"""

import argparse
import heapq
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load import request_of
from tests.bench.stage import Server, Stage
from tests.bench.stamped import STAMPS
from tests.bench.warm import GROUPS, numbers_of

LIMIT = 100
CROWDS = (1000, 3000)
BUSY, NEW = 300, 200
EVERY = 0.05  # seconds between two newcomers
PATIENCE = 5.0


class Crowd:
    """So many connections, each with one request in flight or waiting to ask again."""

    def __init__(self, port: int, count: int) -> None:
        self.port = port
        self.epoll = select.epoll()
        self.sockets = {}
        self.due: list[tuple[float, int]] = []
        self.counts: dict[int, int] = {}
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[connection.fileno()] = connection
            self.epoll.register(connection.fileno(), select.EPOLLIN)

    def run(self, seconds: float) -> dict[int, int]:
        """Ask until the time is over; returns the answers by status."""
        until = time.monotonic() + seconds
        for number in self.sockets:
            self.ask(number)
        while (now := time.monotonic()) < until:
            while self.due and self.due[0][0] <= now:
                self.ask(heapq.heappop(self.due)[1])
            wait = min(self.due[0][0], until) - now if self.due else until - now
            for number, _ in self.epoll.poll(max(0.0, wait)):
                self.hear(number)
        return self.counts

    def ask(self, number: int) -> None:
        self.sockets[number].sendall(request_of(self.port, GROUPS[:1]))

    def hear(self, number: int) -> None:
        answer = self.sockets[number].recv(65_536)
        if not answer:
            self.epoll.unregister(number)
            self.counts[0] = self.counts.get(0, 0) + 1
            return
        status = int(answer[9:12])
        self.counts[status] = self.counts.get(status, 0) + 1
        if status == 503:
            again = float(answer.partition(b"Retry-After: ")[2].partition(b"\r\n")[0])
            heapq.heappush(self.due, (time.monotonic() + again, number))
        else:
            self.ask(number)


def newcomers(port: int, seconds: float) -> list[tuple[float, int]]:
    """One after another: ms from opening a connection to its first answer, and its status.

    Status 0 is one whose patience ended: the bare handler has no gate.
    """
    heard = []
    until = time.monotonic() + seconds
    while (start := time.monotonic()) < until:
        status = 0
        with (
            suppress(TimeoutError),
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection,
        ):
            connection.sendall(request_of(port, GROUPS[:1]))
            status = int(connection.recv(65_536)[9:12])
        heard.append((1000 * (time.monotonic() - start), status))
        time.sleep(EVERY)
    return heard


def at_once(port: int, count: int) -> list[float]:
    """Open so many connections at once; the ms of each until its first answer."""
    epoll, opened = select.epoll(), {}
    start = time.monotonic()
    for _ in range(count):
        connection = socket.socket()
        connection.settimeout(0)
        with suppress(BlockingIOError):
            connection.connect(("127.0.0.1", port))
        opened[connection.fileno()] = connection
        epoll.register(connection.fileno(), select.EPOLLOUT)
    times: list[float] = []
    while len(times) < count and time.monotonic() < start + PATIENCE:
        for number, event in epoll.poll(0.1):
            if event & select.EPOLLOUT:
                opened[number].sendall(request_of(port, GROUPS[:1]))
                epoll.modify(number, select.EPOLLIN)
            else:
                opened.pop(number).close()
                times.append(1000 * (time.monotonic() - start))
    return sorted(times)


@contextmanager
def crowded(port: int, count: int, seconds: float) -> Iterator[Callable[[], dict[str, int]]]:
    """A crowd in a process of its own; gives its counts when it has ended."""
    command = (sys.executable, "-m", "tests.bench.crowd", "--load", str(port), str(count))
    load = subprocess.Popen((*command, "--seconds", str(seconds)), stdout=subprocess.PIPE)
    assert load.stdout is not None
    load.stdout.readline()  # it is connected
    try:
        yield lambda: json.loads(load.communicate()[0])
    finally:
        load.kill()
        load.wait()


@contextmanager
def stage_of(ledger: str, stamps: Path) -> Iterator[Server]:
    """A server: the bare handler, or the stamped service over a ledger."""
    os.environ[STAMPS] = str(stamps)
    with Stage() as stage:
        if ledger == "bare":
            yield stage.bare()
            return
        redis = None if ledger == "embedded" else stage.redis(numbers_of(1000))
        config = stage._configured(redis.url if redis is not None else "", "")
        command = (sys.executable, "-m", "tests.bench.stamped", "serve", "--config", str(config))
        server = stage._started("/readyz", *command)
        if ledger == "degraded" and redis is not None:
            redis.kill()
        yield server


def overload(ledger: str, count: int, seconds: float) -> None:
    """Print what a crowd, and newcomers beside it, hear of a server."""
    with TemporaryDirectory() as folder:
        stamps = Path(folder) / "stamps"
        with (
            stage_of(ledger, stamps) as server,
            crowded(server.port, count, seconds) as counts,
        ):
            heard = newcomers(server.port, seconds - 0.5)
            answers = counts()
        times = sorted(took for took, _ in heard)
        refused = sum(status == 503 for _, status in heard)
        print(f"{ledger}, {count} connections: answers {answers}")
        print(
            f"  newcomers {len(times)}, refused {refused}, ms: median {times[len(times) // 2]:.1f}"
            f", p90 {times[len(times) * 9 // 10]:.1f}, worst {times[-1]:.1f}"
        )
        if stamps.exists():
            for status, figures in json.loads(stamps.read_text("utf-8")).items():
                print(f"  {status}, ms from first byte read to written: {figures}")
        sys.stdout.flush()


def crowd_of_new(ledger: str) -> None:
    """Print how long those wait who come together while others are busy."""
    with (
        TemporaryDirectory() as folder,
        stage_of(ledger, Path(folder) / "stamps") as server,
        crowded(server.port, BUSY, 3.0),
    ):
        time.sleep(1)
        times = at_once(server.port, NEW)
        print(
            f"{ledger}, {BUSY} busy, {NEW} new: {len(times)} answered, "
            f"ms: median {times[len(times) // 2]:.0f}, worst {times[-1]:.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only", type=int, help="this many connections alone; 0 for none")
    parser.add_argument("--ledgers", nargs="*", default=["bare", "embedded", "degraded", "redis"])
    parser.add_argument("--load", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        crowd = Crowd(*arguments.load)
        print("connected", flush=True)
        print(json.dumps(crowd.run(arguments.seconds)))
        return
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    os.environ["CALLERID_SERVER__MAX_IN_FLIGHT"] = str(LIMIT)
    crowds = CROWDS if arguments.only is None else (arguments.only,)
    for count in filter(None, crowds):
        for ledger in arguments.ledgers:
            overload(ledger, count, arguments.seconds)
    os.environ["CALLERID_SERVER__MAX_IN_FLIGHT"] = "1024"
    for ledger in arguments.ledgers:
        crowd_of_new(ledger)


if __name__ == "__main__":
    main()

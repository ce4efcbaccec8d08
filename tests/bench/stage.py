"""The processes that are measured side by side, each on a port of its own."""

import asyncio
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import orjson

from service.inventory import PhoneNumber
from tests.bench.warm import INSTANCE, numbers_of, park, warm
from tests.conftest import RedisServer, free_port

ROOT = Path(__file__).parents[2]
STARTING_SECONDS = 120

_COMMON = """
[server]
drain_seconds = 0
[redis]
url = "{redis}"
[ccc]
endpoint = "http://127.0.0.1:{emulator}"
[inventory]
refresh_seconds = 3600
stale_after_seconds = 7200
[[instances]]
id = "{instance}"
ccc = {{access_key_id = "demo-key", access_key_secret = "demo-secret"}}
"""

# Each rule that can be configured without ever binding here. A rest would bind: a second of it is
# more than a number has between two of its turns.
ALL_RULES = """
[selection.caller]
max_per_hour = 1000000
max_per_day = 1000000
max_concurrent = 1000
lease_seconds = 1
[selection.callee]
rules = [
  {limit = 1000, window_seconds = 300, kind = "sliding"},
  {limit = 1000, window_seconds = 86400, kind = "calendar"},
]
cooldown_seconds = 60
sticky_seconds = 60
"""


class Server:
    """One process under load: where it listens, and what it has used so far."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._pid = process.pid

    @property
    def cpu_seconds(self) -> float:
        """What it has used of the cores, in user and in kernel mode."""
        return cpu_seconds(self._pid)

    @property
    def resident_bytes(self) -> int:
        """What it holds in memory."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class Stage:
    """Starts what is measured, and stops it all at the end; a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._emulator = 0

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(TemporaryDirectory()))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def empty_redis(self) -> RedisServer:
        """Start a Redis that holds nothing."""
        folder = self._stack.enter_context(TemporaryDirectory())
        server = RedisServer(Path(folder))
        self._stack.callback(server.kill)
        return server

    def redis(self, numbers: list[PhoneNumber], parked: int = 0) -> RedisServer:
        """A Redis that holds these numbers, the first of them parked."""
        server = self.empty_redis()
        asyncio.run(warm(server.url, numbers))
        if parked:
            asyncio.run(park(server.url, numbers[:parked]))
        return server

    def bare(self) -> Server:
        """The handler that everything is compared with."""
        return self._started("/healthz", sys.executable, "-m", "tests.bench.bare")

    def service(self, redis_url: str = "", rules: str = "", workers: int = 1) -> Server:
        """The service over a warm Redis; without one, embedded, over the emulator's sample."""
        config = self._configured(redis_url, rules)
        words = ("serve", "--config", str(config), "--workers", str(workers))
        return self._started("/readyz", callerid(), *words)

    def service_of(self, root: Path, instance: str, redis_url: str = "", rules: str = "") -> Server:
        """Start the service of a checkout, over its own sweep of an instance of the emulator."""
        config = self._written(redis_url, rules, self._emulator, instance)
        return self._started("/readyz", callerid(root), "serve", "--config", str(config), root=root)

    def seconds_to_first_pick(self, redis_url: str, group: str) -> float:
        """From the start of a service over a warm Redis to its first answered pick."""
        config, port = self._configured(redis_url, ""), free_port()
        body = orjson.dumps({"called_number": "13800138000", "skill_group_ids": [group]})
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/pick", body, headers)
        started = time.perf_counter()
        command = (callerid(), "serve", "--config", str(config), "--port", str(port))
        with process(*command) as running:
            wait_for(request, running)
            return time.perf_counter() - started

    def emulator(self, numbers: list[PhoneNumber], instances: tuple[str, ...] = (INSTANCE,)) -> int:
        """The port of CCC's look-alike with these numbers; one for all that ask."""
        if not self._emulator:
            path = self._folder / "inventory.json"
            listed = {name: [_row(number, name) for number in numbers] for name in instances}
            path.write_bytes(orjson.dumps(listed))
            command = (callerid(), "emulator", "--inventory", str(path))
            self._emulator = self._started("/_faults", *command).port
        return self._emulator

    def _configured(self, redis_url: str, rules: str) -> Path:
        emulator = 1 if redis_url else self.emulator(numbers_of(1000))
        return self._written(redis_url, rules, emulator, INSTANCE)

    def _written(self, redis_url: str, rules: str, emulator: int, instance: str) -> Path:
        path = self._folder / f"{free_port()}.toml"
        common = _COMMON.format(redis=redis_url, emulator=emulator, instance=instance)
        path.write_text(common + rules)
        return path

    def _started(self, ready_path: str, *command: str, root: Path = ROOT) -> Server:
        port = free_port()
        running = self._stack.enter_context(process(*command, "--port", str(port), root=root))
        wait_for(f"http://127.0.0.1:{port}{ready_path}", running)
        return Server(running, port)


def callerid(root: Path = ROOT) -> str:
    """Find the command of a checkout: its own environment's, or ours where it has none."""
    own = root / ".venv" / "bin" / "callerid"
    return str(own if own.exists() else Path(sys.executable).with_name("callerid"))


def cpu_seconds(pid: int) -> float:
    """What a process has used of the cores, in user and in kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def process(*command: str, root: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """A command over the code of a checkout, silent; ended with the block."""
    # Compiled once and not at every start, as what is installed is.
    environ = {name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"}
    running = subprocess.Popen(
        command,
        cwd=root,
        env=environ | {"PYTHONPATH": str(root)},  # whatever the environment is linked to
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


def wait_for(request: str | urllib.request.Request, running: subprocess.Popen[bytes]) -> None:
    """Until a server answers; that it is not found there is an answer too."""
    until = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < until and running.poll() is None:
        with suppress(OSError):
            try:
                with urllib.request.urlopen(request, timeout=1):
                    return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return
        time.sleep(0.005)
    raise RuntimeError(f"{running.args!r} does not answer; its status is {running.poll()}")


def _row(number: PhoneNumber, instance: str) -> dict[str, object]:
    groups = [
        {"SkillGroupId": group, "Name": group, "DisplayName": group, "InstanceId": instance}
        for group in number.skill_group_ids
    ]
    return {
        "Number": number.number,
        "Province": number.province,
        "City": number.city,
        "Usage": number.usage,
        "SkillGroups": groups,
    }

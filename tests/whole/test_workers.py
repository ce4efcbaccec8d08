"""Several processes on one port, as an operator and a machine treat them."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import aiohttp
import pytest

from service import logs
from service.__main__ import main
from service.cli import workers
from service.cli.workers import Workers, WorkersFailed
from service.emulator import running
from tests.conftest import free_port
from tests.programs import program
from tests.waiting import STARTING_SECONDS, eventually
from tests.whole.processes import command
from tests.whole.services import chengdu_numbers, emulator_of
from tests.whole.test_commands import QUESTION, configuration, until_ready

FOREIGN = "198.51.100.7"  # of TEST-NET-2, nobody's
NOT_TO_BE_HAD = {
    "127.0.0.1": "ddress already in use; end what listens there, or choose another port: --port",
    FOREIGN: "[Cc]annot assign requested address; choose an address of this machine$",
    "no-such-host.invalid": "(not known|name resolution)$",
    "a" * 70: "label.* too long",
}
FIRST_FREE_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


class Serving:
    """Two workers and their first process."""

    def __init__(self, first: asyncio.subprocess.Process, url: str, config: Path) -> None:
        self.first, self.url, self.config = first, url, config

    @property
    def workers(self) -> set[int]:
        return children_of(self.first.pid)

    async def pick(self) -> int:
        """One pick on a connection of its own, so that any worker may answer."""
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{self.url}/v1/pick", json=QUESTION) as response,
        ):
            return response.status

    async def metric(self, name: str) -> float:
        """What /metrics has of this name, all labels together."""
        async with aiohttp.ClientSession() as client, client.get(f"{self.url}/metrics") as response:
            assert response.status == 200
            told = await response.text()
        lines = [line for line in told.splitlines() if line.startswith(f"{name}{{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    async def until_shown(self, name: str, value: float) -> None:
        """Workers show what they have tallied twice a second."""
        async with asyncio.timeout(10):
            while await self.metric(name) != value:
                await asyncio.sleep(0.02)

    async def until_two_others_than(self, before: set[int]) -> None:
        """Wait for a worker in the place of each of these, and until it serves."""
        await eventually(
            lambda: len(self.workers) == 2 and not self.workers & before, STARTING_SECONDS
        )
        async with aiohttp.ClientSession() as client:
            await until_ready(client, self.url)


def children_of(pid: int) -> set[int]:
    try:
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except FileNotFoundError:
        return set()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@asynccontextmanager
async def two_workers(redis_url: str, folder: Path, **environment: str) -> AsyncIterator[Serving]:
    port = free_port()
    async with running(emulator_of(chengdu_numbers(5))) as address:
        path = configuration(folder, address, redis_url=redis_url)
        words = ("serve", "--config", str(path), "--port", str(port), "--workers", "2")
        async with command(*words, **environment) as first, aiohttp.ClientSession() as client:
            serving = Serving(first, f"http://127.0.0.1:{port}", path)
            await until_ready(client, serving.url)
            await eventually(lambda: len(serving.workers) == 2, STARTING_SECONDS)
            yield serving


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def one_line_of(*words: str) -> str:
    """The only line of a command that ends with 1."""
    async with command(*words) as process:
        output, told = await asyncio.wait_for(process.communicate(), STARTING_SECONDS)
    assert process.returncode == 1, told
    assert output == b""
    (line,) = told.decode().splitlines()
    return line


@pytest.mark.parametrize("count", ["1", "2"])
@pytest.mark.parametrize("host", NOT_TO_BE_HAD)
async def test_an_address_that_cannot_be_had_is_one_line_and_1(
    redis_url: str, tmp_path: Path, taken_port: int, count: str, host: str
) -> None:
    config = tmp_path / "callerid.toml"
    text = f'[redis]\nurl = "{redis_url}"\n[auth]\nrequired = "never"\n[[instances]]\nid = "a"\n'
    config.write_text(text, "utf-8")
    where = ("--host", host, "--port", str(taken_port), "--workers", count)
    line = await one_line_of("serve", "--config", str(config), *where)
    assert line.startswith(f"callerid: cannot listen on {host}:{taken_port}: ")
    assert re.search(NOT_TO_BE_HAD[host], line)


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "--emulator-port", "0", "--port"),
        ("demo", "--port", "0", "--emulator-port"),
        ("emulator", "--port"),
    ],
)
async def test_the_demo_and_the_emulator_say_it_in_one_line_too(
    taken_port: int, words: tuple[str, ...]
) -> None:
    line = await one_line_of(*words, str(taken_port))
    assert line.startswith(f"callerid: cannot listen on 127.0.0.1:{taken_port}: ")


@pytest.mark.parametrize(
    "words", [("demo", "--port"), ("demo", "--emulator-port"), ("emulator", "--port")]
)
@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    port: str,
) -> None:
    monkeypatch.setattr(logs, "configure", lambda: None)
    assert main([*words, port]) == 2
    assert capsys.readouterr() == ("", f"port: found {port}, expected a port from 0 to 65535\n")


@pytest.mark.skipif(int(FIRST_FREE_PORT.read_text()) <= 80, reason="port 80 is anybody's here")
@pytest.mark.parametrize("count", ["1", "2"])
async def test_a_port_for_the_privileged_alone_is_one_line_and_1(
    redis_url: str, tmp_path: Path, count: str
) -> None:
    path = configuration(tmp_path, "127.0.0.1:1", redis_url=redis_url)
    as_others = ("--bounding-set=-net_bind_service",) if os.geteuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        *(program("setpriv"), *as_others, sys.executable, "-m", "service"),
        *("serve", "--config", str(path), "--port", "80", "--workers", count),
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), STARTING_SECONDS)
    assert process.returncode == 1
    assert told.decode().lower() == (
        "callerid: cannot listen on 127.0.0.1:80: permission denied; choose a port from 1024 on, "
        "or allow this user to take it\n"
    )


async def test_two_services_never_share_a_port(redis_url: str, tmp_path: Path) -> None:
    async with two_workers(redis_url, tmp_path) as serving:
        words = ("serve", "--config", str(serving.config), "--workers", "2")
        line = await one_line_of(*words, "--port", serving.url.rpartition(":")[2])
        assert ": Address already in use; " in line
        assert await serving.pick() == 200


async def test_workers_end_with_their_first_process_and_leave_the_port(
    redis_url: str, tmp_path: Path
) -> None:
    async with two_workers(redis_url, tmp_path) as serving:
        before = serving.workers
        serving.first.kill()
        await serving.first.wait()
        await eventually(lambda: not any(map(is_alive, before)))
        port = serving.url.rpartition(":")[2]
        words = ("serve", "--config", str(serving.config), "--port", port, "--workers", "2")
        async with command(*words) as again, aiohttp.ClientSession() as client:
            await until_ready(client, serving.url)
            assert not children_of(again.pid) & before
            again.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(again.wait(), 10) == 0


async def test_workers_leave_nothing_where_others_clean_and_need_nothing_there(
    redis_url: str, tmp_path: Path
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    async with two_workers(redis_url, tmp_path, TMPDIR=str(temporary)) as serving:
        answers = [await serving.pick() for _ in range(20)]
        assert list(temporary.iterdir()) == []
        temporary.rmdir()
        await serving.until_shown("callerid_picks_total", 20)
        before = serving.workers
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        await serving.until_two_others_than(before)
        answers += [await serving.pick() for _ in range(20)]
        assert answers == [200] * 40
        await serving.until_shown("callerid_picks_total", 40)


async def test_a_configuration_that_is_broken_later_takes_no_worker_that_serves(
    redis_url: str, tmp_path: Path
) -> None:
    async with two_workers(redis_url, tmp_path) as serving:
        text = serving.config.read_text("utf-8")
        serving.config.write_text("[server]\nprot = 1\n", "utf-8")
        lost, other = serving.workers
        os.kill(lost, signal.SIGKILL)
        await eventually(lambda: len(serving.workers - {lost, other}) == 1, STARTING_SECONDS)
        (refused,) = serving.workers - {lost, other}
        await eventually(lambda: not is_alive(refused), STARTING_SECONDS)
        assert await serving.pick() == 200
        serving.config.write_text(text, "utf-8")
        await eventually(lambda: len(serving.workers - {lost, refused}) == 2, STARTING_SECONDS)
        serving.first.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(serving.first.wait(), 20) == 0


async def test_workers_that_refuse_their_configuration_end_all_with_2(
    redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "callerid.toml"
    path.write_text(f'[redis]\nurl = "{redis_url}"\n', "utf-8")
    words = ("serve", "--config", str(path), "--workers", "2", "--port", "0")
    async with command(*words) as process:
        _, told = await asyncio.wait_for(process.communicate(), STARTING_SECONDS)
    assert process.returncode == 2
    assert b"instances: found none" in told


async def test_a_reload_that_comes_while_workers_start_ends_none(
    redis_url: str, tmp_path: Path
) -> None:
    port = free_port()
    async with running(emulator_of(chengdu_numbers(5))) as address:
        path = configuration(tmp_path, address, redis_url=redis_url)
        words = ("serve", "--config", str(path), "--port", str(port), "--workers", "2")
        async with command(*words) as first, aiohttp.ClientSession() as client:
            await eventually(lambda: len(children_of(first.pid)) == 2, STARTING_SECONDS)
            started = children_of(first.pid)
            first.send_signal(signal.SIGHUP)
            serving = Serving(first, f"http://127.0.0.1:{port}", path)
            await until_ready(client, serving.url)
            async with asyncio.timeout(10):
                while await serving.metric("callerid_config_reloads_total") < 2:
                    await asyncio.sleep(0.02)
            assert serving.workers == started


def test_after_ten_failures_the_first_process_ends_with_1_and_says_why_in_its_last_line(
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(logs, "configure", lambda: None)
    monkeypatch.setattr(sys, "executable", program("false"))
    path = configuration(tmp_path, "127.0.0.1:1", redis_url=redis_url)
    assert main(["serve", "--config", str(path), "--port", "0", "--workers", "2"]) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert last == "callerid: gave up after 10 workers ended in a row; the last one: exit status 1"


async def test_the_reason_is_the_worker_s_own(
    redis_url: str, tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MOST_FAILURES", 1)
    async with running(emulator_of(chengdu_numbers(5))) as address:
        path = configuration(tmp_path, address, redis_url=redis_url)
        words = ["serve", "--config", str(path), "--bound", str(taken_port)]
        why = f"the last one: cannot listen on 127.0.0.1:{taken_port}: [Aa]ddress already in use; "
        with pytest.raises(WorkersFailed, match=why):
            await asyncio.wait_for(Workers(words, 1, Random(1)).run(), STARTING_SECONDS)


async def test_the_first_process_ends_at_once_while_it_backs_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "SHORTEST_PAUSE", 60)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 60)
    monkeypatch.setattr(sys, "executable", program("false"))
    first = asyncio.create_task(Workers([], 2, Random(1)).run())
    await eventually(lambda: len(caplog.records) == 2)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(first, 10) == 0


async def test_a_worker_that_has_served_well_begins_the_count_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "WELL_SECONDS", 0)
    monkeypatch.setattr(workers, "SHORTEST_PAUSE", 0.001)
    monkeypatch.setattr(sys, "executable", program("false"))
    first = asyncio.create_task(Workers([], 1, Random(1)).run())
    await eventually(lambda: len(caplog.records) > 12)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(first, 10) == 0


async def test_a_worker_that_serves_well_is_not_given_up_with_one_that_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.001)
    monkeypatch.setattr(sys, "executable", program("false"))
    first = Workers([], 1, Random(1))
    well = await asyncio.create_subprocess_exec("sleep", "60")
    first._running[well] = asyncio.get_running_loop().time() - 3600
    serving = asyncio.create_task(first.run())
    await eventually(lambda: len(caplog.records) > 12)
    assert well.returncode is None
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(serving, 10) == 0
    assert await asyncio.wait_for(well.wait(), 10) == -signal.SIGTERM


async def test_workers_find_a_free_port_together(redis_url: str, tmp_path: Path) -> None:
    async with running(emulator_of(chengdu_numbers(5))) as address:
        path = configuration(tmp_path, address, redis_url=redis_url)
        words = ("serve", "--config", str(path), "--port", "0", "--workers", "2")
        told: list[str] = []
        async with command(*words) as first:
            assert first.stderr is not None
            while len(told) < 2:
                line = await asyncio.wait_for(first.stderr.readline(), STARTING_SECONDS)
                told += re.findall(r"http://127\.0\.0\.1:[0-9]+", line.decode())
    assert told[0] == told[1]

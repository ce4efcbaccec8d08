"""The log of a process: JSON from its first line to its last, and no matter of life and death."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.emulator import running
from tests.conftest import free_port
from tests.waiting import STARTING_SECONDS, eventually
from tests.whole.processes import ROOT
from tests.whole.services import KEY, SECRET, chengdu_numbers, emulator_of
from tests.whole.test_commands import until_ready


def written(program: str, warnings: str = "ignore") -> list[dict[str, Any]]:
    """The log of a program that has set it up as the service does."""
    text = f"import logging\nfrom service.logs import configure\nconfigure()\n{program}"
    process = subprocess.run(
        [sys.executable, "-W", warnings, "-c", text], cwd=ROOT, capture_output=True, check=False
    )
    return [json.loads(line) for line in process.stderr.splitlines()]


@pytest.mark.parametrize(
    ("program", "level", "message"),
    [
        ("int('x13812348888')", "critical", "The process ends: ValueError"),
        (
            "import threading\nthreading.Thread(target=lambda: int('x13812348888')).start()",
            "error",
            "A thread ended: ValueError",
        ),
        (
            "class Thing:\n  def __del__(self): int('x13812348888')\nThing()",
            "error",
            "An exception was ignored in Thing.__del__",
        ),
        (
            (
                "import asyncio\n"
                "async def fail(): int('x13812348888')\n"
                "async def main():\n"
                "  task = asyncio.create_task(fail())\n"
                "  await asyncio.sleep(0)\n"
                "  await asyncio.sleep(0)\n"
                "  del task\n"
                "asyncio.run(main())"
            ),
            "error",
            "Task exception was never retrieved",
        ),
    ],
)
def test_what_nobody_catches_is_one_line_with_one_masked_traceback(
    program: str, level: str, message: str
) -> None:
    (line,) = written(program)
    assert line["level"] == level
    assert line["message"].startswith(message)
    assert line["exception"].count("Traceback") == 1
    assert line["exception"].endswith("'x138****8888'")


def test_a_warning_is_a_line() -> None:
    program = "import warnings\nwarnings.warn('13812348888 is old', DeprecationWarning)"
    (line,) = written(program, "always")
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")
    assert "DeprecationWarning: 138****8888 is old" in line["message"]


def test_a_line_is_json_whatever_the_terminal_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    (line,) = written("logging.error('四川 é 😀')")
    assert line["message"] == "四川 é 😀"


def test_alibabas_libraries_and_their_scheduler_write_our_lines_and_each_once() -> None:
    lines = written(
        "import alibabacloud_credentials.client\n"
        "import alibabacloud_credentials.provider.ecs_ram_role\n"
        "import alibabacloud_credentials.provider.refreshable\n"
        "for name in ('credentials', 'alibabacloud-tea', 'apscheduler.executors.default'):\n"
        "  logging.getLogger(name).info('Running job')\n"
        "  logging.getLogger(name).error('no key')\n"
    )
    assert [(line["logger"], line["message"]) for line in lines] == [
        ("credentials", "no key"),
        ("alibabacloud-tea", "no key"),
        ("apscheduler.executors.default", "no key"),
    ]


@asynccontextmanager
async def serving(errors: int, **environment: str) -> AsyncIterator[tuple[str, Any]]:
    """A service that writes its log to a file descriptor, with its address."""
    port = free_port()
    key = {"access_key_id": KEY, "access_key_secret": SECRET}
    async with running(emulator_of(chengdu_numbers(3))) as emulator:
        configured = {
            "CALLERID_SERVER__PORT": str(port),
            "CALLERID_SERVER__DRAIN_SECONDS": "0",
            "CALLERID_CCC__ENDPOINT": f"http://{emulator}",
            "CALLERID_INSTANCES": json.dumps([{"id": "ccc-test", "ccc": key}]),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve"),
            cwd=ROOT,
            stderr=errors,
            env=os.environ | configured | environment,
        )
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def ended(process: Any) -> int:
    process.send_signal(signal.SIGTERM)
    status: int = await asyncio.wait_for(process.wait(), STARTING_SECONDS)
    return status


async def test_the_first_line_says_what_listens_where_and_the_last_one_that_it_ended(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as errors:
        async with serving(errors.fileno(), PYTHONWARNINGS="default") as (url, process):
            await eventually(lambda: b"Listens on" in log.read_bytes(), STARTING_SECONDS)
            assert await ended(process) == 0
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    starts = [line for line in lines if "start" in line]
    assert [line["message"] for line in starts] == [
        f"Listens on {url}: workers 1, auth off, ledger embedded, instances 1"
    ]
    assert starts[0]["start"] == {
        "address": url,
        "workers": 1,
        "auth": "off",
        "ledger": "embedded",
        "instances": 1,
    }
    assert lines[-1]["message"] == f"Ended, and listens no more on {url}"


@pytest.fixture(params=["full", "gone"])
def unwritable(request: pytest.FixtureRequest) -> Iterator[int]:
    """A file descriptor that takes nothing: a full disk, or a pipe whose reader has ended."""
    if request.param == "full":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, descriptor = os.pipe()
        os.close(reader)
    yield descriptor
    os.close(descriptor)


async def test_a_log_that_nobody_takes_does_not_keep_the_service_from_serving(
    unwritable: int,
) -> None:
    async with serving(unwritable) as (url, process):
        async with aiohttp.ClientSession() as client:
            await until_ready(client, url)
        assert await ended(process) == 0

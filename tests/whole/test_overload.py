"""More than a process can do, and a process that stood still: refused, and nothing is spent."""

import asyncio
import logging
import resource
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from service.cli import serve
from service.emulator import running
from tests.conftest import free_port
from tests.http.http_fixtures import status_of, whole_answer
from tests.waiting import eventually
from tests.whole.processes import command
from tests.whole.services import chengdu_numbers, emulator_of
from tests.whole.test_commands import configuration, until_ready

BODY = b'{"called_number": "13880001234", "skill_group_ids": ["sales@ccc-test"]}'
REQUEST = (
    b"POST /v1/pick HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
STOPPED_SECONDS = 1.0  # four times what a busy turn may take


async def test_what_came_while_the_process_was_stopped_is_refused_and_nothing_is_spent(
    tmp_path: Path,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with running(emulator_of(chengdu_numbers(5))) as address:
        path = configuration(tmp_path, address)
        words = ("serve", "--config", str(path), "--port", str(port))
        async with command(*words) as service, aiohttp.ClientSession() as client:
            await until_ready(client, url)
            old = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            before = await asked(old)
            service.send_signal(signal.SIGSTOP)
            fresh = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
            for _, writer in old + fresh:
                writer.write(REQUEST)
            until = time.monotonic() + STOPPED_SECONDS
            await eventually(lambda: time.monotonic() > until)
            service.send_signal(signal.SIGCONT)
            late = [status_of(await whole_answer(reader)) for reader, _ in old + fresh]
            after = await asked(old + fresh)
            async with client.get(f"{url}/v1/numbers") as response:
                used = sum(number["used_day"] for number in (await response.json())["data"])
            for _, writer in old + fresh:
                writer.close()
    assert before == [200] * 20
    assert late == [503] * 30
    assert after == [200] * 30
    assert used == 50


async def asked(
    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
) -> list[int]:
    """The statuses of a pick on each connection, one after another."""
    statuses = []
    for reader, writer in connections:
        writer.write(REQUEST)
        statuses.append(status_of(await whole_answer(reader)))
    return statuses


@pytest.mark.parametrize(
    ("found", "raised", "is_told"),
    [
        ((1024, 65_536), [(8320, 65_536)], False),
        ((1024, 4096), [(4096, 4096)], True),
        ((20_000, 65_536), [], False),
        ((1024, resource.RLIM_INFINITY), [(8320, resource.RLIM_INFINITY)], False),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), [], False),
    ],
)
def test_files_are_allowed_for_all_connections_or_their_want_is_told(
    found: tuple[int, int],
    raised: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    is_told: bool,
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: found)
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.append(both))
    caplog.set_level(logging.WARNING)
    serve.allow_files(8192)
    assert limits == raised
    assert [record.levelname for record in caplog.records] == ["WARNING"] * is_told

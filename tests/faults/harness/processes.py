"""The processes of a row: the services, which may be killed and started again, and the clients."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.conftest import free_port
from tests.faults.harness.answers import Answer
from tests.faults.harness.load import PATIENCE, Plan
from tests.waiting import STARTING_SECONDS
from tests.whole.processes import ROOT

PAGE = 100
END = datetime.max.replace(tzinfo=UTC)
RETURN_WORDS = "Redis serves again and decides picks"

_SAMPLE = re.compile(r"^callerid_(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


class Service:
    """A service's process and what it says of itself.

    Args:
        config: its configuration file; its log is written beside it.
        session: to ask it with.
    """

    def __init__(self, config: Path, session: aiohttp.ClientSession) -> None:
        self.port = free_port()
        self._config = config
        self._session = session
        self._log = config.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on the same port again."""
        words = ("serve", "--config", str(self._config), "--port", str(self.port))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service", *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, stopped or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def ready(self) -> None:
        """Wait until it can serve."""
        async with asyncio.timeout(STARTING_SECONDS):
            while await self._get("/readyz") is None:
                await asyncio.sleep(0.05)

    async def has_returned(self) -> bool:
        """Whether it decides by Redis and has written back all that it decided alone."""
        found = await self.metrics()
        return found.get("redis_up") == 1 and not found.get("write_back_backlog")

    async def metrics(self) -> dict[str, float]:
        """Its metrics by name, those with labels in sum; none while it does not answer."""
        sums: dict[str, float] = {}
        for name, value in _SAMPLE.findall(await self._get("/metrics") or ""):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    async def used_day(self) -> dict[str, int] | None:
        """The uses of each number this day; None while the ledger cannot be asked."""
        used: dict[str, int] = {}
        page = 1
        while True:
            text = await self._get(f"/v1/numbers?page={page}&page_size={PAGE}")
            found: dict[str, Any] = msgspec.json.decode(text) if text else {}
            if found.get("standing") != "known":
                return None
            used |= {one["number"]: one["used_day"] for one in found["data"]}
            if page * PAGE >= found["total"]:
                return used
            page += 1

    async def refresh(self) -> None:
        """Have it sweep now, and believe what it finds."""
        url = f"http://127.0.0.1:{self.port}/v1/inventory/refresh?accept_shrink=true"
        async with self._session.post(url) as response:
            response.raise_for_status()

    def said(self, words: str, until: datetime = END) -> int:
        """How often these words were in a line of its log by then."""
        written = self._log.read_bytes().splitlines()
        lines = [msgspec.json.decode(line) for line in written if line.startswith(b"{")]
        return sum(
            words in line["message"] and datetime.fromisoformat(line["time"]) < until
            for line in lines
        )

    async def _get(self, path: str) -> str | None:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        with suppress(aiohttp.ClientError, TimeoutError):
            url = f"http://127.0.0.1:{self.port}{path}"
            async with self._session.get(url, timeout=timeout) as response:
                return await response.text() if response.status == 200 else None
        return None


@asynccontextmanager
async def started_service(config: Path, session: aiohttp.ClientSession) -> AsyncIterator[Service]:
    """A service on its way up; killed with the block."""
    service = Service(config, session)
    service.start()
    try:
        yield service
    finally:
        service.kill()


class Clients:
    """The process of the clients, and the answers that they got so far."""

    def __init__(self, process: asyncio.subprocess.Process, rate: float) -> None:
        self.rate = rate
        self.answers: list[Answer] = []
        self._process = process
        self._reading = asyncio.create_task(self._read())

    def set_rate(self, rate: float) -> None:
        """Have them ask for so many picks a second."""
        self.rate = rate
        if self._process.stdin is not None:
            self._process.stdin.write(f"{rate}\n".encode())

    async def end(self) -> list[Answer]:
        """Let them ask for no more; return what they were answered, all of it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        async with asyncio.timeout(2 * PATIENCE + 5):
            await self._reading
        return self.answers

    async def _read(self) -> None:
        if self._process.stdout is None:
            return
        decoder = msgspec.json.Decoder(Answer)
        async for line in self._process.stdout:
            self.answers.append(decoder.decode(line))


@asynccontextmanager
async def started_clients(plan: Plan) -> AsyncIterator[Clients]:
    """Clients that ask; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.harness.load", msgspec.json.encode(plan).decode()),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    clients = Clients(process, plan.rate)
    try:
        yield clients
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await clients._reading

"""A Prometheus of our own that runs what `deploy/prometheus` has, but quicker."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.conftest import free_port
from tests.programs import program
from tests.waiting import STARTING_SECONDS

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy" / "prometheus"
SCRAPE_SECONDS = 0.2


class Prometheus(NamedTuple):
    """Where it listens, and a client to ask it with."""

    url: str
    client: aiohttp.ClientSession

    async def get(self, path: str, **params: str) -> Any:
        """The data of an answer of its API."""
        async with self.client.get(f"{self.url}/api/v1/{path}", params=params) as response:
            answer = await response.json()
        assert answer["status"] == "success", answer
        assert not answer.get("warnings"), answer
        return answer["data"]

    async def values(self, query: str, start: float, end: float) -> list[float]:
        """All values of all series of a query over a stretch of Unix time."""
        series = await self.get(
            "query_range", query=query, start=str(start), end=str(end), step=str(SCRAPE_SECONDS)
        )
        return [float(value) for one in series["result"] for _, value in one["values"]]


def configured(folder: Path, target: str, token: str, exporter: str = "127.0.0.1:9") -> Path:
    """The configuration as it is, but for what a test must have otherwise."""
    shutil.copytree(CONFIGURATION, folder, dirs_exist_ok=True)
    path = folder / "prometheus.yml"
    text = path.read_text("utf-8")
    assert "127.0.0.1:8080" in text
    assert "15s" in text
    assert "127.0.0.1:9121" in text
    text = text.replace("127.0.0.1:9121", exporter).replace("127.0.0.1:9093", "127.0.0.1:9")
    text = text.replace("127.0.0.1:8080", target).replace("15s", f"{SCRAPE_SECONDS * 1000:.0f}ms")
    path.write_text(text, "utf-8")
    (folder / "callerid.token").write_text(token, "utf-8")
    return path


@asynccontextmanager
async def scraping(
    folder: Path, target: str, token: str, exporter: str
) -> AsyncIterator[Prometheus]:
    """A Prometheus that has scraped its target."""
    url = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={configured(folder, target, token, exporter)}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as client:
            prometheus = Prometheus(f"http://{url}", client)
            await _until_scraped(prometheus)
            yield prometheus
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def exporting(redis_port: int, **environment: str) -> AsyncIterator[str]:
    """Where a redis_exporter of our own listens, started as deploy/compose.yaml does."""
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        program("prometheus-redis-exporter"),
        "--config-command=-",
        f"--web.listen-address={address}",
        env={"REDIS_ADDR": f"redis://127.0.0.1:{redis_port}", **environment},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        process.terminate()
        await process.wait()


async def _until_scraped(prometheus: Prometheus) -> None:
    async with asyncio.timeout(STARTING_SECONDS):
        while True:
            try:
                up = await prometheus.get("query", query="up == 1")
            except (aiohttp.ClientError, json.JSONDecodeError):
                up = {"result": []}
            if up["result"]:
                return
            await asyncio.sleep(0.05)

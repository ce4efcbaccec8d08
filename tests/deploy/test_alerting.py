"""Alertmanager: its configuration by its own tool, and alerts that reach who must hear of them."""

import asyncio
import re
import subprocess
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.conftest import free_port
from tests.deploy.prometheus import CONFIGURATION
from tests.programs import program
from tests.waiting import STARTING_SECONDS

TEXT = (CONFIGURATION / "alertmanager.yml").read_text("utf-8")
WAITS = re.compile(r"(group_wait|group_interval): \S+")


def configured(folder: Path, webhooks: str = "http://127.0.0.1:9") -> str:
    """The configuration, its addresses in place of their files: Debian's knows no `url_file`."""
    path = folder / "alertmanager.yml"
    text = TEXT.replace("url_file: /run/secrets/alerts-", f"url: {webhooks}/")
    assert text.count(f"url: {webhooks}/") == 2
    path.write_text(WAITS.sub(r"\1: 10ms", text), "utf-8")
    return str(path)


def amtool(*words: str) -> str:
    done = subprocess.run(
        [program("amtool"), *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    assert "SUCCESS" in amtool("check-config", configured(tmp_path))


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_each_severity_has_its_receiver(tmp_path: Path, severity: str) -> None:
    config = f"--config.file={configured(tmp_path)}"
    assert amtool("config", "routes", "test", config, f"severity={severity}") == severity


async def test_alerts_reach_the_webhook_of_their_severity_and_the_lesser_of_two_is_held_back(
    tmp_path: Path,
) -> None:
    heard: set[tuple[str, str]] = set()

    async def hear(request: web.Request) -> web.Response:
        told = await request.json()
        assert told["commonAnnotations"] == {"runbook": "docs/operations.md"}
        heard.update((request.path, alert["labels"]["alertname"]) for alert in told["alerts"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/{severity}-url", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        program("prometheus-alertmanager"),
        f"--config.file={configured(tmp_path, f'http://127.0.0.1:{runner.addresses[0][1]}')}",
        f"--storage.path={tmp_path}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://{address}/api/v2/alerts"
    try:
        async with aiohttp.ClientSession() as client, asyncio.timeout(STARTING_SECONDS):
            await fire(client, url)
            while not heard >= {("/critical-url", "Burning"), ("/warning-url", "Held")}:
                await asyncio.sleep(0.01)
            while await suppressed(client, url) != [("Burning", "warning")]:
                await asyncio.sleep(0.01)
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


async def fire(client: aiohttp.ClientSession, url: str) -> None:
    """Have alerts fire as Prometheus would, once Alertmanager listens."""
    fired = ("Burning", "critical"), ("Burning", "warning"), ("Held", "warning")
    alerts = [
        {
            "labels": {"alertname": name, "job": "callerid", "severity": severity},
            "annotations": {"runbook": "docs/operations.md"},
        }
        for name, severity in fired
    ]
    while True:
        try:
            async with client.post(url, json=alerts) as response:
                assert response.status == 200
                return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.02)


async def suppressed(client: aiohttp.ClientSession, url: str) -> list[tuple[str, str]]:
    async with client.get(url) as response:
        alerts = await response.json()
    return [
        (alert["labels"]["alertname"], alert["labels"]["severity"])
        for alert in alerts
        if alert["status"]["state"] == "suppressed"
    ]

"""A service of its own behind a log that is searched, and the requests that it is sent."""

import asyncio
import itertools
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec

from service.emulator import running
from service.emulator.command import DEMO_KEY_ID, DEMO_KEY_SECRET, demo_emulator
from tests.conftest import RedisServer, free_port
from tests.fuzz.conversation import Tally, converse
from tests.fuzz.leaks import leaks
from tests.fuzz.requests import (
    ADDED,
    CALLED,
    INSTANCE,
    KEY_ID,
    KEY_SECRET,
    SECRETS,
    STS_TOKEN,
    TOKENS,
    Requests,
)
from tests.waiting import STARTING_SECONDS
from tests.whole.processes import ROOT

CONNECTIONS = 16

_CONFIG = f"""
[server]
port = {{port}}
[auth]
required = "always"
clients = [
  {{{{name = "dialer", token = "{TOKENS["dialer"]}", scopes = ["pick"]}}}},
  {{{{name = "operator", token = "{TOKENS["operator"]}", scopes = ["pick", "admin", "metrics"]}}}},
]
[[auth.access_keys]]
id = "{KEY_ID}"
secret = "{KEY_SECRET}"
security_token = "{STS_TOKEN}"
scopes = ["pick", "admin"]
[redis]
url = "{{redis}}"
[ccc]
endpoint = "http://{{ccc}}"
[selection.callee]
rules = [{{{{limit = 300, window_seconds = 300, kind = "sliding"}}}}]
[[instances]]
id = "{INSTANCE}"
ccc = {{{{access_key_id = "{DEMO_KEY_ID}", access_key_secret = "{DEMO_KEY_SECRET}"}}}}
"""


class Findings(msgspec.Struct):
    """What an attack found; `leaked` are lines of the log."""

    tally: Tally
    leaked: list[str]
    still_serves: bool

    @property
    def faults(self) -> list[str]:
        """What must not be, in words; none where all is well."""
        tally = self.tally
        kinds = {"met a 5xx": tally.wrong, "hung": tally.hung, "got no answer": tally.unanswered}
        said = [
            f"{len(requests)} {what}, such as {requests[0]!r}"
            for what, requests in kinds.items()
            if requests
        ]
        if self.leaked:
            said.append(f"{len(self.leaked)} lines of the log leak, such as {self.leaked[0]!r}")
        return said if self.still_serves else [*said, "the service does not serve any more"]


async def attack(folder: Path, *, requests: int, seed: int) -> Findings:
    """Start a Redis, CCC's look-alike and a service; send it so many requests from a seed."""
    async with AsyncExitStack() as stack:
        redis = RedisServer(folder)
        stack.callback(redis.kill)
        ccc = await stack.enter_async_context(running(demo_emulator()))
        port, config, log = free_port(), folder / "fuzz.toml", folder / "fuzz.log"
        config.write_text(_CONFIG.format(port=port, redis=redis.url, ccc=ccc))
        service = _service(config, log)
        stack.callback(service.wait)
        stack.callback(service.terminate)
        await _ready(port)
        tally = Tally()
        share = requests // CONNECTIONS
        async with asyncio.TaskGroup() as tasks:
            for each in range(CONNECTIONS):
                mine = itertools.islice(Requests(seed * CONNECTIONS + each), share)
                tasks.create_task(converse(port, mine, tally))
        still_serves = await _serves(port)
    hidden = {*SECRETS, *tally.signatures}
    return Findings(tally, leaks(log.read_bytes(), hidden, [*CALLED, *ADDED]), still_serves)


def _service(config: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as written:
        return subprocess.Popen(
            [sys.executable, "-m", "service", "serve", "--config", str(config)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )


async def _ready(port: int) -> None:
    async with asyncio.timeout(STARTING_SECONDS):
        while not await _serves(port):
            await asyncio.sleep(0.05)


async def _serves(port: int) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/readyz") as response,
        ):
            return response.status == 200
    except aiohttp.ClientError:
        return False

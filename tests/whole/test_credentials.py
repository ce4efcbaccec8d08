"""Without credentials for Alibaba Cloud, the answers, the log and `check` say so, and where to."""

import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.emulator import running
from tests.whole.processes import command
from tests.whole.services import CHENGDU_MOBILE, SALES, chengdu_numbers, emulator_of
from tests.whole.test_commands import configuration, free_port

WHERE = "no credentials for Alibaba Cloud: set ALIBABA_CLOUD_ACCESS_KEY_ID and"
PICK = {"called_number": CHENGDU_MOBILE, "skill_group_ids": [SALES]}
ADD = {"numbers": ["13880009001"], "usage": "Outbound"}


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """An environment in which the chain finds nothing, and asks nobody."""
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_CREDENTIALS_URI"):
        monkeypatch.delenv(name, raising=False)
    return {"HOME": str(tmp_path), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}


def configured(folder: Path, address: str) -> Path:
    path = configuration(folder, address)
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("ccc = ")), "utf-8")
    return path


async def test_every_answer_says_so_and_the_log_once(
    tmp_path: Path, surroundings: dict[str, str]
) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with running(emulator_of(chengdu_numbers(3))) as address:
        words = ("serve", "--config", str(configured(tmp_path, address)), "--port", str(port))
        async with command(*words, **surroundings) as serve, aiohttp.ClientSession() as client:
            assert serve.stderr is not None
            log = ""
            while url not in log:
                log += (await serve.stderr.readline()).decode()

            async def detail(path: str, body: Any) -> str:
                async with client.post(f"{url}{path}", json=body) as response:
                    assert response.status in {502, 503}
                    return str((await response.json(content_type=None))["detail"])

            assert WHERE in await detail("/v1/inventory/refresh", None)
            assert WHERE in await detail("/v1/inventory/refresh", None)
            assert WHERE in await detail("/v1/pick", PICK)
            assert WHERE in await detail("/v1/numbers", ADD)
            assert WHERE in await detail("/v1/numbers/bulk", ADD | {"skill_group_ids": [SALES]})
            serve.send_signal(signal.SIGTERM)
            log += (await serve.stderr.read()).decode()
    lines = [json.loads(line) for line in log.splitlines()]
    assert sum(WHERE in json.dumps(line) for line in lines) == 1
    assert not [line for line in lines if not line["logger"].startswith("service.")]


async def test_check_says_so(tmp_path: Path, surroundings: dict[str, str]) -> None:
    async with running(emulator_of(chengdu_numbers(3))) as address:
        words = ("check", "--config", str(configured(tmp_path, address)))
        async with command(*words, **surroundings) as check:
            told, log = await check.communicate()
    assert WHERE in told.decode()
    assert not log

"""Schemathesis asks the running service what its OpenAPI document says can be asked, and more.

The whole service is behind it: the embedded ledger, and CCC's look-alike over signed HTTP. The
cases are the same at each run. All of Schemathesis's checks are on, those for data that has to be
refused and for tokens that are missing included.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from service.emulator import load_inventory, running
from service.settings import Auth, Client, Secret
from tests.programs import without_coverage
from tests.whole.services import emulator_of, settings_for, started

CONFIG = Path(__file__).with_name("schemathesis.toml")
PATH = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
OPTIONS = (
    "--checks=all",
    "--max-examples=10",
    "--generation-deterministic",
    "--continue-on-failure",
    "--no-shrink",
    "--no-color",
    "--warnings=off",
)
TOKEN = "a-token"
CLIENT = Client(name="all", token=Secret(TOKEN), scopes=("pick", "admin", "metrics"))
GUARDED = Auth(required="always", clients=(CLIENT,))
WITH_TOKEN = (f"--header=Authorization: Bearer {TOKEN}", "--phases=examples,coverage,fuzzing")
WITHOUT = ("--phases=examples,fuzzing",)


@pytest.mark.parametrize(
    ("auth", "options"), [(GUARDED, WITH_TOKEN), (Auth(), WITHOUT)], ids=["with a token", "open"]
)
async def test_every_answer_is_as_the_document_says(
    auth: Auth, options: tuple[str, ...], tmp_path: Path
) -> None:
    async with running(emulator_of(load_inventory()["ccc-test"])) as address:
        settings = replace(settings_for(f"http://{address}"), auth=auth)
        async with started(settings) as service:
            service.client.headers["Authorization"] = f"Bearer {TOKEN}"
            # The call that the example of an outcome is about.
            assert (await service.pick(call_id="call-17"))[0] == 200
            code, told = await schemathesis(service.url, tmp_path, *options)
    assert code == 0, told


async def schemathesis(url: str, directory: Path, *options: str) -> tuple[int | None, str]:
    """How a run ends, and what it prints."""
    command = ("-m", "schemathesis.cli", "--config-file", str(CONFIG), "run")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(*command, f"{url}/openapi.json", *OPTIONS, *options),
        cwd=directory,
        env=without_coverage() | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": PATH},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, told.decode()

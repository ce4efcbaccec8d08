"""A guarded service for each test, and the Node clients, installed once."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.http.http_fixtures import Service, serving
from tests.rpc.rpc_fixtures import guarded_service

NODE = Path(__file__).parents[1] / "ccc" / "node"


@pytest.fixture
async def door() -> AsyncIterator[Service]:
    async with serving(guarded_service()) as service:
        yield service


@pytest.fixture(scope="session")
def node_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script that calls by Alibaba's Node clients, beside the clients themselves."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.fail("node and npm are not on PATH: install Node 18 or newer to run these tests")
    place = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "call.mjs"):
        shutil.copy(NODE / name, place)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    installed = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=300, check=False, env=os.environ
    )
    if installed.returncode:
        pytest.fail(f"npm could not install the clients:\n{installed.stderr}")
    return place / "call.mjs"

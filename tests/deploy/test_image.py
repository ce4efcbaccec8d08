"""The Dockerfile: its own steps make an installation that serves, is healthy, and ends."""

import asyncio
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from service.emulator import running
from tests.conftest import free_port
from tests.deploy.image import Step, built, context, environment, stages
from tests.waiting import STARTING_SECONDS
from tests.whole.services import KEY, SECRET, chengdu_numbers, emulator_of

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too


def step(name: str) -> Step:
    (found,) = (each for each in stages()[-1] if each.name == name)
    return found


async def test_the_steps_of_the_dockerfile_make_a_service_that_runs(
    tmp_path: Path, redis_url: str
) -> None:
    image = await asyncio.to_thread(built, tmp_path)
    in_test = {"8080": str(free_port()), "0.0.0.0": "127.0.0.1"}
    async with running(emulator_of(chengdu_numbers(3))) as address:
        env = environment(image) | settings(f"http://{address}", redis_url)
        command = [in_test.get(word, word) for word in step("CMD").words]
        service = await started(command, env)
        try:
            probe = [word.replace("8080", in_test["8080"]) for word in step("HEALTHCHECK").words]
            await until_healthy(probe, env)
            service.send_signal(signal.Signals[step("STOPSIGNAL").text])
            assert await asyncio.wait_for(service.wait(), STARTING_SECONDS) == 0
        finally:
            if service.returncode is None:
                service.kill()
            await service.wait()


def settings(endpoint: str, redis_url: str) -> dict[str, str]:
    return {
        "CALLERID_REDIS__URL": redis_url,
        "CALLERID_CCC__ENDPOINT": endpoint,
        "CALLERID_AUTH__CLIENTS": '[{"name": "a", "token": "a", "scopes": ["pick"]}]',
        "CALLERID_INSTANCES": '[{"id": "ccc-test"}]',
        "CALLERID_SERVER__DRAIN_SECONDS": "0",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
    }


async def started(command: list[str], env: dict[str, str]) -> asyncio.subprocess.Process:
    """A command of the image, found by its PATH, where no checkout is near."""
    program = shutil.which(command[0], path=env["PATH"])
    assert program
    assert program.startswith(env["PATH"].split(os.pathsep)[0])
    return await asyncio.create_subprocess_exec(program, *command[1:], cwd="/", env=env)


async def until_healthy(probe: list[str], env: dict[str, str]) -> None:
    async with asyncio.timeout(STARTING_SECONDS):
        while await (await started(probe, env)).wait() != 0:
            await asyncio.sleep(0.05)


def test_the_image_has_no_build_tools_and_another_user_than_root() -> None:
    final = stages()[-1]
    done = " ".join(each.text for each in final if each.name == "RUN")
    assert not re.search(r"apt-get|make|gcc|pip ", done)
    user, group = map(int, step("USER").text.split(":"))
    assert f"--gid {group}" in done
    assert f"--uid {user}" in done
    assert min(user, group) >= 10_000  # no user of the machine's


def test_only_what_the_image_needs_is_sent_to_its_making() -> None:
    sent = {path.parts[0] for path in context()}
    assert sent == {"Makefile", "pyproject.toml", "README.md", "LICENSE"} | {
        "requirements",
        "service",
        "config",
    }

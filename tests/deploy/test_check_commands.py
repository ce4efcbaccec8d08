"""How to run `callerid check`, as the manual has it, and what each deployment gives the service."""

import asyncio
import re
import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.make_secrets import made
from service.emulator import running
from tests.deploy.deployed import files_in, read_yaml, settings_of
from tests.deploy.prometheus import ROOT
from tests.waiting import STARTING_SECONDS
from tests.whole.services import KEY, SECRET, chengdu_numbers, emulator_of

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

MANUAL = (ROOT / "docs/operations.md").read_text("utf-8")
UNIT = (ROOT / "deploy/systemd/callerid.service").read_text("utf-8")
CONFIG = "/etc/callerid/production.toml"
ACCESS_KEY = f"""\
[default]
type = access_key
access_key_id = {KEY}
access_key_secret = {SECRET}
"""


def block(heading: str) -> str:
    """The commands of a way of running it."""
    section = MANUAL.partition(f"### {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    lines = re.findall(r"^ {4}(.*)$", section, re.MULTILINE)
    return "\n".join(lines)


def command(heading: str, program: str) -> list[str]:
    """The one command of this program that checks."""
    text = block(heading).replace("\\\n", "")
    (found,) = (
        words
        for words in (shlex.split(line) for line in text.splitlines() if program in line)
        if words[-2:] == ["callerid", "check"]
    )
    assert found[0] == program
    return found


def real(files: Mapping[str, Path], environ: Mapping[str, str]) -> dict[str, Path]:
    """Where the files are that an environment names."""
    found = {path: files[Path(path).name] for path in environ.values() if path != CONFIG}
    return found | {CONFIG: ROOT / "config/production.toml"}


def test_compose_checks_with_what_it_gives_a_replica(tmp_path: Path) -> None:
    words = command("By compose", "docker")
    compose = read_yaml(words[words.index("--file") + 1])
    service = compose["services"][words[-3]]
    assert words[2:] == [*words[2:4], "run", "--build", "--rm", words[-3], "callerid", "check"]
    environ = service["environment"]
    settings = settings_of(words[-2:], environ, real(files_in(tmp_path), environ))
    assert settings.redis.url
    assert settings.auth.clients


def test_kubernetes_checks_in_a_pod_with_what_it_gives_it(tmp_path: Path) -> None:
    words = command("On Kubernetes", "kubectl")
    assert words == ["kubectl", "exec", "deployment/callerid", "--", "callerid", "check"]
    documents = (ROOT / "deploy/kubernetes/base/deployment.yaml").read_text("utf-8").split("---\n")
    assert any("kind: Deployment\nmetadata:\n  name: callerid\n" in text for text in documents)
    environ = dict(re.findall(r"\{name: ([A-Z_]+), value: (\S+)\}", documents[-1]))
    files = real(files_in(tmp_path, sentinel=True), environ)
    settings = settings_of(words[-2:], environ, files)
    assert settings.redis.url
    assert settings.auth.clients


def test_systemd_checks_with_the_credentials_and_the_user_of_the_unit() -> None:
    text = block("By systemd")
    given = re.findall(r"--property (LoadCredential=\S+)", text)
    assert given == re.findall(r"^(LoadCredential=\S+)$", UNIT, re.MULTILINE)
    assert "--property DynamicUser=yes" in text
    assert "\nDynamicUser=yes\n" in UNIT
    named = dict(re.findall(r"([A-Z_]+_FILE)=(\S+)", text))
    assert named == dict(re.findall(r"([A-Z_]+_FILE)=%d/(\S+)", UNIT))
    (program, config) = re.findall(r"exec (\S+) check --config (\S+?)'", text)[0]
    assert f"ExecStart={program} serve --config {config}\n" in UNIT


def test_every_secret_that_a_command_names_is_made() -> None:
    names = {
        name
        for heading in ("By systemd", "By hand")
        for name in re.findall(r"secrets/([a-z-]+(?:\.[a-z]+)?)", block(heading))
    }
    assert names == {"redis-url", "digest-key", "clients.json", "alibaba.ini"}
    assert names <= set(made())


class Machine(NamedTuple):
    """A folder with the secrets and a program `callerid`, and the environment of a shell."""

    folder: Path
    environ: dict[str, str]


@pytest.fixture
async def machine(tmp_path: Path, redis_url: str) -> AsyncIterator[Machine]:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    files_in(secrets)
    (secrets / "redis-url").write_text(redis_url, "utf-8")
    (secrets / "alibaba.ini").write_text(ACCESS_KEY, "utf-8")
    program = tmp_path / "callerid"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m service "$@"\n', "utf-8")
    program.chmod(0o755)
    emulator = emulator_of(chengdu_numbers(3))
    emulator.numbers["ccc-sales"] = emulator.numbers["ccc-test"]
    async with running(emulator) as address:
        environ = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "CALLERID_CCC__ENDPOINT": f"http://{address}",
            "CREDENTIALS_DIRECTORY": str(secrets),
        }
        yield Machine(tmp_path, environ)


async def checked(machine: Machine, script: str) -> None:
    """Run a check, its paths as they are here; it must find Redis and the inventory."""
    script = re.sub(r"\S*bin/callerid", str(machine.folder / "callerid"), script)
    script = re.sub(r"\S+/production\.toml", str(ROOT / "config/production.toml"), script)
    process = await asyncio.create_subprocess_exec(
        *("sh", "-ec", script),
        cwd=machine.folder,
        env=machine.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), STARTING_SECONDS)
    assert process.returncode == 0, output.decode()
    assert b"redis: up" in output
    assert b"ccc-sales: CCC lists 3 numbers" in output


async def test_the_script_of_systemd_finds_all_by_its_credentials(machine: Machine) -> None:
    (script,) = re.findall(r"sh -c '(.*?)'", block("By systemd"), re.DOTALL)
    await checked(machine, script)


async def test_the_commands_by_hand_find_all(machine: Machine) -> None:
    lines = block("By hand").splitlines()
    kept = [line for line in lines if line.startswith("export") or " check " in line]
    await checked(machine, "\n".join(kept).replace("deploy/secrets", "secrets"))

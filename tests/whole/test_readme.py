"""The README as a newcomer follows it: each command it shows is pasted, and the answer read."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from tests.conftest import free_port
from tests.programs import program
from tests.unit.test_documents import ENGLISH, ROOT, blocks

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too


class Shown(NamedTuple):
    """A command, and what it answers; "" where the README leaves that out."""

    command: str
    answer: str


def shown() -> list[Shown]:
    """The calls of curl, in their order."""
    found = []
    for block in blocks(ENGLISH, "console"):
        for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = re.split(r"^(?=\S)", text, maxsplit=2, flags=re.MULTILINE)[1:]
            found.append(Shown(lines[0], "".join(lines[1:])))
    return [each for each in found if each.command.startswith("curl")]


def shape(answer: Any) -> Any:
    """What an answer is made of, without the values, which are samples."""
    match answer:
        case dict():
            return {key: shape(value) for key, value in answer.items()}
        case list():
            return [shape(each) for each in answer]
    return type(answer)


def read(answer: str) -> Any:
    return shape(json.loads(answer)) if answer.startswith("{") else answer.isspace()


async def run(*words: str) -> str:
    """What a program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.fixture
async def demo() -> AsyncIterator[int]:
    """The port of a demo that is ready."""
    port, curl = free_port(), program("curl")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "demo", "--port", str(port)),
        *("--emulator-port", str(free_port())),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    patience = ("--retry", "60", "--retry-delay", "1", "--retry-all-errors")
    try:
        await run(curl, "-sf", *patience, f"http://127.0.0.1:{port}/readyz")
        yield port
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_every_curl_of_the_readme_is_answered_as_it_says(demo: int) -> None:
    commands = shown()
    assert len(commands) == 5
    for one in commands:
        text = one.command.replace("127.0.0.1:8080", f"127.0.0.1:{demo}")
        text = text.replace("curl -s", f"{program('curl')} -s --fail-with-body --max-time 10")
        told = await run("bash", "-c", text)
        if one.answer:
            assert read(told) == read(one.answer)


async def test_the_sdk_of_the_readme_is_answered_with_a_number(demo: int) -> None:
    (example,) = blocks(ENGLISH, "python")
    told = await run(sys.executable, "-c", example.replace("127.0.0.1:8080", f"127.0.0.1:{demo}"))
    assert re.fullmatch("[0-9]{11,12}\n", told)

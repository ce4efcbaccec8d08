"""The README as a newcomer follows it: each command it shows is pasted, and the answer read."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.programs import program
from tests.unit.test_documents import ENGLISH, blocks
from tests.whole.test_commands import ROOT, command, free_port, until_ready


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


@pytest.fixture
async def demo() -> AsyncIterator[int]:
    """The port of a demo that is ready."""
    port = free_port()
    words = ("demo", "--port", str(port), "--emulator-port", str(free_port()))
    async with command(*words), aiohttp.ClientSession() as client:
        await until_ready(client, f"http://127.0.0.1:{port}")
        yield port


async def test_every_curl_of_the_readme_is_answered_as_it_says(demo: int) -> None:
    commands = shown()
    assert len(commands) == 5
    for one in commands:
        text = one.command.replace("127.0.0.1:8080", f"127.0.0.1:{demo}")
        text = text.replace("curl -s", f"{program('curl')} -s --fail-with-body --max-time 10")
        done = await asyncio.to_thread(
            subprocess.run, text, shell=True, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if one.answer:
            assert read(done.stdout) == read(one.answer)


async def test_the_sdk_of_the_readme_is_answered_with_a_number(demo: int) -> None:
    (example,) = blocks(ENGLISH, "python")
    text = example.replace("127.0.0.1:8080", f"127.0.0.1:{demo}")
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", text], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert re.fullmatch(rb"[0-9]{11,12}\n", done.stdout)

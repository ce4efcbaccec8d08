"""Other people's programs that the integrations are tried with."""

import asyncio
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.waiting import STARTING_SECONDS

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "integrations"


class Ended(NamedTuple):
    """What a program that ran to its end left."""

    status: int
    output: str


@asynccontextmanager
async def running(
    *command: str | Path, directory: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """A program that runs until the end of the block; what it says stands in `<name>.log`."""
    with (directory / f"{Path(command[0]).name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield process
    finally:
        await _end(process)


async def ended(
    *command: str | Path,
    directory: Path,
    text: str = "",
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """A program's status and output; it reads `text`, and has a start's time."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(text.encode()), STARTING_SECONDS)
    finally:
        await _end(process)
    assert process.returncode is not None
    return Ended(process.returncode, output.decode())


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    with suppress(TimeoutError):
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
        return
    process.kill()
    await process.wait()

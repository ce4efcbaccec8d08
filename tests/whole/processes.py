"""The command line as processes of their own, before a pipe or a terminal."""

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def command(*words: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`callerid` with these words, its output in pipes; ended with the block."""
    process = await _started(words, environment, asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def on_a_terminal(*words: str, **environment: str) -> tuple[int, str]:
    """Run `callerid` with these words to its end; returns its status and what the screen got."""
    ours, its = pty.openpty()
    try:
        process = await _started(words, {"TERM": "xterm", "COLUMNS": "200"} | environment, its)
        os.close(its)
        screen = await asyncio.to_thread(_read_all, ours)
        return await process.wait(), screen.decode()
    finally:
        os.close(ours)


async def _started(
    words: tuple[str, ...], environment: dict[str, str], output: int
) -> asyncio.subprocess.Process:
    colours = {"NO_COLOR", "FORCE_COLOR"}
    inherited = {name: value for name, value in os.environ.items() if name not in colours}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *words),
        cwd=ROOT,
        stdout=output,
        stderr=output,
        env=inherited | {"PYTHONWARNINGS": "default"} | environment,
    )


def _read_all(screen: int) -> bytes:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(screen, 65536)
        except OSError:  # Linux's way to say that nobody writes there any more
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)

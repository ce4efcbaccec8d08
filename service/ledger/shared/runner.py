"""Run the ledger's calls on one connection: by a function of Redis, or else by a script.

A script defines all of its functions anew at each call, which takes a third of a pick alone. A
function of Redis stays defined, and travels with the data to replicas. Redis has them from 7.0 on,
not every make of it does, and a user may not be allowed them: there, scripts serve.
"""

from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.exceptions import ResponseError

from service.ledger.shared.exchange import Exchange
from service.ledger.shared.script import Script


class CallRunner:
    """Runs calls over the connection that was prepared last.

    `function` is the name by which Redis calls what it runs, "" where that is a script.

    Args:
        bases: what the keys of the ledger begin with, and those of callees.
    """

    def __init__(self, bases: tuple[str, str]) -> None:
        self._bases = bases
        self._script = Script()
        self.function = ""

    async def prepare(self, exchange: Exchange) -> None:
        """Find out whether the server has the function, and load it where it has not.

        What has the name is this very code, and is never replaced. A server's no, in whatever
        words, means that calls are scripts for as long as this connection is open.

        Raises:
            redis.exceptions.ConnectionError: the connection broke.
        """
        name, load = self._script.function, packed("FUNCTION", "LOAD", self._script.library)
        is_ready = self._command("FCALL", f"{name}_ready")
        has_it = await _agrees(exchange, is_ready)
        if not has_it:
            await _agrees(exchange, load)  # or another process has been first
            has_it = await _agrees(exchange, is_ready)
        self.function = name if has_it else ""

    async def run(self, exchange: Exchange, arguments: Sequence[bytes]) -> Any:
        """Run a call and return its reply.

        Raises:
            redis.exceptions.RedisError: the connection broke, or what Redis answered instead.
        """
        if self.function:
            try:
                return await exchange.ask(self._command("FCALL", self.function, *arguments))
            except ResponseError as error:
                if "Function not found" not in str(error):
                    raise
            await self.prepare(exchange)  # for the next one
        try:
            return await exchange.ask(self._command("EVALSHA", self._script.sha, *arguments))
        except ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return await exchange.ask(self._command("EVAL", self._script.source, *arguments))

    def _command(self, name: str, code: str, *arguments: bytes) -> bytes:
        return packed(name, code, len(self._bases), *self._bases, *arguments)


def packed(*words: Any) -> bytes:
    """Return a command as it travels."""
    command: Any = hiredis.pack_command(words)
    return cast("bytes", command)


async def _agrees(exchange: Exchange, command: bytes) -> bool:
    try:
        await exchange.ask(command)
    except ResponseError:
        return False
    return True

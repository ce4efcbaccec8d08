"""Find the access key: in the configuration, or by Alibaba Cloud's own chain.

The official library does the finding and the refreshing (environment, OIDC, profiles, ECS RAM role,
credentials URI, STS among them). Nothing here reads a variable or a file, and nothing signs.
"""

import asyncio
import logging
import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import msgspec

from service.errors import NO_CREDENTIALS, CccRefused

# The library renews a temporary key 15 minutes before it expires, so one minute is always safe.
FRESH_SECONDS = 60.0
NONE_FOUND = "unable to load credentials from any"  # the library's; what follows is every source's

_log = logging.getLogger(__name__)


class AccessKey(msgspec.Struct, frozen=True):
    """An access key; `security_token` is empty unless the key is temporary (STS)."""

    id: str
    secret: str
    security_token: str = ""

    def __repr__(self) -> str:
        """Show the id alone: a secret has no place in a log or a traceback."""
        return f"AccessKey({self.id!r})"


class StaticCredentials:
    """A key that stands in the configuration."""

    def __init__(self, key: AccessKey) -> None:
        self._key = key

    async def get(self) -> AccessKey:
        """Return the key."""
        return self._key


class ChainCredentials:
    """The first key that Alibaba Cloud's default chain finds, asked again once a minute.

    The library blocks: its import takes a second, its refresh waits for the network, its
    asynchronous twin for a thread's lock within the event loop. So it has a thread of its own.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """Remember a key for a minute by `clock`, a monotonic one in seconds."""
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ccc-credentials")
        self._chain: Any = None
        self._key = AccessKey("", "")
        self._fresh_until = -math.inf
        self._refreshing: asyncio.Future[None] | None = None

    async def get(self) -> AccessKey:
        """Return a key that is valid now; whoever asks meanwhile waits for the same answer.

        Raises CccRefused `InvalidCredentials` if no part of the chain has one.
        """
        if self._clock() >= self._fresh_until:
            if self._refreshing is None or self._refreshing.done():
                loop = asyncio.get_running_loop()
                self._refreshing = loop.run_in_executor(self._thread, self._refresh)
            await asyncio.wait([self._refreshing])
            self._refreshing.result()
        return self._key

    def close(self) -> None:
        """Give up the thread; what still runs in it is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _refresh(self) -> None:
        try:
            self._key = self._find()
        except Exception as error:  # noqa: BLE001 -- the library lets through what its parts raise
            raise _none_found(error) from None
        self._fresh_until = self._clock() + FRESH_SECONDS

    def _find(self) -> AccessKey:
        if self._chain is None:
            # At import the library reads the environment and starts a logger of its own.
            from alibabacloud_credentials.client import Client  # noqa: PLC0415 -- see above

            # What it tells in several lines with tracebacks, at each attempt, is told by us.
            logging.getLogger("credentials").disabled = True
            logging.getLogger("apscheduler").setLevel(logging.WARNING)
            self._chain = Client()
        credential = self._chain.get_credential()
        parts = (credential.access_key_id, credential.access_key_secret, credential.security_token)
        # A space copied along is the commonest cause of SignatureDoesNotMatch.
        return AccessKey(*((part or "").strip() for part in parts))


Credentials: TypeAlias = StaticCredentials | ChainCredentials


def _none_found(error: Exception) -> CccRefused:
    # An address may hold a password or a token.
    why = re.sub(r"\S*(?://|@)\S+", "(address)", str(error))
    _log.debug("Alibaba Cloud's chain of credentials: %s", why)
    said = "" if why.startswith(NONE_FOUND) else f". Its chain said: {why}"
    return CccRefused("InvalidCredentials", NO_CREDENTIALS + said)

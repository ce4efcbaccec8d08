"""What the connections of a process share: the parts, the known heads, the refusal of an excess."""

from contextlib import suppress

from aiohttp import web

from service.api.heads import Heads, KnownHead, is_plain
from service.api.parts import Api
from service.api.response import Turnstile
from service.errors import RequestError


class Lane:
    """The express lane of a process.

    Args:
        api: what the handlers work with.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.arrival = api.pulse.arrival
        self.heads = Heads()
        self.turnstile = Turnstile()
        api.on_reload.append(self._forget)

    def find(self, head: bytes) -> KnownHead | None:
        """Return what is known of a head; None for one that aiohttp must read first."""
        return None if self.api.parts.is_draining() else self.heads.find(head)

    def learn(self, request: web.BaseRequest, head: bytes) -> None:
        """Remember the head of a pick that was answered, unless there is more to it than that."""
        if not is_plain(request, head):
            return
        with suppress(RequestError):  # who was let in may not be any more
            if self.api.page_guard is not None:
                self.api.page_guard.check(request)
            asker = self.api.tokens.require(request, "pick")
            self.heads.learn(head, request.content_length or 0, asker)

    def _forget(self) -> None:
        self.heads = Heads()

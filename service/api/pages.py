"""Keep web pages out of a listener on loopback that asks nobody who they are.

A browser on the machine would carry any page's forms and scripts to it, and a name that is rebound
to 127.0.0.1 makes such a page one of the listener's own. Programs send a Host of loopback, and no
Origin.
"""

import re

from aiohttp import web
from msgspec import Struct

from service.errors import Forbidden
from service.settings import Settings, is_loopback

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]@/]+))(?::[0-9]*)?")
_OWN_SITE = ("same-origin", "none")  # "none" is the address bar


class PageGuard(Struct, frozen=True):
    """Refuses what a page of another site sends; `names` are further names of the listener."""

    names: frozenset[str]

    def check(self, request: web.BaseRequest) -> None:
        """Let a request pass that no page of another site can have sent, or that only reads.

        Raises:
            Forbidden: its Host is not the listener's, or a page of another origin sends what
                changes or picks.
        """
        host = request.headers.get("Host", "").lower()
        if host and not self._is_own(host):  # without one it is HTTP/1.0, and no browser's
            raise Forbidden(
                "Host: this listener goes by localhost and loopback addresses alone; ask one of "
                "them, or add the name to server.allowed_hosts"
            )
        if request.method in ("GET", "HEAD") and request.path != "/":
            return
        site = request.headers.get("Sec-Fetch-Site", "none")
        origin = request.headers.get("Origin")
        if site not in _OWN_SITE or (
            site == "none" and origin is not None and origin.partition("://")[2].lower() != host
        ):
            raise Forbidden(
                "A page of another site sends this; have its server ask, or set up [auth]"
            )

    def _is_own(self, host: str) -> bool:
        parts = _HOST.fullmatch(host)
        if parts is None:
            return False
        name = parts[1] or parts[2]
        return name in self.names or is_loopback(name)


def guard_of(settings: Settings) -> PageGuard | None:
    """Return the guard that a configuration calls for; None where auth or distance does."""
    server = settings.server
    if settings.auth_is_required or not server.is_loopback:
        return None
    return PageGuard(frozenset(name.lower() for name in server.allowed_hosts))

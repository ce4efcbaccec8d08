"""Bearer tokens and their scopes. Signed requests are not read here."""

from hashlib import sha256
from hmac import compare_digest

from aiohttp import web

from service.errors import Forbidden, Unauthenticated
from service.settings import Scope, Settings


class Tokens:
    """Knows who may ask for what, by digests: no comparison sees a token's length or start."""

    def __init__(self, settings: Settings) -> None:
        self._required = settings.auth_is_required
        self._clients = tuple(
            (_digest(client.token), frozenset(client.scopes)) for client in settings.auth.clients
        )

    def require(self, request: web.Request, scope: Scope) -> None:
        """Let a request pass whose token has a scope, or any where nobody has to say who asks.

        Raises:
            Unauthenticated: it has no token, or an unknown one.
            Forbidden: its token lacks the scope.
        """
        if self._required and scope not in self._scopes_of(request):
            raise Forbidden(f"The token has no scope {scope!r}; use one that has")

    def _scopes_of(self, request: web.Request) -> frozenset[str]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send a token: Authorization: Bearer <token>")
        given, found = _digest(token.strip()), None
        for known, scopes in self._clients:  # to the end, whoever it is
            if compare_digest(given, known):
                found = scopes
        if found is None:
            raise Unauthenticated("The token is not one of those configured here")
        return found


def _digest(token: str) -> bytes:
    # aiohttp hands on a header's bytes that are no UTF-8 as surrogates.
    return sha256(token.encode("utf-8", "surrogateescape")).digest()

"""Authentication and scopes: bearer tokens, and the instances a credential is bound to.

Signed requests are the RPC door's (`rpc.auth`), which says who asks in the same terms.
"""

from hashlib import sha256
from hmac import compare_digest

import msgspec
from aiohttp import web

from service.errors import Forbidden, Unauthenticated
from service.settings import AccessKeySettings, Client, Scope, Settings


class Asker(msgspec.Struct, frozen=True, gc=False):
    """Somebody who asks, by the name in the configuration; "" without a credential.

    `scopes` is None for who may do everything, `instances` empty for who may do it everywhere.
    """

    name: str
    scopes: tuple[Scope, ...] | None = None
    instances: tuple[str, ...] = ()

    def need(self, scope: Scope) -> None:
        """Raise Forbidden unless the credential has a scope."""
        if self.scopes is not None and scope not in self.scopes:
            raise Forbidden(f"The credential has no scope {scope!r}; use one that has")

    def may_see(self, instance_id: str) -> bool:
        """Return whether the credential covers an instance; "" is the only one, or none."""
        return not self.instances or not instance_id or instance_id in self.instances

    def keep_to(self, instance_id: str) -> None:
        """Raise Forbidden if the credential is bound to other instances than this.

        Args:
            instance_id: as it was asked for. "" passes: it is the only one that there is, which
                every bound credential is bound to, or is refused for being one of several.
        """
        if not self.may_see(instance_id):
            raise Forbidden(f"The credential is not for instance {instance_id!r}; use one that is")


NOBODY = Asker("")  # somebody without a credential
ASKER = web.RequestKey("ASKER", Asker)


def asker_of(request: web.BaseRequest) -> Asker:
    """Return who asks, once that was found out."""
    asker: Asker = request.get(ASKER, NOBODY)
    return asker


def holder_of(name: str, credential: Client | AccessKeySettings, settings: Settings) -> Asker:
    """Return the holder of a credential; with auth off, everyone may do everything."""
    if not settings.auth_is_required:
        return Asker(name)
    return Asker(name, credential.scopes, credential.instances)


class Tokens:
    """Knows the holders of tokens by digests: no comparison sees a token's length or start."""

    def __init__(self, settings: Settings) -> None:
        self._required = settings.auth_is_required
        self._clients = tuple(
            (_digest(client.token), holder_of(client.name, client, settings))
            for client in settings.auth.clients
        )

    def require(self, request: web.BaseRequest, scope: Scope) -> Asker:
        """Let a request pass whose token has a scope, or any where nobody has to say who asks.

        Returns:
            Who asks; hold the instance against it (`Asker.keep_to`) as soon as it is known.

        Raises:
            Unauthenticated: it has no token, or an unknown one.
            Forbidden: its token lacks the scope.
        """
        asker = self.admit(request)
        asker.need(scope)
        return asker

    def admit(self, request: web.BaseRequest) -> Asker:
        """Let a request pass whose token is known, whatever its scopes; else as `require`."""
        authorization = request.headers.get("Authorization")
        if authorization is None and not self._required:
            return NOBODY
        asker = request[ASKER] = self._asker(authorization or "")
        return asker

    def may_watch(self, request: web.BaseRequest) -> bool:
        """Return whether who asks may read what only operators should: nobody is refused."""
        try:
            scopes = self.admit(request).scopes
        except Unauthenticated:
            return False
        return scopes is None or not {"metrics", "admin"}.isdisjoint(scopes)

    def _asker(self, authorization: str) -> Asker:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return self._unknown("Send a token: Authorization: Bearer <token>")
        given, holder = _digest(token.strip()), None
        for expected, asker in self._clients:  # to the end, whoever it is
            if compare_digest(given, expected):
                holder = asker
        return holder or self._unknown("The token is not one of those configured here")

    def _unknown(self, why: str) -> Asker:
        if self._required:
            raise Unauthenticated(why)
        return NOBODY


def _digest(token: str) -> bytes:
    # aiohttp hands on a header's bytes that are no UTF-8 as surrogates.
    return sha256(token.encode("utf-8", "surrogateescape")).digest()

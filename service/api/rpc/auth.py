"""Authentication at the RPC door: a signing access key, or a bearer token.

Where nobody has to say who asks, a signature of a key that is not known here counts for nothing,
so that an SDK with any key works; one of a key that is known must be right all the same.
"""

import re
from urllib.parse import unquote_plus

from aiohttp import web

from service.api.auth import ASKER, NOBODY, Asker
from service.api.gate import Admission
from service.api.nonces import Nonces
from service.api.parts import API, arrival_of
from service.api.rpc.call import CALL
from service.ccc import signing
from service.ccc.claims import claim_of, verify
from service.errors import ClaimRefused, Unauthenticated
from service.settings import Scope

STRANGERS_FIELDS = 64  # a call that adds no numbers has some 25

_SIGN = "Sign the request with an access key that is known here"
_KEY_ID = re.compile(r"(?:^|&)AccessKeyId=([^&]*)")
_CREDENTIAL = re.compile(r" Credential=([^,]+)")


async def require(request: web.Request, scope: Scope, nonces: Nonces) -> Asker:
    """Let a call pass whose sender has a scope.

    Args:
        request: with its call taken apart.
        scope: what the action needs.
        nonces: who knows whether a signature was seen before.

    Returns:
        Who asks; hold the instance against it.

    Raises:
        Unauthenticated: there is no credential, an unknown one, or a signature that is wrong.
        Forbidden: the credential lacks the scope.
        LedgerUnavailable: nobody can say whether the signature was seen before.
    """
    api, call = request.app[API], request[CALL]
    if call.scheme:
        return await _signer(request, scope, nonces)
    if api.settings.auth_is_required and "authorization" not in call.headers:
        raise Unauthenticated(_SIGN)
    return api.tokens.require(request, scope)


def enter(request: web.Request) -> Admission:
    """Let a call through the gate in the name of the key that it claims, which is still to verify.

    Raises:
        Overloaded: there is no place for it.
    """
    api, call = request.app[API], request.get(CALL)
    if call is None or "AccessKeyId" not in call.params:
        named = _named_key(request, request.rel_url.raw_query_string)
    else:
        named = call.params["AccessKeyId"]
    _, asker = api.keys.get(named, (None, NOBODY))
    return api.gate.enter(asker, arrival_of(request, api))


def refuse_strangers(request: web.Request, raw: bytes) -> None:
    """Refuse a call of many parameters whose sender is not known, before it is taken apart.

    To parse and to write them in order for the signature costs ms. Only additions have many.

    Args:
        request: as it came.
        raw: its query and its form.

    Raises:
        Unauthenticated: it names no key and bears no token that is known here.
    """
    api = request.app[API]
    if raw.count(b"&") < STRANGERS_FIELDS or not api.settings.auth_is_required:
        return
    authorization = request.headers.get("Authorization", "")
    if authorization and not authorization.startswith(signing.ACS3):
        api.tokens.admit(request)
        return
    named = _named_key(request, raw.decode("latin-1"))
    if not named:
        raise Unauthenticated(_SIGN)
    if named not in api.keys:
        raise ClaimRefused("InvalidAccessKeyId.NotFound")


def _named_key(request: web.Request, raw: str) -> str:
    """Return the id of the key that a call names, by its beginnings alone; "" where it has none."""
    authorization = request.headers.get("Authorization", "")
    named = _CREDENTIAL.search(authorization) or _KEY_ID.search(raw)
    return unquote_plus(named[1]) if named else ""


async def _signer(request: web.Request, scope: Scope, nonces: Nonces) -> Asker:
    """Return who signed a call; its nonce is spent last, by who may do what it asks for."""
    api, claim = request.app[API], claim_of(request[CALL])
    if claim.access_key_id not in api.keys:
        if api.settings.auth_is_required:
            raise ClaimRefused("InvalidAccessKeyId.NotFound")
        return NOBODY
    key, asker = api.keys[claim.access_key_id]
    now = api.parts.clock()
    signed_at = verify(claim, key.secret, key.security_token, now)
    request[ASKER] = asker
    asker.need(scope)
    await nonces.spend(claim.access_key_id, claim.nonce, signed_at, now)
    return asker

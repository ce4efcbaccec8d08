"""Authentication at the RPC door: a signing access key, or a bearer token.

Where nobody has to say who asks, a signature of a key that is not known here counts for nothing,
so that an SDK with any key works; one of a key that is known must be right all the same.
"""

from aiohttp import web

from service.api.auth import NOBODY, Asker
from service.api.gate import Admission
from service.api.nonces import Nonces
from service.api.parts import API, Api, arrival_of
from service.api.rpc.call import CALL
from service.ccc.claims import SignedCall, claim_of, verify
from service.errors import ClaimRefused, Unauthenticated
from service.settings import Scope


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
        asker = await _signer(api, call, nonces)
        asker.need(scope)
        return asker
    if api.parts.settings.auth_is_required and "authorization" not in call.headers:
        raise Unauthenticated("Sign the request with an access key that is known here")
    return api.tokens.require(request, scope)


def enter(request: web.Request) -> Admission:
    """Let a pick through the gate in the name of its key or token, which is still to be verified.

    Raises:
        Overloaded: there is no place for it.
    """
    api, call = request.app[API], request[CALL]
    key_id = claim_of(call).access_key_id if call.scheme else ""
    _, asker = api.keys.get(key_id, (None, NOBODY))
    return api.gate.enter(asker, arrival_of(request, api))


async def _signer(api: Api, call: SignedCall, nonces: Nonces) -> Asker:
    claim = claim_of(call)
    if claim.access_key_id not in api.keys:
        if api.parts.settings.auth_is_required:
            raise ClaimRefused("InvalidAccessKeyId.NotFound")
        return NOBODY
    key, asker = api.keys[claim.access_key_id]
    now = api.parts.clock()
    signed_at = verify(claim, key.secret, key.security_token, now)
    await nonces.spend(claim.access_key_id, claim.nonce, signed_at, now)
    return asker

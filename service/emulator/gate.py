"""The gateway before CCC: who calls, with which signature, when, and never twice.

It admits a call or refuses it with the documented error. What the call asks for is not its
business; how a signature is read and checked is that of `service.ccc.claims`.
"""

import hashlib
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from service.ccc.claims import MAX_SKEW_SECONDS, SignedCall, claim_of, verify
from service.emulator.answers import Refusal, refusal_of
from service.errors import ClaimRefused

_FORM = "application/x-www-form-urlencoded"


async def read_call(request: web.Request) -> SignedCall:
    """Take a request apart, its body included."""
    body = await request.read()
    query = dict(request.query)
    is_form = request.content_type == _FORM
    form = dict(parse_qsl(body.decode(), keep_blank_values=True)) if is_form else {}
    return SignedCall(
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=query,
        params={**query, **form},
        body_sha256=hashlib.sha256(body).hexdigest(),
    )


class SignatureGate:
    """Checks the callers of one account, and remembers the nonces that they used."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._nonces: dict[str, float] = {}

    def admit(
        self, call: SignedCall, access_keys: Mapping[str, str], security_tokens: Mapping[str, str]
    ) -> None:
        """Let a call pass, once.

        Args:
            call: What came.
            access_keys: The secret by key id.
            security_tokens: The token by the id of a key that needs one.

        Raises:
            Refusal: The key is unknown, the date is more than 15 minutes off, the signature or
                the security token is wrong, or the nonce was used before.
        """
        now = self._clock()
        try:
            claim = claim_of(call)
            key_id = claim.access_key_id
            if key_id not in access_keys:
                raise Refusal("InvalidAccessKeyId.NotFound")
            verify(claim, access_keys[key_id], security_tokens.get(key_id, ""), now)
        except ClaimRefused as refused:
            raise refusal_of(refused) from None
        self._spend(claim.nonce, now)

    def _spend(self, nonce: str, now: float) -> None:
        # A date may lie 15 minutes ahead, so a nonce counts for twice that. The oldest is first.
        while self._nonces and now - next(iter(self._nonces.values())) > 2 * MAX_SKEW_SECONDS:
            del self._nonces[next(iter(self._nonces))]
        if nonce in self._nonces:
            raise Refusal("SignatureNonceUsed")
        self._nonces[nonce] = now

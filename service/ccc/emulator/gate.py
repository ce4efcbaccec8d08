"""The gateway before CCC: who calls, with which signature, when, and never twice.

It admits a call or refuses it with the documented error. What the call asks for is not its
business. ACS3 and RPC v1 differ in where key, date, nonce and signature stand; a `Claim` holds
them for either.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from service.ccc import signing
from service.ccc.emulator.refusals import Refusal

MAX_SKEW_SECONDS = 15 * 60  # what Alibaba documents for x-acs-date and Timestamp alike

_AUTHORIZATION = re.compile(
    rf"{signing.ACS3} +Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([^,]+)"
)
_FORM = "application/x-www-form-urlencoded"
_SYSTEM_PARAMETERS = frozenset({"AccessKeyId", "Signature", "SignatureNonce", "Timestamp"})


class Call(msgspec.Struct, frozen=True):
    """A request taken apart; header names are lowercase, parameters decoded."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    body_sha256: str

    @property
    def params(self) -> dict[str, str]:
        """Return the parameters, wherever they stand."""
        return {**self.query, **self.form}

    @property
    def is_acs3(self) -> bool:
        """Whether the signature is in the Authorization header."""
        return "authorization" in self.headers

    @property
    def action(self) -> str:
        """Return the name of the API, empty if none is given."""
        return self._system("x-acs-action", "Action")

    @property
    def version(self) -> str:
        """Return the version of the API, empty if none is given."""
        return self._system("x-acs-version", "Version")

    def _system(self, header: str, parameter: str) -> str:
        return self.headers.get(header, "") if self.is_acs3 else self.params.get(parameter, "")


class Claim(msgspec.Struct, frozen=True):
    """What a call says about itself, with the signature that is right under a secret."""

    access_key_id: str
    timestamp: str
    nonce: str
    security_token: str
    signature: str
    signature_under: Callable[[str], str]
    mismatch: tuple[str, str]


async def read_call(request: web.Request) -> Call:
    """Take a request apart, its body included."""
    body = await request.read()
    is_form = request.content_type == _FORM
    return Call(
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query),
        form=dict(parse_qsl(body.decode(), keep_blank_values=True)) if is_form else {},
        body_sha256=hashlib.sha256(body).hexdigest(),
    )


class Gate:
    """Checks the callers of one account, and remembers the nonces that they used."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._nonces: dict[str, float] = {}

    def admit(
        self, call: Call, access_keys: Mapping[str, str], security_tokens: Mapping[str, str]
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
        claim = _acs3_claim(call) if call.is_acs3 else _rpc_v1_claim(call)
        secret = access_keys.get(claim.access_key_id)
        if secret is None:
            raise Refusal("InvalidAccessKeyId.NotFound")
        if claim.security_token != security_tokens.get(claim.access_key_id, ""):
            raise Refusal("InvalidSecurityToken.MismatchWithAccessKey")
        now = self._clock()
        if abs(_unix_seconds(claim.timestamp) - now) > MAX_SKEW_SECONDS:
            raise Refusal("InvalidTimeStamp.Expired")
        right = claim.signature_under(secret)
        if not hmac.compare_digest(claim.signature.encode(), right.encode()):
            raise Refusal("SignatureDoesNotMatch", *claim.mismatch)
        self._spend(claim.nonce, now)

    def _spend(self, nonce: str, now: float) -> None:
        # A date may lie 15 minutes ahead, so a nonce counts for twice that. The oldest is first.
        while self._nonces and now - next(iter(self._nonces.values())) > 2 * MAX_SKEW_SECONDS:
            del self._nonces[next(iter(self._nonces))]
        if nonce in self._nonces:
            raise Refusal("SignatureNonceUsed")
        self._nonces[nonce] = now


def _acs3_claim(call: Call) -> Claim:
    parts = _AUTHORIZATION.fullmatch(call.headers["authorization"])
    if parts is None:
        raise Refusal("IncompleteSignature")
    access_key_id, listed, signature = parts.groups()
    names = {name for name in call.headers if name == "host" or name.startswith("x-acs-")}
    # Every public header must be signed: one that the client left out spoils its signature here.
    headers = {name: call.headers.get(name, "") for name in names | set(listed.split(";"))}
    canonical = signing.acs3_canonical_request(
        signing.Acs3Request(call.method, "/", call.query, headers, call.body_sha256)
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return Claim(
        access_key_id=access_key_id,
        timestamp=_required(call.headers, "x-acs-date"),
        nonce=_required(call.headers, "x-acs-signature-nonce"),
        security_token=call.headers.get("x-acs-security-token", ""),
        signature=signature,
        signature_under=lambda secret: signing.acs3_signature(canonical, secret),
        mismatch=(
            "Specified signature does not match our calculation. server StringToSign is",
            f"[{signing.ACS3}\n{digest}]",
        ),
    )


def _rpc_v1_claim(call: Call) -> Claim:
    params = call.params
    system = {name: _required(params, name) for name in sorted(_SYSTEM_PARAMETERS)}
    signature = params.pop("Signature")
    text = signing.rpc_v1_string_to_sign(call.method, params)
    return Claim(
        access_key_id=system["AccessKeyId"],
        timestamp=system["Timestamp"],
        nonce=system["SignatureNonce"],
        security_token=params.get("SecurityToken", ""),
        signature=signature,
        signature_under=lambda secret: signing.rpc_v1_signature(text, secret),
        mismatch=(
            "Specified signature is not matched with our calculation. server string to sign is:",
            text,
        ),
    )


def _required(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise Refusal("MissingParameter", name)
    return given[name]


def _unix_seconds(timestamp: str) -> float:
    try:
        return datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Refusal("InvalidTimeStamp.Format") from None

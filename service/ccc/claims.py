"""Read what a signed request claims about its sender, and verify it.

For whoever receives requests that `signing` signs: the RPC door and the emulator. It is pure: who
is known, the time, and which nonces were used before are the receiver's business. ACS3 and RPC v1
differ in where key, date, nonce and signature stand; a `Claim` holds them for either.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from service.ccc import signing
from service.errors import ClaimRefused

MAX_SKEW_SECONDS = 15 * 60  # what Alibaba documents for x-acs-date and Timestamp alike

Scheme = Literal["acs3", "rpc_v1", ""]

_AUTHORIZATION = re.compile(
    rf"{signing.ACS3} +Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([^,]+)"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_FORM = "application/x-www-form-urlencoded"


class SignedCall(msgspec.Struct, frozen=True):
    """A request taken apart; header names are lowercase, `params` are the query's and the form's.

    A parameter or header that came twice is the receiver's to refuse, or to choose one of.
    """

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    params: Mapping[str, str]
    body_sha256: str = signing.EMPTY_SHA256

    @property
    def scheme(self) -> Scheme:
        """The signature scheme of the request, if any; another Authorization goes before RPC v1."""
        authorization = self.headers.get("authorization")
        if authorization is not None:
            return "acs3" if authorization.startswith(signing.ACS3) else ""
        return "rpc_v1" if "Signature" in self.params or "AccessKeyId" in self.params else ""

    @property
    def action(self) -> str:
        """The name of the API, empty if none is given."""
        return self._system("x-acs-action", "Action")

    @property
    def version(self) -> str:
        """The version of the API, empty if none is given."""
        return self._system("x-acs-version", "Version")

    def _system(self, header: str, parameter: str) -> str:
        """Read a value only where the signature covers it: an unsigned header may be anybody's."""
        in_header, in_params = self.headers.get(header, ""), self.params.get(parameter, "")
        match self.scheme:
            case "acs3":
                return in_header
            case "rpc_v1":
                return in_params
        return in_header or in_params


class Claim(msgspec.Struct, frozen=True):
    """The claim of a call about itself; `signed` is the text that its signature covers."""

    access_key_id: str
    timestamp: str
    nonce: str
    security_token: str
    signature: str
    signed: str
    scheme: Scheme


def claim_of(call: SignedCall) -> Claim:
    """Read the claim of a signed call.

    Raises:
        ClaimRefused: a part of it is missing, or the Authorization header is none of ACS3's.
    """
    return _acs3_claim(call) if "authorization" in call.headers else _rpc_v1_claim(call)


def verify(claim: Claim, secret: str, security_token: str, now: float) -> float:
    """Hold a claim against the key that it names, whose nonce has then still to be spent.

    Args:
        claim: what a call says about itself.
        secret: of the key.
        security_token: of the key, "" for one that is not temporary.
        now: the Unix time.

    Returns:
        The Unix time that the claim bears.

    Raises:
        ClaimRefused: the security token is another, the date is more than 15 minutes off, or the
            signature is wrong.
    """
    if not _same(claim.security_token, security_token):
        raise ClaimRefused("InvalidSecurityToken.MismatchWithAccessKey")
    signed_at = _unix_seconds(claim.timestamp)
    if abs(signed_at - now) > MAX_SKEW_SECONDS:
        raise ClaimRefused("InvalidTimeStamp.Expired")
    if claim.scheme == "acs3":
        right = signing.acs3_signature(claim.signed, secret)
    else:
        right = signing.rpc_v1_signature(claim.signed, secret)
    if not _same(claim.signature, right):
        raise ClaimRefused("SignatureDoesNotMatch", _mismatch(claim))
    return signed_at


def _acs3_claim(call: SignedCall) -> Claim:
    parts = _AUTHORIZATION.fullmatch(call.headers["authorization"])
    if parts is None:
        raise ClaimRefused("IncompleteSignature")
    access_key_id, listed, signature = parts.groups()
    names = {name for name in call.headers if _is_public(name, call.headers[name])}
    # Every public header must be signed: one that the client left out spoils its signature here.
    headers = {name: call.headers.get(name, "") for name in names | set(listed.split(";"))}
    return Claim(
        access_key_id=access_key_id,
        timestamp=_required(call.headers, "x-acs-date"),
        nonce=_required(call.headers, "x-acs-signature-nonce"),
        security_token=call.headers.get("x-acs-security-token", ""),
        signature=signature,
        signed=signing.acs3_canonical_request(
            signing.Acs3Request(call.method, "/", call.query, headers, call.body_sha256)
        ),
        scheme="acs3",
    )


def _is_public(name: str, value: str) -> bool:
    """Return whether a header must be signed: a body's type matters where it makes parameters."""
    if name == "content-type":
        return value.lower().startswith(_FORM)
    return name == "host" or name.startswith("x-acs-")


def _rpc_v1_claim(call: SignedCall) -> Claim:
    params = call.params
    covered = {name: params[name] for name in params if name != "Signature"}
    return Claim(
        access_key_id=_required(params, "AccessKeyId"),
        timestamp=_required(params, "Timestamp"),
        nonce=_required(params, "SignatureNonce"),
        security_token=params.get("SecurityToken", ""),
        signature=_required(params, "Signature"),
        signed=signing.rpc_v1_string_to_sign(call.method, covered),
        scheme="rpc_v1",
    )


def _required(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise ClaimRefused("MissingParameter", name)
    return given[name]


def _unix_seconds(timestamp: str) -> float:
    if not _DATE.fullmatch(timestamp):
        raise ClaimRefused("InvalidTimeStamp.Format")
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        raise ClaimRefused("InvalidTimeStamp.Format") from None


def _mismatch(claim: Claim) -> str:
    """The message with the string to sign, by which a client finds where its own differs.

    Nothing may stand between colon and string: the legacy SDK compares what follows with its own,
    and tells a wrong secret from a wrong string.
    """
    if claim.scheme == "rpc_v1":
        said = "Specified signature is not matched with our calculation. server string to sign is:"
        return said + claim.signed
    digest = hashlib.sha256(claim.signed.encode("utf-8", "surrogateescape")).hexdigest()
    said = "Specified signature does not match our calculation. server StringToSign is"
    return f"{said} [{signing.ACS3}\n{digest}]"


def _same(given: str, right: str) -> bool:
    # A header's bytes that are no UTF-8 arrive as surrogates.
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())

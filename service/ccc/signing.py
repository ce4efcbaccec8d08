"""Alibaba Cloud's two request signatures: ACS3-HMAC-SHA256 and RPC v1 HMAC-SHA1.

One arithmetic for both ends: the client signs with it, the emulator and the RPC door check with it.
It is pure: nonce, date and credentials come in as headers or parameters, and comparing a signature
in constant time, its age and its nonce are the business of whoever checks it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

ACS3 = "ACS3-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")


class Acs3Request(msgspec.Struct, frozen=True):
    """The parts of a request that ACS3 signs: exactly these headers, never `authorization`."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body_sha256: str = EMPTY_SHA256


def percent(text: str) -> str:
    """Percent-encode UTF-8 text by RFC 3986: only letters, digits and `-_.~` stay as they are.

    Raises UnicodeEncodeError, a ValueError, for text that is no UTF-8 (a lone surrogate).
    """
    # Names and most values are plain, and to see that costs a third of what `quote` does.
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")


def canonical_query(params: Mapping[str, str]) -> str:
    """Write query parameters in the one order and encoding that both signatures are made over.

    The same bytes are sent: a gateway that signs what it received then agrees as well.
    """
    return "&".join(f"{percent(name)}={percent(params[name])}" for name in sorted(params))


def acs3_canonical_request(request: Acs3Request) -> str:
    """Write the request as the V3 signature page asks for it: six parts, a line feed between them.

    Header names are lowercased and sorted, their values stripped; a line feed ends each.
    """
    headers = _lowercased(request.headers)
    return "\n".join(
        (
            request.method,
            request.path,
            canonical_query(request.params),
            "".join(f"{name}:{value}\n" for name, value in headers.items()),
            ";".join(headers),
            request.body_sha256,
        )
    )


def acs3_signature(canonical_request: str, secret: str) -> str:
    """Sign a canonical request with an access key's secret: 64 hexadecimal digits.

    A received header's bytes that are no UTF-8 stand in it as surrogates.
    """
    digest = hashlib.sha256(canonical_request.encode("utf-8", "surrogateescape")).hexdigest()
    return hmac.digest(secret.encode(), f"{ACS3}\n{digest}".encode(), "sha256").hex()


def acs3_authorization(request: Acs3Request, access_key_id: str, access_key_secret: str) -> str:
    """Return the value of the Authorization header, every given header signed."""
    signature = acs3_signature(acs3_canonical_request(request), access_key_secret)
    signed = ";".join(_lowercased(request.headers))
    return f"{ACS3} Credential={access_key_id},SignedHeaders={signed},Signature={signature}"


def rpc_v1_string_to_sign(method: str, params: Mapping[str, str]) -> str:
    """Write the RPC v1 string to sign over the query's and the form's parameters together.

    `Signature` itself must not be among them. The path is always `/`.
    """
    # Percent-encoded once, a query has only these three left to encode; this is far quicker.
    query = canonical_query(params).replace("%", "%25").replace("&", "%26").replace("=", "%3D")
    return f"{method}&%2F&{query}"


def rpc_v1_signature(string_to_sign: str, secret: str) -> str:
    """Sign with an access key's secret, to which RPC v1 adds an ampersand: base64 of HMAC-SHA1."""
    digest = hmac.digest(f"{secret}&".encode(), string_to_sign.encode(), "sha1")
    return base64.b64encode(digest).decode()


def _lowercased(headers: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted((name.lower(), value.strip()) for name, value in headers.items()))

"""Claims of signed requests: those of the SDKs' own vectors are right, and each part counts."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from msgspec.structs import replace

from service.ccc.claims import SignedCall, claim_of, verify
from service.errors import ClaimRefused

VECTORS = json.loads((Path(__file__).parent / "data" / "signing-vectors.json").read_text())


def acs3_call(vector: dict[str, Any], headers: dict[str, str], authorization: str) -> SignedCall:
    """The request of a vector as it is received."""
    query = dict(parse_qsl(urlsplit(vector["wire_url_requests"]).query, keep_blank_values=True))
    body = (vector["body"] or "").encode()
    return SignedCall(
        vector["method"],
        {**headers, "authorization": authorization},
        query,
        query,
        hashlib.sha256(body).hexdigest(),
    )


def when(date: str) -> float:
    return datetime.fromisoformat(date).timestamp()


@pytest.mark.parametrize("of", ["headers_signed_by_sdk", "minimal"])
@pytest.mark.parametrize("vector", VECTORS["acs3"], ids=lambda vector: str(vector["name"]))
def test_what_the_sdk_signs_by_acs3_is_right(vector: dict[str, Any], of: str) -> None:
    minimal = vector["minimal"]
    headers = vector[of] if of != "minimal" else minimal["headers"]
    authorization = (vector if of != "minimal" else minimal)["authorization"]
    claim = claim_of(acs3_call(vector, headers, authorization))
    now = when(vector["date"])
    assert claim.access_key_id == vector["access_key_id"]
    token = vector["security_token"] or ""
    assert verify(claim, vector["access_key_secret"], token, now) == now
    with pytest.raises(ClaimRefused) as refused:
        verify(claim, vector["access_key_secret"] + "x", token, now)
    assert refused.value.ccc_code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("vector", VECTORS["rpc_v1"], ids=lambda vector: str(vector["name"]))
def test_what_the_sdks_sign_by_rpc_v1_is_right(vector: dict[str, Any]) -> None:
    params = {**vector["signed_params"], "Signature": vector["signature"]}
    received = dict(parse_qsl(urlencode(params), keep_blank_values=True))
    claim = claim_of(SignedCall(vector["method"], {}, {}, received))
    now = when(params["Timestamp"])
    token = params.get("SecurityToken", "")
    assert verify(claim, vector["access_key_secret"], token, now) == now
    with pytest.raises(ClaimRefused) as refused:
        verify(replace(claim, signature="x\udcff"), vector["access_key_secret"], token, now)
    said = "Specified signature is not matched with our calculation. server string to sign is:"
    assert refused.value.values == (said + vector["string_to_sign"],)

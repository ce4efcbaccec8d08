"""The signatures against every known answer, made by the official SDK or published by Alibaba."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import pytest

from service.ccc.signing import (
    EMPTY_SHA256,
    Acs3Request,
    acs3_authorization,
    acs3_canonical_request,
    acs3_signature,
    canonical_query,
    percent,
    rpc_v1_signature,
    rpc_v1_string_to_sign,
)

VECTORS = json.loads((Path(__file__).parent / "data" / "signing-vectors.json").read_text())
PUBLISHED_ACS3, PUBLISHED_RPC_V1 = VECTORS["published"]


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def acs3_request(vector: dict[str, Any], headers: dict[str, str]) -> Acs3Request:
    return Acs3Request(vector["method"], vector["path"], vector["query_params"], headers)


@pytest.mark.parametrize("vector", named(VECTORS["acs3"]))
def test_the_sdk_and_we_agree_over_all_its_headers(vector: dict[str, Any]) -> None:
    request = acs3_request(vector, vector["headers_signed_by_sdk"])
    canonical = acs3_canonical_request(request)
    assert canonical == vector["canonical_request"]
    secret = vector["access_key_secret"]
    assert acs3_authorization(request, vector["access_key_id"], secret) == vector["authorization"]
    assert vector["authorization"].endswith(f"Signature={acs3_signature(canonical, secret)}")


@pytest.mark.parametrize("vector", named(VECTORS["acs3"]))
def test_the_sdk_and_we_agree_over_the_fewest_headers(vector: dict[str, Any]) -> None:
    minimal = vector["minimal"]
    request = acs3_request(vector, minimal["headers"])
    assert acs3_canonical_request(request) == minimal["canonical_request"]
    authorization = acs3_authorization(
        request, vector["access_key_id"], vector["access_key_secret"]
    )
    assert authorization == minimal["authorization"]


def test_alibabas_published_acs3_example_comes_out() -> None:
    vector = PUBLISHED_ACS3
    request = acs3_request(vector, vector["headers"])
    authorization = acs3_authorization(
        request, vector["access_key_id"], vector["access_key_secret"]
    )
    assert authorization == vector["authorization"]


@pytest.mark.parametrize("vector", named(VECTORS["rpc_v1"]))
def test_rpc_v1_agrees_with_the_sdk(vector: dict[str, Any]) -> None:
    text = rpc_v1_string_to_sign(vector["method"], vector["signed_params"])
    assert text == vector["string_to_sign"]
    assert rpc_v1_signature(text, vector["access_key_secret"]) == vector["signature"]


def test_alibabas_published_rpc_v1_example_comes_out() -> None:
    vector = PUBLISHED_RPC_V1
    text = rpc_v1_string_to_sign(vector["method"], vector["signed_params"])
    assert rpc_v1_signature(text, vector["access_key_secret"]) == vector["signature"]


@pytest.mark.parametrize("vector", named(VECTORS["acs3"]))
def test_our_query_differs_from_the_sdks_wire_in_the_space_alone(vector: dict[str, Any]) -> None:
    wire = urlsplit(vector["wire_url_requests"]).query
    assert canonical_query(vector["query_params"]) == wire.replace("+", "%20")


def test_only_the_unreserved_characters_stay_as_they_are() -> None:
    kept = "".join(chr(code) for code in range(128) if percent(chr(code)) == chr(code))
    assert kept == "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
    assert percent(" *@/") == "%20%2A%40%2F" != quote_plus(" *@/")


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        percent("\ud800")


def test_header_names_are_lowercased_and_sorted_and_values_stripped() -> None:
    request = Acs3Request("POST", "/", {}, {"X-Acs-Date": " now ", "HOST": "h"})
    assert acs3_canonical_request(request) == (
        f"POST\n/\n\nhost:h\nx-acs-date:now\n\nhost;x-acs-date\n{EMPTY_SHA256}"
    )

"""Who gets past the emulator's gate: both signatures of the SDK, dates, nonces, keys and tokens."""

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from alibabacloud_ccc20200701 import models
from alibabacloud_tea_openapi.exceptions import ClientException

from service.ccc.signing import rpc_v1_signature, rpc_v1_string_to_sign
from service.emulator import Emulator, running
from tests.ccc.emulator_fixtures import KEY, SECRET, new_emulator, posted, sdk, signed_headers

ACTION = "GetNumberLocation"
PARAMS = {"InstanceId": "ccc-test", "Number": "13808130000"}


@pytest.fixture
def emulator() -> Emulator:
    return new_emulator()


@pytest.fixture
async def address(emulator: Emulator) -> AsyncIterator[str]:
    async with running(emulator) as address:
        yield address


async def sdk_city(address: str, **config: Any) -> Any:
    request = models.GetNumberLocationRequest(instance_id="ccc-test", number="13808130000")
    return (await sdk(address, **config).get_number_location_async(request)).body.data.city


async def code_of(address: str, headers: dict[str, str], **params: str) -> tuple[int, str]:
    async with posted(address, {**PARAMS, **params}, headers) as response:
        return response.status, (await response.json())["Code"]


async def post_rpc_v1(address: str, params: dict[str, str], in_form: dict[str, str]) -> Any:
    system = {
        "Action": ACTION,
        "Version": "2020-07-01",
        "AccessKeyId": KEY,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "once",
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **params,
    }
    text = rpc_v1_string_to_sign("POST", {**system, **in_form})
    query = {**system, "Signature": rpc_v1_signature(text, SECRET)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{address}/", params=query, data=in_form) as response,
    ):
        return await response.json()


@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["acs3", "rpc_v1"])
async def test_both_signatures_of_the_sdk_are_right(address: str, scheme: dict[str, str]) -> None:
    assert await sdk_city(address, **scheme) == "乐山"


@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["acs3", "rpc_v1"])
@pytest.mark.parametrize(
    ("config", "status", "code"),
    [
        ({"access_key_secret": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"access_key_id": "nobody"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"security_token": "unasked"}, 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
async def test_the_sdk_is_told_what_is_wrong_with_its_credentials(
    address: str, scheme: dict[str, str], config: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(ClientException) as caught:
        await sdk_city(address, **scheme, **config)
    assert (caught.value.status_code, caught.value.code) == (status, code)


@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["acs3", "rpc_v1"])
async def test_a_temporary_key_needs_its_token(
    emulator: Emulator, address: str, scheme: dict[str, str]
) -> None:
    emulator.security_tokens[KEY] = "token"
    assert await sdk_city(address, security_token="token", **scheme) == "乐山"
    with pytest.raises(ClientException, match="SecurityToken mismatch"):
        await sdk_city(address, **scheme)


async def test_a_key_revoked_while_it_runs_is_unknown(emulator: Emulator, address: str) -> None:
    del emulator.access_keys[KEY]
    with pytest.raises(ClientException) as caught:
        await sdk_city(address)
    assert caught.value.code == "InvalidAccessKeyId.NotFound"


@pytest.mark.parametrize(
    ("skew", "passes"), [(-890, True), (890, True), (-910, False), (910, False)]
)
@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["acs3", "rpc_v1"])
async def test_a_date_may_be_fifteen_minutes_off(
    scheme: dict[str, str], skew: int, *, passes: bool
) -> None:
    async with running(new_emulator(clock=lambda: time.time() + skew)) as address:
        if passes:
            assert await sdk_city(address, **scheme) == "乐山"
            return
        with pytest.raises(ClientException) as caught:
            await sdk_city(address, **scheme)
        assert caught.value.code == "InvalidTimeStamp.Expired"


async def test_a_request_replayed_is_refused(address: str) -> None:
    headers = signed_headers(address, ACTION, PARAMS)
    assert await code_of(address, headers) == (200, "OK")
    assert await code_of(address, headers) == (400, "SignatureNonceUsed")


async def test_a_nonce_is_forgotten_when_its_date_has_expired_for_sure() -> None:
    now = [time.time()]
    async with running(new_emulator(clock=lambda: now[0])) as address:
        for skew, expected in ((0, "OK"), (1799, "SignatureNonceUsed"), (1801, "OK")):
            now[0] = time.time() + skew
            date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now[0]))
            headers = signed_headers(
                address, ACTION, PARAMS, x_acs_date=date, x_acs_signature_nonce="one"
            )
            assert (await code_of(address, headers))[1] == expected


async def test_a_parameter_changed_on_the_way_shows_the_string_that_was_to_be_signed(
    address: str,
) -> None:
    headers = signed_headers(address, ACTION, PARAMS)
    async with posted(address, {**PARAMS, "Number": "1"}, headers) as response:
        body = await response.json()
    assert body["Code"] == "SignatureDoesNotMatch"
    assert "server StringToSign is [ACS3-HMAC-SHA256\n" in body["Message"]


async def test_a_header_that_was_not_signed_spoils_the_signature(address: str) -> None:
    headers = {**signed_headers(address, ACTION, PARAMS), "x-acs-extra": "unsigned"}
    assert await code_of(address, headers) == (400, "SignatureDoesNotMatch")


async def test_rpc_v1_takes_parameters_from_the_form(address: str) -> None:
    body = await post_rpc_v1(address, {}, PARAMS)
    assert body["Data"]["City"] == "乐山"


async def test_rpc_v1_shows_its_string_to_sign(address: str) -> None:
    body = await post_rpc_v1(address, {"Signature": "AAAA"}, PARAMS)
    assert body["Code"] == "SignatureDoesNotMatch"
    assert "server string to sign is:POST&%2F&AccessKeyId%3Dtest-key%26Action%3D" in body["Message"]


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"x_acs_version": "2019-01-01"}, 400, "InvalidVersion"),
        ({"x_acs_version": ""}, 400, "MissingParameter"),
        ({"x_acs_action": "PickNothing"}, 404, "InvalidAction.NotFound"),
        ({"x_acs_action": ""}, 400, "MissingParameter"),
        ({"x_acs_date": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"x_acs_date": ""}, 400, "MissingParameter"),
        ({"x_acs_signature_nonce": ""}, 400, "MissingParameter"),
    ],
)
async def test_a_header_that_lacks_or_makes_no_sense_is_named(
    address: str, changed: dict[str, str], status: int, code: str
) -> None:
    headers = signed_headers(address, ACTION, PARAMS, **changed)
    assert await code_of(address, headers) == (status, code)


async def test_another_authorization_is_no_signature(address: str) -> None:
    headers = {**signed_headers(address, ACTION, PARAMS), "Authorization": "Bearer x"}
    assert await code_of(address, headers) == (400, "IncompleteSignature")


async def test_an_unsigned_request_is_told_what_it_lacks(address: str) -> None:
    params = {"Action": ACTION, "Version": "2020-07-01"}
    async with posted(address, {**PARAMS, **params}, {}) as response:
        body = await response.json()
    assert (response.status, body["Code"]) == (400, "MissingParameter")
    assert '"AccessKeyId"' in body["Message"]

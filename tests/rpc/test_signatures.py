"""Signed requests at the RPC door: where everything may stand, and what may be wrong with it."""

from typing import Any

import pytest
from msgspec.structs import replace

from service.api.rpc.formats import JSON_TYPE
from service.settings import Secret
from tests.http.http_fixtures import FORM, Service, ask, serving
from tests.rpc.rpc_fixtures import (
    ACTIONS,
    BOUND,
    DIALER,
    KEY,
    PARAMS,
    STRANGER,
    STS,
    Scheme,
    changed,
    date,
    guarded_service,
    send,
    signed,
)

SCHEMES: tuple[Scheme, ...] = ("acs3", "rpc_v1")
PICK = "PickOutboundNumbers"

both = pytest.mark.parametrize("scheme", SCHEMES)


def system(scheme: Scheme, **parts: str | None) -> dict[str, str | None]:
    """Parts of a signature by the names that they have in a scheme."""
    names = {
        "date": ("x-acs-date", "Timestamp"),
        "nonce": ("x-acs-signature-nonce", "SignatureNonce"),
        "action": ("x-acs-action", "Action"),
        "version": ("x-acs-version", "Version"),
        "token": ("x-acs-security-token", "SecurityToken"),
    }
    return {names[part][SCHEMES.index(scheme)]: value for part, value in parts.items()}


@pytest.mark.parametrize(
    ("method", "place"), [("GET", "query"), ("POST", "query"), ("POST", "form")]
)
@pytest.mark.parametrize("action", ACTIONS)
@both
async def test_a_signed_call_is_let_in_wherever_its_parameters_stand(
    door: Service, scheme: Scheme, action: str, method: str, place: str
) -> None:
    answer = await send(door, signed(door, scheme, action, method=method, place=place))
    assert (answer.status, answer.json["Code"]) == (200, "OK")
    assert answer.headers["Content-Type"] == JSON_TYPE


@both
async def test_odd_characters_are_signed_as_they_are_meant(door: Service, scheme: Scheme) -> None:
    odd = "北京 +%*~-_.'(!)/&=\"\r\n\t😀"
    params = PARAMS["ListPhoneNumbers"] | {"SearchPattern": odd, odd: ""}
    answer = await send(door, signed(door, scheme, "ListPhoneNumbers", params))
    assert answer.json["Data"]["TotalCount"] == 0


@pytest.mark.parametrize(
    ("parts", "key", "expected"),
    [
        ({"date": -890}, KEY, (200, "OK")),
        ({"date": 890}, KEY, (200, "OK")),
        ({"date": -910}, KEY, (400, "InvalidTimeStamp.Expired")),
        ({"date": 960}, KEY, (400, "InvalidTimeStamp.Expired")),
        ({"date": "2026-13-01T00:00:00Z"}, KEY, (400, "InvalidTimeStamp.Format")),
        ({"date": "2026-01-01 00:00:00"}, KEY, (400, "InvalidTimeStamp.Format")),
        ({"date": None}, KEY, (400, "MissingParameter")),
        ({"nonce": None}, KEY, (400, "MissingParameter")),
        ({"action": None}, KEY, (400, "MissingParameter")),
        ({"version": None}, KEY, (400, "MissingParameter")),
        ({"version": "2018-01-01"}, KEY, (400, "InvalidVersion")),
        ({"action": "PickNothing"}, KEY, (404, "InvalidAction.NotFound")),
        ({"token": "unasked"}, KEY, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
        ({}, STS, (200, "OK")),
        ({"token": "another"}, STS, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
        ({"token": None}, STS, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
        ({}, replace(KEY, secret=Secret("wrong")), (400, "SignatureDoesNotMatch")),
        ({}, STRANGER, (404, "InvalidAccessKeyId.NotFound")),
        ({}, DIALER, (200, "OK")),
        ({}, BOUND, (403, "Forbidden.RAM")),
    ],
)
@both
async def test_each_part_of_a_signature_is_looked_at(
    door: Service, scheme: Scheme, parts: Any, key: Any, expected: tuple[int, str]
) -> None:
    told = {part: date(value) if isinstance(value, int) else value for part, value in parts.items()}
    sent = signed(door, scheme, PICK, key=key, system=system(scheme, **told))
    answer = await send(door, sent)
    assert (answer.status, answer.json["Code"]) == expected
    assert bool(door.picker.asked) == (expected == (200, "OK"))


@both
async def test_what_was_changed_on_the_way_does_not_match(door: Service, scheme: Scheme) -> None:
    for place in ("query", "form"):
        sent = signed(door, scheme, PICK, place=place)
        answer = await send(door, changed(sent, "13888888888", "13888888889"))
        assert answer.json["Code"] == "SignatureDoesNotMatch"
    assert not door.picker.asked


async def test_rpc_v1_shows_the_string_to_sign_whole(door: Service) -> None:
    sent = signed(door, "rpc_v1", PICK)
    answer = await send(door, changed(sent, "ccc-test", "other"))
    said, _, text = answer.json["Message"].partition(":")
    assert said == (
        "Specified signature is not matched with our calculation. server string to sign is"
    )
    assert text.startswith("POST&%2F&AccessKeyId%3Dtest-key%26Action%3DPickOutboundNumbers%26")
    assert "CalledNumber%3D13888888888%26" in text  # the sender's own, so that it can compare


async def test_acs3_shows_the_digest_of_the_canonical_request(door: Service) -> None:
    answer = await send(door, changed(signed(door, "acs3", PICK), "ccc-test", "other"))
    assert answer.json["Message"].startswith(
        "Specified signature does not match our calculation. "
        "server StringToSign is [ACS3-HMAC-SHA256\n"
    )


async def test_a_header_that_was_not_signed_spoils_the_signature(door: Service) -> None:
    sent = signed(door, "acs3", PICK)
    sent.headers["x-acs-extra"] = "unsigned"
    assert (await send(door, sent)).json["Code"] == "SignatureDoesNotMatch"


async def test_a_body_becomes_a_form_only_by_its_signed_type(door: Service) -> None:
    sent = signed(door, "acs3", PICK, place="form", system={"content-type": None})
    sent.headers["Content-Type"] = FORM
    assert (await send(door, sent)).json["Code"] == "SignatureDoesNotMatch"


async def test_an_unsigned_header_does_not_name_another_action(door: Service) -> None:
    """RPC v1 signs no header: who could set one would make an addition of a list."""
    sent = signed(door, "rpc_v1", "ListPhoneNumbers", key=KEY)
    sent.headers |= {"x-acs-action": "AddPhoneNumbers", "x-acs-version": "2020-07-01"}
    assert "List" in (await send(door, sent)).json["Data"]


async def test_an_unsigned_parameter_does_not_name_another_action(door: Service) -> None:
    params = PARAMS["ListPhoneNumbers"] | {"Action": "AddPhoneNumbers", "Version": "1"}
    answer = await send(door, signed(door, "acs3", "ListPhoneNumbers", params))
    assert "List" in answer.json["Data"]


@pytest.mark.parametrize("action", ACTIONS)
@both
async def test_a_call_replayed_is_refused(door: Service, scheme: Scheme, action: str) -> None:
    sent = signed(door, scheme, action)
    answers = [await send(door, sent) for _ in range(3)]
    assert [answer.json["Code"] for answer in answers] == [
        "OK",
        "SignatureNonceUsed",
        "SignatureNonceUsed",
    ]
    assert len(door.picker.asked) + len(door.provisioner.asked) == (action != "ListPhoneNumbers")


@both
async def test_a_nonce_under_another_date_is_used_all_the_same(
    door: Service, scheme: Scheme
) -> None:
    for offset, code in ((0, "OK"), (-100, "SignatureNonceUsed")):
        parts = system(scheme, nonce="once", date=date(offset))
        answer = await send(door, signed(door, scheme, PICK, system=parts))
        assert answer.json["Code"] == code


@both
async def test_each_key_has_nonces_of_its_own(door: Service, scheme: Scheme) -> None:
    for key in (KEY, DIALER):
        parts = system(scheme, nonce="once")
        assert (await send(door, signed(door, scheme, PICK, key=key, system=parts))).status == 200


@both
async def test_a_wrong_signature_uses_no_nonce_up(door: Service, scheme: Scheme) -> None:
    parts = system(scheme, nonce="once")
    wrong = signed(door, scheme, PICK, key=replace(KEY, secret=Secret("guess")), system=parts)
    assert (await send(door, wrong)).json["Code"] == "SignatureDoesNotMatch"
    assert (await send(door, signed(door, scheme, PICK, system=parts))).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "ACS3-HMAC-SHA256",
        "ACS3-HMAC-SHA256 Credential=test-key",
        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
        "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=c,More=d",
        "ACS3-HMAC-SM3 Credential=test-key,SignedHeaders=host,Signature=00",
    ],
)
async def test_an_authorization_that_is_no_signature_is_incomplete(
    door: Service, authorization: str
) -> None:
    sent = signed(door, "acs3", PICK)
    sent.headers["Authorization"] = authorization
    answer = await send(door, sent)
    known = authorization.startswith("ACS3-HMAC-SHA256")
    assert answer.json["Code"] == ("IncompleteSignature" if known else "Unauthenticated")


@both
async def test_where_nobody_has_to_say_who_asks_any_key_will_do(scheme: Scheme) -> None:
    """An SDK pointed at a service on loopback works, whatever key it has."""
    service = guarded_service()
    service.settings = replace(
        service.settings, auth=replace(service.settings.auth, required="never")
    )
    async with serving(service):
        assert (await send(service, signed(service, scheme, PICK, key=STRANGER))).status == 200
        assert (await send(service, signed(service, scheme, PICK, key=BOUND))).status == 200
        wrong = signed(service, scheme, PICK, key=replace(KEY, secret=Secret("wrong")))
        assert (await send(service, wrong)).json["Code"] == "SignatureDoesNotMatch"
        query = "&".join(f"{name}={value}" for name, value in PARAMS["ListPhoneNumbers"].items())
        asked = f"/?Action=ListPhoneNumbers&Version=2020-07-01&{query}"
        assert (await ask(service, "GET", asked)).status == 200

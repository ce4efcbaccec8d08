"""Every action of the door and every credential: none, unknown, wrong, of another scope, right."""

from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from service.settings import AccessKeySettings, Secret
from tests.http.http_fixtures import Service, ask
from tests.rpc.rpc_fixtures import (
    ACTIONS,
    BOUND,
    DIALER,
    KEY,
    METER,
    PARAMS,
    STRANGER,
    STS,
    VERSIONS,
    send,
    signed,
)

WRONG_SECRET = replace(KEY, secret=Secret("guess"))
REFUSALS: list[tuple[AccessKeySettings, tuple[int, str]]] = [
    (STRANGER, (404, "InvalidAccessKeyId.NotFound")),
    (WRONG_SECRET, (400, "SignatureDoesNotMatch")),
    (METER, (403, "Forbidden.RAM")),
    (BOUND, (403, "Forbidden.RAM")),
]

each_action = pytest.mark.parametrize("action", ACTIONS)
both = pytest.mark.parametrize("scheme", ["acs3", "rpc_v1"])


def untouched(service: Service) -> bool:
    return not service.picker.asked and not service.provisioner.asked


@pytest.mark.parametrize(("key", "expected"), REFUSALS)
@each_action
@both
async def test_a_key_that_does_not_do_is_told_why(
    door: Service, scheme: Any, action: str, key: AccessKeySettings, expected: tuple[int, str]
) -> None:
    answer = await send(door, signed(door, scheme, action, key=key))
    assert (answer.status, answer.json["Code"]) == expected
    assert untouched(door)


@pytest.mark.parametrize("key", [KEY, STS], ids=["static", "STS"])
@each_action
@both
async def test_the_right_key_does(
    door: Service, scheme: Any, action: str, key: AccessKeySettings
) -> None:
    assert (await send(door, signed(door, scheme, action, key=key))).status == 200


@each_action
@both
async def test_a_key_for_picks_only_picks(door: Service, scheme: Any, action: str) -> None:
    answer = await send(door, signed(door, scheme, action, key=DIALER))
    assert answer.status == (200 if action == "PickOutboundNumbers" else 403)


@each_action
@both
async def test_a_key_opens_the_instance_that_it_is_bound_to(
    door: Service, scheme: Any, action: str
) -> None:
    params = PARAMS[action] | {"InstanceId": "other"}
    assert (await send(door, signed(door, scheme, action, params, key=BOUND))).status == 200


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("Bearer unknown", 401), ("Basic eDp5", 401)]
)
@each_action
async def test_without_a_credential_nothing_is_done(
    door: Service, action: str, token: str, status: int
) -> None:
    system = {"Action": action, "Version": VERSIONS.get(action, "2020-07-01"), "Format": "JSON"}
    query = urlencode(system | PARAMS[action])
    headers = {"Authorization": token} if token else {}
    answer = await ask(door, "GET", f"/?{query}", None, **headers)
    assert (answer.status, answer.json["Code"]) == (status, "Unauthenticated")
    assert untouched(door)


async def test_refused_picks_are_counted_whoever_was_refused(door: Service) -> None:
    for key in (STRANGER, METER):
        await send(door, signed(door, "acs3", "PickOutboundNumbers", key=key))
    for code in ("Unauthenticated", "Forbidden"):
        assert door.sample("pick_refusals_total", instance="", code=code) == 1


async def test_requests_of_a_key_are_counted_under_its_id(door: Service) -> None:
    await send(door, signed(door, "acs3", "PickOutboundNumbers", key=DIALER))
    await send(door, signed(door, "acs3", "ListPhoneNumbers", key=DIALER))
    await send(door, signed(door, "rpc_v1", "ListPhoneNumbers", key=STRANGER))
    assert door.sample("requests_total", client="dialer-key", code="OK") == 1
    assert door.sample("requests_total", client="dialer-key", code="Forbidden") == 1
    assert door.sample("requests_total", client="", code="Unauthenticated") == 1

"""Calls of many parameters: the key is looked up before they are taken apart."""

import asyncio
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from service.api.rpc import auth, call
from service.errors import Overloaded
from service.settings import Secret
from tests.http.http_fixtures import FORM, Service, ask, serving, settings_with
from tests.rpc.rpc_fixtures import KEY, STRANGER, guarded_service, send, signed

BULK = {"InstanceId": "ccc-test", "Usage": "Outbound", "SkillGroupId.1": "sales@ccc-test"} | {
    f"PhoneNumber.{place}": f"0216066{place:04d}" for place in range(1, 2001)
}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The queries and forms that were taken apart."""
    texts: list[bytes] = []
    parse = call._parsed

    def noted(raw: bytes) -> dict[str, str]:
        texts.append(raw)
        return parse(raw)

    monkeypatch.setattr(call, "_parsed", noted)
    return texts


@pytest.mark.parametrize("place", ["query", "form"])
@pytest.mark.parametrize("scheme", ["acs3", "rpc_v1"])
async def test_a_long_call_of_an_unknown_key_is_refused_before_it_is_taken_apart(
    door: Service, parsed: list[bytes], scheme: Any, place: Any
) -> None:
    params = BULK if place == "form" else dict(list(BULK.items())[:300])
    sent = signed(door, scheme, "AddBulkPhoneNumbers", params, key=STRANGER, place=place)
    answer = await send(door, sent)
    assert answer.status == 404
    assert b"InvalidAccessKeyId.NotFound" in answer.body
    assert not parsed


async def test_a_long_call_without_a_key_or_with_an_unknown_token_is_refused_likewise(
    door: Service, parsed: list[bytes]
) -> None:
    body = urlencode(BULK).encode()
    for token in ({}, {"Authorization": "Bearer unknown"}):
        answer = await ask(door, "POST", "/?Format=JSON", body, Content_Type=FORM, **token)
        assert (answer.status, answer.json["Code"]) == (401, "Unauthenticated")
    assert not parsed


@pytest.mark.parametrize("scheme", ["acs3", "rpc_v1"])
async def test_a_long_call_of_a_known_key_is_performed(door: Service, scheme: Any) -> None:
    sent = signed(door, scheme, "AddBulkPhoneNumbers", BULK, place="form")
    assert (await send(door, sent)).json["Code"] == "OK"
    (asked,) = door.provisioner.asked
    assert len(asked.numbers) == 2000


async def test_a_long_call_with_a_known_token_is_performed(door: Service) -> None:
    system = {"Action": "AddBulkPhoneNumbers", "Version": "2017-07-05", "Format": "JSON"}
    body = urlencode(BULK).encode()
    headers = {"Content_Type": FORM, "Authorization": "Bearer operator"}
    answer = await ask(door, "POST", f"/?{urlencode(system)}", body, **headers)
    assert answer.json["Code"] == "OK"


async def test_where_nobody_has_to_say_who_asks_any_key_may_make_a_long_call() -> None:
    service = Service(settings_with(keys=(KEY,)))
    service.clock = time.time
    async with serving(service):
        sent = signed(service, "rpc_v1", "AddBulkPhoneNumbers", BULK, place="form", key=STRANGER)
        assert (await send(service, sent)).json["Code"] == "OK"


async def test_a_known_keys_name_opens_nothing_without_its_secret(door: Service) -> None:
    wrong = replace(KEY, secret=Secret("guess"))
    sent = signed(door, "rpc_v1", "AddBulkPhoneNumbers", BULK, place="form", key=wrong)
    assert (await send(door, sent)).json["Code"] == "SignatureDoesNotMatch"
    assert not door.provisioner.asked


def test_calls_that_add_nothing_fit_below_the_bound_of_strangers() -> None:
    """16 groups as the SDK writes a list by mistake, and all that a temporary key signs with."""
    groups = {f"SkillGroupIdList.{place}": "a@b" for place in range(1, 17)}
    sent = signed(guarded_service(), "rpc_v1", "PickOutboundNumbers", groups)
    assert sent.path.count("&") < auth.STRANGERS_FIELDS


async def test_a_call_is_taken_apart_within_the_gate(parsed: list[bytes]) -> None:
    service = guarded_service()
    service.settings = replace(
        service.settings, server=replace(service.settings.server, max_in_flight=1)
    )
    service.picker.gate.clear()
    async with serving(service):
        first = asyncio.create_task(send(service, signed(service, "acs3", "PickOutboundNumbers")))
        while not service.picker.asked:
            await asyncio.sleep(0.001)
        before = len(parsed)
        answer = await send(service, signed(service, "acs3", "ListPhoneNumbers"))
        assert (answer.status, answer.json["Code"]) == (400, "Throttling.User")
        assert len(parsed) == before
        service.picker.gate.set()
        assert (await first).status == 200
    assert service.sample("pick_refusals_total", instance="", code=Overloaded.code) == 1

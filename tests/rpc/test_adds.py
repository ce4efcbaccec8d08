"""The two actions that add: what reaches the use case, and the audit of it."""

import logging
from typing import Any
from urllib.parse import urlencode

import pytest

from service.api.nonces import LocalNonces
from service.errors import CccRefused, CccUnavailable, InvalidField, LedgerUnavailable
from service.provisioning import AddRequest, BulkRequest, PartlyAdded
from tests.http.http_fixtures import FORM, GROUP, Service, ask, serving
from tests.rpc.rpc_fixtures import KEY, PARAMS, VERSIONS, guarded_service, send, signed

ADDS = ("AddPhoneNumbers", "AddBulkPhoneNumbers")
ASKED: dict[str, Any] = {
    "AddPhoneNumbers": AddRequest(
        numbers=("01055510001", "01055510009"),
        usage="Bidirection",
        instance_id="ccc-test",
        contact_flow_id="dDMD_0mif4hv",
    ),
    "AddBulkPhoneNumbers": BulkRequest(
        numbers=("02160664651", "02160664659", "02160664658", "02160664657"),
        usage="Outbound",
        instance_id="ccc-test",
        skill_group_ids=(GROUP,),
    ),
}

each_add = pytest.mark.parametrize("action", ADDS)


@each_add
async def test_what_was_asked_for_reaches_the_use_case(door: Service, action: str) -> None:
    await send(door, signed(door, "rpc_v1", action))
    assert door.provisioner.asked == [ASKED[action]]


@pytest.mark.parametrize("credential", ["operator", "test-key"])
@each_add
async def test_the_audit_says_who_did_what_and_how_much_and_shows_no_number(
    door: Service, action: str, credential: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.api.audit"):
        if credential == KEY.id:
            await send(door, signed(door, "acs3", action))
        else:
            system = {"Action": action, "Version": VERSIONS.get(action, "2020-07-01")}
            form = urlencode(system | PARAMS[action]).encode()
            token = f"Bearer {credential}"
            await ask(door, "POST", "/", form, Content_Type=FORM, Authorization=token)
    (record,) = caplog.records
    assert record.getMessage() == f"{credential} added: 1 of ccc-test"
    assert vars(record)["audit"] == {
        "who": credential,
        "what": "added",
        "numbers": 1,
        "instance": "ccc-test",
        "request_id": "made-1",
    }


@each_add
async def test_an_addition_that_ended_half_way_is_told_and_in_the_audit(
    door: Service, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    fates = {"added": ("01055510001",), "unknown": ("01055510009",)}
    cause = CccUnavailable("Timeout", "no answer")
    door.provisioner.error = PartlyAdded(("01055510001", "01055510009"), fates, cause)
    with caplog.at_level(logging.INFO, "service.api.audit"):
        answer = await send(door, signed(door, "rpc_v1", action))
    assert (answer.status, answer.json["Code"]) == (502, "PartlyAdded")
    assert "1 added, 1 unknown. Ask again for those not added" in answer.json["Message"]
    assert caplog.messages == ["test-key added, half-way: 1 of ccc-test"]


@each_add
async def test_what_is_refused_is_in_no_audit(
    door: Service, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.api.audit"):
        await send(door, signed(door, "rpc_v1", action, PARAMS[action] | {"InstanceId": "no"}))
        await send(door, signed(door, "rpc_v1", action, PARAMS[action] | {"Usage": "no"}))
        door.provisioner.error = CccRefused("Parameter.Format", "not so", status=400)
        await send(door, signed(door, "rpc_v1", action))
    assert not caplog.records


@pytest.mark.parametrize(
    ("action", "field", "name"),
    [
        ("AddPhoneNumbers", "numbers[1]", "NumberList"),
        ("AddPhoneNumbers", "usage", "Usage"),
        ("AddPhoneNumbers", "number_group_id", "NumberGroupId"),
        ("AddBulkPhoneNumbers", "numbers", "PhoneNumber"),
        ("AddBulkPhoneNumbers", "skill_group_ids[0]", "SkillGroupId"),
        ("AddBulkPhoneNumbers", "contact_flow_id", "ContactFlowId"),
    ],
)
async def test_a_field_that_the_use_case_refuses_is_named_as_the_action_has_it(
    door: Service, action: str, field: str, name: str
) -> None:
    door.provisioner.error = InvalidField(field, "is not right")
    answer = await send(door, signed(door, "rpc_v1", action))
    assert (answer.status, answer.json["Code"]) == (400, "InvalidParameter")
    assert answer.json["Message"] == f'The specified parameter "{name}" is not valid: is not right.'


class Unreachable(LocalNonces):
    """Nonces in a Redis that does not answer."""

    async def spend(self, key_id: str, nonce: str, signed_at: float, now: float) -> None:
        raise LedgerUnavailable("Redis cannot serve")


async def test_where_nobody_knows_the_nonces_additions_fail_closed_and_picks_go_on() -> None:
    service = guarded_service()
    service.nonces = Unreachable()
    async with serving(service):
        for action in ADDS:
            answer = await send(service, signed(service, "rpc_v1", action))
            assert (answer.status, answer.json["Code"]) == (503, "ServiceUnavailable")
            assert "Retry-After" in answer.headers
        for action in ("PickOutboundNumbers", "ListPhoneNumbers"):
            assert (await send(service, signed(service, "rpc_v1", action))).status == 200
    assert not service.provisioner.asked


async def test_a_token_needs_no_nonce_to_add() -> None:
    service = guarded_service()
    service.nonces = Unreachable()
    async with serving(service):
        system = {"Action": "AddPhoneNumbers", "Version": "2020-07-01"}
        form = urlencode(system | PARAMS["AddPhoneNumbers"]).encode()
        token = "Bearer operator"
        answer = await ask(service, "POST", "/", form, Content_Type=FORM, Authorization=token)
    assert answer.status == 200

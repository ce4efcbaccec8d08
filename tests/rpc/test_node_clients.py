"""Alibaba's own Node clients, unmodified, before the RPC door: both schemes, all four actions."""

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.provisioning import AddRequest, BulkRequest
from service.settings import AccessKeySettings
from tests.http.http_fixtures import CALLED, GROUP, Service
from tests.rpc.rpc_fixtures import ACTIONS, BOUND, KEY, PARAMS, STRANGER, STS, VERSIONS

CLIENTS = ["openapi-client", "pop-core"]  # ACS3-HMAC-SHA256, and RPC v1


def call(client: str, action: str, **changes: str) -> dict[str, Any]:
    """A call as a user of the client writes it; openapi-client takes query and form apart."""
    return {
        "client": client,
        "action": action,
        "version": VERSIONS.get(action, "2020-07-01"),
        "method": "POST",
        "place": "body" if action.startswith("Add") else "query",
        "params": {**PARAMS[action], **changes},
    }


async def made(
    script: Path, service: Service, calls: list[dict[str, Any]], key: AccessKeySettings = KEY
) -> list[dict[str, Any]]:
    """What came of some calls."""
    credentials = {"accessKeyId": key.id, "accessKeySecret": str(key.secret)}
    if key.security_token:
        credentials["securityToken"] = str(key.security_token)
    address = service.address.removeprefix("http://")
    asked = {"address": address, "key": credentials, "calls": calls}
    process = await asyncio.create_subprocess_exec(
        "node",
        str(script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    )
    async with asyncio.timeout(60):
        out, problems = await process.communicate(msgspec.json.encode(asked))
    assert process.returncode == 0, problems.decode()
    return msgspec.json.decode(out, type=list[dict[str, Any]])


@pytest.mark.parametrize("key", [KEY, STS], ids=["static", "STS"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_all_four_actions_are_done(
    door: Service, node_clients: Path, client: str, key: AccessKeySettings
) -> None:
    told = await made(node_clients, door, [call(client, action) for action in ACTIONS], key)
    picked, listed, added, bulk = (each["body"] for each in told)
    assert {each["Code"] for each in (picked, listed, added, bulk)} == {"OK"}
    assert [pair["Callee"]["Number"] for pair in picked["Data"]] == [CALLED, CALLED]
    assert (listed["Data"]["TotalCount"], len(listed["Data"]["List"])) == (5, 5)
    assert added["Data"] == ["01055510009"]
    assert bulk["FailedPhoneNumbers"] == {"FailedPhoneNumber": ["02160664659"]}
    assert bulk["UserdPhoneNumbers"] == {"UserdPhoneNumber": ["02160664658"]}
    assert bulk["ArrearagePhoneNumbers"] == {"ArrearagePhoneNumber": ["02160664657"]}
    assert [row["Trunks"] for row in bulk["PhoneNumbers"]["PhoneNumber"]] == [3]
    assert door.provisioner.asked == [
        AddRequest(
            numbers=("01055510001", "01055510009"),
            usage="Bidirection",
            instance_id="ccc-test",
            contact_flow_id="dDMD_0mif4hv",
        ),
        BulkRequest(
            numbers=("02160664651", "02160664659", "02160664658", "02160664657"),
            usage="Outbound",
            instance_id="ccc-test",
            skill_group_ids=(GROUP,),
        ),
    ]


@pytest.mark.parametrize("client", CLIENTS)
async def test_each_action_has_an_error_that_the_client_raises_as_its_own(
    door: Service, node_clients: Path, client: str
) -> None:
    calls = [
        call(client, "PickOutboundNumbers", InstanceId="nowhere"),
        call(client, "ListPhoneNumbers", PageSize="101"),
        call(client, "AddPhoneNumbers", Usage="Sideways"),
        call(client, "AddBulkPhoneNumbers", InstanceId=""),
    ]
    errors = [each["error"] for each in await made(node_clients, door, calls)]
    assert [error["code"] for error in errors] == [
        "NotExists.InstanceId",
        "Parameter.Maximum",
        "Parameter.Enumeration",
        "Parameter.Empty",
    ]
    assert "The specified instance nowhere does not exist." in errors[0]["message"]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("key", "code"),
    [
        (STRANGER, "InvalidAccessKeyId.NotFound"),
        (msgspec.structs.replace(KEY, secret=STRANGER.id), "SignatureDoesNotMatch"),
        (
            msgspec.structs.replace(STS, security_token=STRANGER.id),
            "InvalidSecurityToken.MismatchWithAccessKey",
        ),
        (BOUND, "Forbidden.RAM"),
    ],
    ids=["unknown", "wrong secret", "wrong token", "bound elsewhere"],
)
async def test_a_credential_that_does_not_do_is_named(
    door: Service, node_clients: Path, client: str, key: AccessKeySettings, code: str
) -> None:
    (told,) = await made(node_clients, door, [call(client, "PickOutboundNumbers")], key)
    assert told["error"]["code"] == code
    assert not door.picker.asked


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_get_is_signed_as_well(door: Service, node_clients: Path, client: str) -> None:
    asked = call(client, "PickOutboundNumbers") | {"method": "GET"}
    (told,) = await made(node_clients, door, [asked])
    assert told["body"]["Code"] == "OK"

"""`POST /v1/numbers` and its bulk sister: what reaches the provisioner, and how it is answered."""

import logging
from typing import Any

import orjson
import pytest

from service.errors import CccRefused, CccThrottled, CccUnavailable, InvalidField
from service.provisioning import AddRequest, BulkRequest, PartlyAdded
from tests.http.http_fixtures import Answer, Service, ask, client_with, serving, settings_with

ADD, BULK = "/v1/numbers", "/v1/numbers/bulk"
BODY = {"numbers": ["01055500001", "01055500002"], "usage": "Bidirection"}
LOST = CccUnavailable("Timeout", "no answer within 5.0 s")


async def posted(service: Service, path: str, body: Any = None, **headers: str) -> Answer:
    sent = body if isinstance(body, bytes) else orjson.dumps(BODY if body is None else body)
    return await ask(service, "POST", path, sent, **{"Content_Type": "application/json", **headers})


async def test_an_addition_is_answered_with_what_became_of_each_number(service: Service) -> None:
    answer = await posted(service, ADD, X_Request_Id="mine")
    assert (answer.status, answer.json) == (
        200,
        {
            "request_id": "mine",
            "added": ["01055500001"],
            "failed": ["01055500002"],
            "pending": [],
        },
    )


async def test_a_bulk_addition_tells_more_ends_apart(service: Service) -> None:
    answer = await posted(service, BULK, X_Request_Id="mine")
    assert (answer.status, answer.json) == (
        200,
        {
            "request_id": "mine",
            "added": ["01055500001"],
            "failed": [],
            "in_use": ["01055500002"],
            "in_arrears": ["01055500003"],
            "pending": [],
        },
    )


async def test_every_field_reaches_the_provisioner(service: Service) -> None:
    common = {**BODY, "instance_id": "ccc-test", "contact_flow_id": "flow"}
    await posted(service, ADD, {**common, "number_group_id": "group"})
    await posted(service, BULK, {**common, "skill_group_ids": ["sales@ccc-test"]})
    known: dict[str, Any] = {
        "numbers": ("01055500001", "01055500002"),
        "usage": "Bidirection",
        "instance_id": "ccc-test",
        "contact_flow_id": "flow",
    }
    assert service.provisioner.asked == [
        AddRequest(**known, number_group_id="group"),
        BulkRequest(**known, skill_group_ids=("sales@ccc-test",)),
    ]


@pytest.mark.parametrize("path", [ADD, BULK])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"numbers": ["01055500001"]}, "usage"),
        ({"usage": "Inbound"}, "numbers"),
        ({**BODY, "usage": "Outboung"}, "usage"),
        ({**BODY, "usage": ""}, "usage"),
        ({**BODY, "numbers": "01055500001"}, "numbers"),
        ({**BODY, "numbers": [1055500001]}, "numbers[0]"),
        ({**BODY, "phones": []}, "phones"),
        ({**BODY, "contact_flow_id": "x" * 257}, "contact_flow_id"),
    ],
)
async def test_a_body_of_another_shape_names_its_field(
    service: Service, path: str, body: Any, field: str
) -> None:
    answer = await posted(service, path, body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (
        422,
        "InvalidField",
        field,
    )
    assert not service.provisioner.asked


async def test_a_usage_that_there_is_not_is_answered_with_those_that_there_are(
    service: Service,
) -> None:
    answer = await posted(service, ADD, {**BODY, "usage": "Outboung"})
    for usage in ("Inbound", "Outbound", "Bidirection"):
        assert usage in answer.json["detail"]


async def test_a_form_is_no_list_of_numbers(service: Service) -> None:
    answer = await posted(
        service, ADD, b"numbers=01055500001", Content_Type="application/x-www-form-urlencoded"
    )
    assert (answer.status, answer.json["code"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("error", "status", "code", "wait"),
    [
        (InvalidField("numbers[3]", "is masked"), 422, "InvalidField", None),
        (CccRefused("Forbidden.RAM", "denied"), 502, "CccRefused", None),
        (CccThrottled("Throttling.User", "too many"), 503, "CccThrottled", "5"),
        (LOST, 503, "CccUnavailable", "5"),
    ],
)
async def test_what_ccc_refuses_has_a_status(
    service: Service, error: Exception, status: int, code: str, wait: str | None
) -> None:
    service.provisioner.error = error
    for path in (ADD, BULK):
        answer = await posted(service, path)
        assert (answer.status, answer.json["code"]) == (status, code)
        assert answer.headers.get("Retry-After") == wait


async def test_a_failure_half_way_says_of_each_number_whether_it_is_in(service: Service) -> None:
    asked = ("01055500001", "01055500002", "13800138003", "01055500004")
    fates = {"added": asked[:1], "failed": (), "unknown": asked[1:3], "not_added": asked[3:]}
    service.provisioner.error = PartlyAdded(asked, fates, LOST)
    answer = await posted(service, BULK, {**BODY, "numbers": [*asked]})
    assert (answer.status, answer.json["code"]) == (502, "PartlyAdded")
    told = {fate: answer.json[fate] for fate in PartlyAdded.FATES}
    assert told == {
        "added": [{"index": 0, "number": "010****0001"}],
        "failed": [],
        "in_use": [],
        "in_arrears": [],
        "unknown": [
            {"index": 1, "number": "010****0002"},
            {"index": 2, "number": "138****8003"},
        ],
        "not_added": [{"index": 3, "number": "010****0004"}],
    }
    assert "Timeout" in answer.json["detail"]
    assert not any(number in answer.text for number in asked)


async def test_each_addition_leaves_who_made_it_and_how_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clients = (client_with("ops", "admin"),)
    settings = settings_with(clients=clients, required="always")
    with caplog.at_level(logging.INFO, "service.api.audit"):
        async with serving(Service(settings)) as service:
            await posted(service, ADD, Authorization="Bearer ops", X_Request_Id="mine")
            service.provisioner.error = PartlyAdded(
                ("01055500001", "01055500002"), {"added": ("01055500001",)}, LOST
            )
            await posted(service, BULK, Authorization="Bearer ops")
            service.provisioner.error = CccRefused("Forbidden.RAM", "denied")
            await posted(service, BULK, Authorization="Bearer ops")
            await ask(service, "POST", "/v1/inventory/refresh", Authorization="Bearer ops")
    assert caplog.messages == [
        "ops added: 1 of ccc-test",
        "ops added, half-way: 1 of ccc-test",
        "ops refreshed the inventory, accepted: 0 of ccc-test",
    ]
    assert vars(caplog.records[0])["audit"] == {
        "who": "ops",
        "what": "added",
        "numbers": 1,
        "instance": "ccc-test",
        "request_id": "mine",
    }
    assert "01055500001" not in caplog.text

"""`POST /v1/outcomes`: what is accepted, what is refused, and what reaches the use case."""

from typing import Any

import orjson
import pytest

from service.errors import InvalidField, UnknownCall, UnknownInstance
from service.outcomes import OutcomeReport
from tests.http.http_fixtures import (
    CALLED,
    FORM,
    Answer,
    Service,
    ask,
    client_with,
    serving,
    settings_with,
)


async def reported(service: Service, body: Any, **headers: str) -> Answer:
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    return await ask(
        service,
        "POST",
        "/v1/outcomes",
        sent,
        **{"Content_Type": "application/json", **headers},
    )


async def test_an_outcome_is_accepted_under_the_requests_id(service: Service) -> None:
    answer = await reported(service, {"call_id": "c1", "result": "busy"}, X_Request_Id="mine")
    assert (answer.status, answer.json) == (202, {"request_id": "mine"})
    assert service.outcomes.told == [OutcomeReport("busy", "c1")]


async def test_all_fields_reach_the_use_case(service: Service) -> None:
    body: dict[str, Any] = {
        "result": "failed",
        "call_id": "c1",
        "caller_number": "01055500001",
        "called_number": CALLED,
        "sip_code": 477,
        "ring_ms": 5000,
        "talk_ms": 0,
        "instance_id": "ccc-test",
    }
    assert (await reported(service, body)).status == 202
    assert service.outcomes.told == [OutcomeReport(**body)]


async def test_a_dialplan_may_send_a_form(service: Service) -> None:
    body = f"result=answered&caller_number=01055500001&called_number={CALLED}&sip_code=200&talk_ms="
    answer = await reported(service, body.encode(), Content_Type=FORM)
    assert answer.status == 202
    assert service.outcomes.told == [OutcomeReport("answered", "", "01055500001", CALLED, 200)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"call_id": "c1"}, "result"),
        ({"result": "great", "call_id": "c1"}, "result"),
        ({"result": None, "call_id": "c1"}, "result"),
        ({"result": "busy", "call_id": ""}, "call_id"),
        ({"result": "busy", "call_id": "c" * 129}, "call_id"),
        ({"result": "busy", "call_id": 7}, "call_id"),
        ({"result": "busy", "call_id": "a\0"}, "call_id"),
        ({"result": "busy", "call_id": "c1", "sip_code": 99}, "sip_code"),
        ({"result": "busy", "call_id": "c1", "sip_code": 700}, "sip_code"),
        ({"result": "busy", "call_id": "c1", "sip_code": "486"}, "sip_code"),
        ({"result": "busy", "call_id": "c1", "ring_ms": -1}, "ring_ms"),
        ({"result": "busy", "call_id": "c1", "talk_ms": 0.5}, "talk_ms"),
        ({"result": "busy", "caller_number": 1055500001}, "caller_number"),
        ({"result": "busy", "call_id": "c1", "note": "x"}, "note"),
        (["busy"], "body"),
    ],
)
async def test_a_field_of_the_wrong_kind_is_named(service: Service, body: Any, field: str) -> None:
    answer = await reported(service, body)
    assert (answer.status, answer.json["code"]) == (422, "InvalidField")
    assert answer.json["field"] == field
    assert not service.outcomes.told


@pytest.mark.parametrize("body", [b"", b"{", b'{"result": "busy", "result": "busy"}', b"\xff"])
async def test_what_is_no_json_is_malformed(service: Service, body: bytes) -> None:
    answer = await reported(service, body)
    assert (answer.status, answer.json["code"]) == (400, "MalformedRequest")


async def test_another_media_type_is_refused(service: Service) -> None:
    answer = await reported(service, b"busy", Content_Type="text/plain")
    assert (answer.status, answer.json["code"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownCall("nobody picked for it"), 404),
        (UnknownInstance("no such"), 404),
        (InvalidField("caller_number", "is required"), 422),
    ],
)
async def test_a_refusal_of_the_use_case_has_its_status(
    service: Service, error: Any, status: int
) -> None:
    service.outcomes.error = error
    answer = await reported(service, {"call_id": "c1", "result": "busy"})
    assert (answer.status, answer.json["code"]) == (status, error.code)


async def test_who_picks_may_report() -> None:
    clients = (client_with("dialer", "pick"), client_with("prometheus", "metrics"))
    async with serving(Service(settings_with(clients=clients, required="always"))) as service:
        body = {"call_id": "c1", "result": "busy"}
        statuses = [
            (await reported(service, body, **headers)).status
            for headers in (
                {"Authorization": "Bearer dialer"},
                {"Authorization": "Bearer prometheus"},
                {},
            )
        ]
    assert statuses == [202, 403, 401]
    assert len(service.outcomes.told) == 1

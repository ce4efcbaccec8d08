"""`/v1/numbers`: what reaches the directory, and how its answers look."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from service.errors import LedgerUnavailable, UnknownNumber
from service.numbers import NumberEntry, NumberPage, NumberQuery, Parked
from tests.http.http_fixtures import Answer, Service, ask, client_with, serving, settings_with

PATH = "/v1/numbers/01055500001/park"
NOW = 1042
YEAR = 31_536_000
ENTRY = NumberEntry(
    "01055500001",
    "北京",
    "北京",
    "010",
    "Outbound",
    active=True,
    skill_group_ids=("sales@ccc-test",),
    agent_id="",
    tags=("M1",),
    provider="alicom",
    used_hour=1,
    used_day=2,
    max_per_hour=10,
    max_per_day=0,
    available=False,
    parked=(Parked("operator", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),),
    trunks=30,
    test_only=False,
)


async def parked(service: Service, body: Any, path: str = PATH, **headers: str) -> Answer:
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    return await ask(service, "PUT", path, sent, **{"Content_Type": "application/json", **headers})


async def test_a_page_is_written_as_promised(service: Service) -> None:
    service.directory.next_page = NumberPage((ENTRY,), 1, 20, 1, "known")
    answer = await ask(service, "GET", "/v1/numbers")
    assert answer.status == 200
    assert answer.json == {
        "data": [
            {
                "number": "01055500001",
                "province": "北京",
                "city": "北京",
                "area_code": "010",
                "usage": "Outbound",
                "active": True,
                "skill_group_ids": ["sales@ccc-test"],
                "agent_id": "",
                "tags": ["M1"],
                "provider": "alicom",
                "used_hour": 1,
                "used_day": 2,
                "max_per_hour": 10,
                "max_per_day": 0,
                "available": False,
                "parked": [{"reason": "operator", "until": "2026-01-02T03:04:05Z"}],
                "health": "",
                "trunks": 30,
                "test_only": False,
                "remaining_time": None,
                "allow_outbound": None,
            }
        ],
        "page": 1,
        "page_size": 20,
        "total": 1,
        "standing": "known",
    }


async def test_without_a_filter_the_first_page_is_asked_for(service: Service) -> None:
    await ask(service, "GET", "/v1/numbers")
    assert service.directory.asked == [NumberQuery()]


async def test_every_filter_reaches_the_directory(service: Service) -> None:
    query = (
        "instance_id=ccc-test&q=0105&usage=Outbound&active=true&skill_group_id=sales@ccc-test"
        "&province=%E5%8C%97%E4%BA%AC&city=%E5%8C%97%E4%BA%AC&page=2&page_size=100"
    )
    answer = await ask(service, "GET", f"/v1/numbers?{query}")
    assert answer.status == 200
    assert service.directory.asked == [
        NumberQuery(
            "ccc-test", "0105", "Outbound", "true", "sales@ccc-test", "北京", "北京", 2, 100
        )
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=one", "page"),
        ("page=1e1", "page"),
        ("page=%D9%A3", "page"),
        ("page=1&page=2", "page"),
        ("page_size=101", "page_size"),
        ("page_size=0", "page_size"),
        ("usage=Both", "usage"),
        ("active=perhaps", "active"),
        ("q=" + "1" * 33, "q"),
        ("q=%00", "q"),
        ("colour=red", "colour"),
    ],
)
async def test_a_wrong_filter_is_named(service: Service, query: str, field: str) -> None:
    answer = await ask(service, "GET", f"/v1/numbers?{query}")
    assert (answer.status, answer.json["field"]) == (422, field)
    assert not service.directory.asked


async def test_a_number_is_parked_for_some_seconds(service: Service) -> None:
    answer = await parked(service, {"seconds": 60, "reason": "flagged"}, X_Request_Id="mine")
    assert answer.status == 200
    assert answer.json == {
        "request_id": "mine",
        "number": "01055500001",
        "parked": {"reason": "operator", "until": "1970-01-01T00:18:22Z"},
        "reason": "flagged",
    }
    assert service.directory.parked == [("", "01055500001", (NOW + 60) * 1000)]


async def test_a_number_is_parked_until_an_instant(service: Service) -> None:
    path = "/v1/numbers/+86%2010-5550%200001/park?instance_id=ccc-test"
    answer = await parked(service, {"until": "1970-01-01T09:00:00+08:00"}, path)
    assert answer.json["parked"]["until"] == "1970-01-01T01:00:00Z"
    assert service.directory.parked == [("ccc-test", "+86 10-5550 0001", 3_600_000)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "until"),
        ({"seconds": 60, "until": "1970-01-01T01:00:00Z"}, "until"),
        ({"until": "1970-01-01T01:00:00"}, "until"),
        ({"until": "1970-01-01T00:17:22Z"}, "until"),
        ({"until": "1980-01-01T00:00:00Z"}, "until"),
        ({"until": "0001-01-01T00:00:00+23:59"}, "until"),
        ({"until": "9999-12-31T23:59:59-23:59"}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"until": 3600}, "until"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": YEAR + 1}, "seconds"),
        ({"seconds": "60"}, "seconds"),
        ({"seconds": 60, "reason": "x" * 201}, "reason"),
        ({"seconds": 60, "why": "x"}, "why"),
    ],
)
async def test_a_park_that_says_no_span_of_use_is_refused(
    service: Service, body: Any, field: str
) -> None:
    answer = await parked(service, body)
    assert (answer.status, answer.json["field"]) == (422, field)
    assert not service.directory.parked


async def test_a_park_comes_in_json(service: Service) -> None:
    answer = await parked(service, b"seconds=60", Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 415


async def test_a_park_is_ended(service: Service) -> None:
    answer = await ask(service, "DELETE", PATH, X_Request_Id="mine")
    assert (answer.status, answer.json) == (200, {"request_id": "mine", "number": "01055500001"})
    assert service.directory.unparked == [("", "01055500001")]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [(UnknownNumber("is none of ours"), 404, None), (LedgerUnavailable("Redis is down"), 503, "1")],
)
async def test_what_cannot_be_changed_says_why(
    service: Service, method: str, error: Any, status: int, wait: str | None
) -> None:
    service.directory.error = error
    answer = await ask(service, method, PATH, b'{"seconds": 60}', Content_Type="application/json")
    assert (answer.status, answer.json["code"]) == (status, error.code)
    assert answer.headers.get("Retry-After") == wait


async def test_each_change_leaves_who_made_it_and_no_whole_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clients = (client_with("somebody", "pick"), client_with("ops", "admin"))
    with caplog.at_level(logging.INFO, "service.api.audit"):
        async with serving(Service(settings_with(clients=clients, required="always"))) as service:
            await parked(service, {"seconds": 60, "reason": "spam"}, Authorization="Bearer ops")
            await ask(service, "DELETE", PATH, Authorization="Bearer ops")
    assert [record.getMessage() for record in caplog.records] == [
        "ops parked 010****0001 until 1970-01-01 00:18:22+00:00: spam: 1 of ccc-test",
        "ops unparked 010****0001: 1 of ccc-test",
    ]


async def test_where_nobody_has_to_say_who_asks_the_log_says_so(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.api.audit"):
        await ask(service, "DELETE", PATH)
    assert caplog.messages == ["somebody without a credential unparked 010****0001: 1 of ccc-test"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/numbers"), ("PUT", PATH), ("DELETE", PATH)]
)
async def test_numbers_are_for_administrators(method: str, path: str) -> None:
    clients = (client_with("dialer", "pick"),)
    async with serving(Service(settings_with(clients=clients, required="always"))) as service:
        answer = await ask(service, method, path, Authorization="Bearer dialer")
    assert (answer.status, answer.json["code"]) == (403, "Forbidden")

"""`/v1/numbers`: what reaches the directory, and how its answers look."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from service.errors import LedgerUnavailable
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
    parked=(Parked("operator", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "ops", "complaints"),),
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
                "parked": [
                    {
                        "reason": "operator",
                        "until": "2026-01-02T03:04:05Z",
                        "by": "ops",
                        "note": "complaints",
                    }
                ],
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
        "&state=sip_rest&sort=-used_day"
    )
    answer = await ask(service, "GET", f"/v1/numbers?{query}")
    assert answer.status == 200
    assert service.directory.asked == [
        NumberQuery(
            "ccc-test",
            "0105",
            "Outbound",
            "true",
            "sales@ccc-test",
            "北京",
            "北京",
            2,
            100,
            state="sip_rest",
            sort="-used_day",
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
        ("state=cooldown", "state"),
        ("sort=province", "sort"),
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
        "parked": {
            "reason": "operator",
            "until": "1970-01-01T00:18:22Z",
            "by": "",
            "note": "flagged",
        },
        "reason": "flagged",
    }
    assert service.parking.parked == [("", ("01055500001",), (NOW + 60) * 1000, "", "flagged")]


async def test_a_number_is_parked_until_an_instant(service: Service) -> None:
    path = "/v1/numbers/+86%2010-5550%200001/park?instance_id=ccc-test"
    answer = await parked(service, {"until": "1970-01-01T09:00:00+08:00"}, path)
    assert answer.json["parked"]["until"] == "1970-01-01T01:00:00Z"
    assert service.parking.parked == [("ccc-test", ("01055500001",), 3_600_000, "", "")]


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
    assert not service.parking.parked


async def test_a_park_comes_in_json(service: Service) -> None:
    answer = await parked(service, b"seconds=60", Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 415


async def test_a_park_is_ended(service: Service) -> None:
    answer = await ask(service, "DELETE", PATH, X_Request_Id="mine")
    assert (answer.status, answer.json) == (200, {"request_id": "mine", "number": "01055500001"})
    assert service.parking.lifted == [("", ("01055500001",), "operator")]


async def test_what_is_lifted_is_named_by_its_reason(service: Service) -> None:
    assert (await ask(service, "DELETE", f"{PATH}?reason=quarantine")).status == 200
    assert service.parking.lifted == [("", ("01055500001",), "quarantine")]
    answer = await ask(service, "DELETE", f"{PATH}?reason=max_per_day")
    assert (answer.status, answer.json["field"]) == (422, "reason")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("result", "why"),
    [
        ("unknown", "010****0001 is not a number of this instance"),
        ("not_candidate", "010****0001 is not a candidate: the list says why"),
        ("not_parked", "010****0001 is not parked for this reason"),
    ],
)
async def test_a_number_that_is_not_changed_says_why_and_leaves_no_line(
    service: Service, caplog: pytest.LogCaptureFixture, method: str, result: Any, why: str
) -> None:
    service.parking.results = {"01055500001": result}
    with caplog.at_level(logging.INFO, "service.api.audit"):
        answer = await ask(
            service, method, PATH, b'{"seconds": 60}', Content_Type="application/json"
        )
    assert (answer.status, answer.json["code"]) == (404, "UnknownNumber")
    assert answer.json["detail"].startswith(why)
    assert not caplog.records


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_what_is_no_number_is_refused_as_the_field_number(
    service: Service, method: str
) -> None:
    answer = await ask(service, method, "/v1/numbers/0285550****/park", b'{"seconds": 60}')
    assert (answer.status, answer.json["field"]) == (422, "number")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_what_cannot_be_changed_now_says_when(service: Service, method: str) -> None:
    service.parking.error = LedgerUnavailable("down")
    answer = await ask(service, method, PATH, b'{"seconds": 60}', Content_Type="application/json")
    assert (answer.status, answer.json["code"]) == (503, "LedgerUnavailable")
    assert answer.headers["Retry-After"] == "1"


async def test_an_instant_that_is_none_is_answered_with_one(service: Service) -> None:
    answer = await ask(
        service, "PUT", PATH, b'{"until": "2026-01-31T18:00"}', Content_Type="application/json"
    )
    assert answer.json["detail"] == (
        "until: takes an instant with its offset from UTC, as 2026-01-31T18:00:00+08:00"
    )


async def changed(service: Service, what: str, **body: Any) -> Answer:
    path, sent = f"/v1/numbers/{what}", orjson.dumps(body)
    return await ask(service, "POST", path, sent, Content_Type="application/json")


async def test_many_numbers_are_parked_with_a_result_each(service: Service) -> None:
    service.parking.results = {"x": "unknown"}
    answer = await changed(service, "park", numbers=["01055500001", "x"], seconds=60, reason="spam")
    assert (answer.status, answer.json["data"]) == (
        200,
        [
            {"number": "01055500001", "result": "parked"},
            {"number": "x", "result": "unknown"},
        ],
    )
    parked = ("", ("01055500001", "x"), (NOW + 60) * 1000, "", "spam")
    assert service.parking.parked == [parked]


async def test_many_numbers_are_lifted_with_a_result_each(service: Service) -> None:
    answer = await changed(
        service, "unpark", numbers=["01055500001"], reason="all", instance_id="ccc-test"
    )
    assert answer.json["data"] == [{"number": "01055500001", "result": "unparked"}]
    assert service.parking.lifted == [("ccc-test", ("01055500001",), "all")]


@pytest.mark.parametrize("what", ["park", "unpark"])
async def test_ten_thousand_numbers_are_taken_and_no_more(service: Service, what: str) -> None:
    span = {"seconds": 60} if what == "park" else {}
    most = [f"+86 10 555{n:05}" for n in range(10_000)]
    answer = await changed(service, what, numbers=most, **span)
    assert (answer.status, len(answer.json["data"])) == (200, 10_000)
    for numbers in ([*most, "01055500001"], []):
        answer = await changed(service, what, numbers=numbers, **span)
        assert (answer.status, answer.json["field"]) == (422, "numbers")
    too_long = await changed(service, what, numbers=["0" * 60] * 9000, **span)
    assert too_long.status == 413


async def test_redis_gone_half_way_says_how_many_were_done(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.parking.error, service.parking.works_for = LedgerUnavailable("down"), 320
    with caplog.at_level(logging.INFO, "service.api.audit"):
        answer = await changed(service, "unpark", numbers=["01055500001"] * 1000)
    assert (answer.status, answer.json["code"]) == (503, "LedgerUnavailable")
    assert "at least 320 of 1000 numbers are done" in answer.json["detail"]
    assert caplog.messages == [
        "somebody without a credential unparked many (operator), half-way: 320 of ccc-test"
    ]


async def test_each_change_leaves_who_made_it_and_no_whole_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clients = (client_with("somebody", "pick"), client_with("ops", "admin"))
    with caplog.at_level(logging.INFO, "service.api.audit"):
        async with serving(Service(settings_with(clients=clients, required="always"))) as service:
            await parked(service, {"seconds": 60, "reason": "spam"}, Authorization="Bearer ops")
            await ask(service, "DELETE", PATH, Authorization="Bearer ops")
            many = {"seconds": 60, "reason": "spam", "numbers": ["01055500001", "01055500002"]}
            await ask(
                service,
                "POST",
                "/v1/numbers/park",
                orjson.dumps(many),
                Authorization="Bearer ops",
                Content_Type="application/json",
            )
    assert [by for *_, by, _ in service.parking.parked] == ["ops", "ops"]
    assert [record.getMessage() for record in caplog.records] == [
        "ops parked 010****0001 until 1970-01-01 00:18:22+00:00: spam: 1 of ccc-test",
        "ops unparked 010****0001 (operator): 1 of ccc-test",
        "ops parked many until 1970-01-01 00:18:22+00:00: spam: 2 of ccc-test",
    ]


async def test_where_nobody_has_to_say_who_asks_the_log_says_so(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.api.audit"):
        await ask(service, "DELETE", PATH)
    assert caplog.messages == [
        "somebody without a credential unparked 010****0001 (operator): 1 of ccc-test"
    ]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/numbers"), ("PUT", PATH), ("DELETE", PATH)]
)
async def test_numbers_are_for_administrators(method: str, path: str) -> None:
    clients = (client_with("dialer", "pick"),)
    async with serving(Service(settings_with(clients=clients, required="always"))) as service:
        answer = await ask(service, method, path, Authorization="Bearer dialer")
    assert (answer.status, answer.json["code"]) == (403, "Forbidden")

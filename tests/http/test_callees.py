"""`/v1/callees`: what is asked and answered, and who may read it."""

import logging
from typing import Any

import orjson
import pytest

from service.errors import LedgerUnavailable
from service.ledger import Stop
from tests.callees import CALLED, CALLEE
from tests.http.http_fixtures import Answer, Service, ask, client_with, serving, settings_with

ONE = f"/v1/callees/{CALLED}"
STOP = f"{ONE}/stop"
MANY = "/v1/callees/stop"
AN_HOUR_ON = "1970-01-01T01:17:22Z"


async def sent(service: Service, method: str, path: str, body: Any, **headers: str) -> Answer:
    headers = {"Content_Type": "application/json", **headers}
    return await ask(service, method, path, orjson.dumps(body), **headers)


async def test_a_callee_is_described_masked_and_stored_by_nobody(service: Service) -> None:
    await service.ledger.apply(Stop(CALLEE, 4_642_000, reason="SIP 603"))
    answer = await ask(service, "GET", ONE)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "number": "138****8888",
        "province": "云南",
        "city": "昆明",
        "refused_until": AN_HOUR_ON,
        "stop": {"until": AN_HOUR_ON, "by": "", "reason": "SIP 603"},
        "windows": [],
        "shown": [],
        "opens_at": None,
    }


async def test_a_stop_beyond_a_year_is_refused_with_the_bound_unmasked(service: Service) -> None:
    answer = await sent(service, "PUT", STOP, {"seconds": 31_536_001})
    assert answer.json["detail"] == "seconds: expected a whole number <= 31,536,000"


async def test_a_callee_is_stopped_for_a_reason_and_let_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    settings = settings_with(clients=(client_with("ops", "admin"),), required="always")
    async with serving(Service(settings)) as service:
        ops = {"Authorization": "Bearer ops"}
        answer = await sent(service, "PUT", STOP, {"seconds": 3600, "reason": "投诉"}, **ops)
        assert answer.json["stop"] == {"until": AN_HOUR_ON, "by": "ops", "reason": "投诉"}
        answer = await ask(service, "DELETE", STOP, None, **ops)
        assert (answer.status, answer.json["stop"]) == (200, None)
        assert (await ask(service, "DELETE", STOP, None, **ops)).status == 200
    assert [record.audit["what"] for record in caplog.records if hasattr(record, "audit")] == [
        "stopped 138****8888 until 1970-01-01 01:17:22+00:00: 投诉",
        "let 138****8888 be called again",
    ]
    assert CALLED not in caplog.text


async def test_many_are_stopped_and_let_with_a_result_each_and_one_line_of_the_audit(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    numbers = [CALLED, "119", "0871-6555 0001"]
    answer = await sent(service, "POST", MANY, {"numbers": numbers, "seconds": 3600})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["data"] == [
        {"number": "138****8888", "result": "stopped", "why": ""},
        {
            "number": "119",
            "result": "unreadable",
            "why": "is an emergency number; those are never called",
        },
        {"number": "0871****0001", "result": "stopped", "why": ""},
    ]
    answer = await sent(service, "POST", "/v1/callees/unstop", {"numbers": [CALLED, "13700000000"]})
    assert [result["result"] for result in answer.json["data"]] == ["let", "not_stopped"]
    audits = [record.audit for record in caplog.records if hasattr(record, "audit")]
    assert [audit["numbers"] for audit in audits] == [2, 1]


@pytest.mark.parametrize("body", [{}, {"seconds": 0}, {"seconds": 60, "until": AN_HOUR_ON}])
async def test_a_stop_without_one_end_is_refused(service: Service, body: Any) -> None:
    assert (await sent(service, "PUT", STOP, body)).status == 422


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", "/stop"), ("DELETE", "/stop")])
async def test_what_cannot_be_called_is_refused_with_why(
    service: Service, method: str, path: str
) -> None:
    answer = await sent(service, method, f"/v1/callees/138****8888{path}", {"seconds": 60})
    assert answer.json["code"] == "InvalidCalledNumber"
    assert "is masked" in answer.json["detail"]


async def test_a_list_of_ten_thousand_is_taken_and_a_longer_one_is_not(service: Service) -> None:
    numbers = [f"+86 139 {last:08d}" for last in range(10_000)]
    answer = await sent(service, "POST", MANY, {"numbers": numbers, "seconds": 60})
    assert {result["result"] for result in answer.json["data"]} == {"stopped"}
    body = {"numbers": ["139"] * 10_001, "seconds": 60}
    assert (await sent(service, "POST", MANY, body)).status == 422


async def test_where_redis_goes_away_half_way_the_answer_and_the_audit_say_how_many_are_done(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    applied, apply = 0, service.ledger.apply

    async def apply_some(operation: Any) -> Any:
        nonlocal applied
        applied += 1
        if applied > 64:
            raise LedgerUnavailable("Redis does not answer")
        return await apply(operation)

    monkeypatch.setattr(service.ledger, "apply", apply_some)
    numbers = [f"139{last:08d}" for last in range(100)]
    answer = await sent(service, "POST", MANY, {"numbers": numbers, "seconds": 60})
    assert (answer.status, answer.json["code"]) == (503, "LedgerUnavailable")
    assert "at least 64 of 100 numbers are done" in answer.json["detail"]
    (audit,) = [record.audit for record in caplog.records if hasattr(record, "audit")]
    assert audit["numbers"] == 64

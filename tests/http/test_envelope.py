"""What every answer has, and what a problem document says."""

import logging

import pytest

from service import api
from service.api import problems
from service.errors import (
    CalleeBudgetExceeded,
    NoEligibleNumber,
    OutsideCallingWindow,
    Overloaded,
    UnknownInstance,
)
from tests.http.http_fixtures import Service, ask, picked, raw

NOSNIFF = "X-Content-Type-Options"
PATHS = ["/healthz", "/readyz", "/metrics", "/v1/inventory", "/nowhere", "/v1/pick", "/"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_carries_the_request_id_that_was_sent(
    service: Service, path: str
) -> None:
    answer = await ask(service, "GET", path, X_Request_Id="call-17/3")
    assert answer.headers["X-Request-Id"] == "call-17/3"


async def test_the_id_that_was_sent_stands_in_the_body_too(service: Service) -> None:
    assert (await picked(service, X_Request_Id="mine")).json["request_id"] == "mine"
    assert (await picked(service, b"", X_Request_Id="mine")).json["request_id"] == "mine"


@pytest.mark.parametrize("sent", [b"", b"a b", b"x" * 129, b"\xe5\x8f\xb7", b"\xff", b"a\tb"])
async def test_an_id_that_is_not_sane_is_replaced(service: Service, sent: bytes) -> None:
    answer = await raw(
        service, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: %b\r\n\r\n" % sent
    )
    assert b"X-Request-Id: made-1\r\n" in answer


async def test_a_problem_document_has_all_its_members(service: Service) -> None:
    service.picker.error = NoEligibleNumber({"parked": 3, "inactive": 1})
    answer = await picked(service)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "NoEligibleNumber",
        "detail": "No number can be shown to this callee now (inactive: 1, parked: 3).",
        "request_id": "made-1",
        "reasons": {"parked": 3, "inactive": 1},
    }


@pytest.mark.parametrize(("seconds", "told"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (30, "30")])
async def test_waiting_is_told_in_whole_seconds(
    service: Service, seconds: float, told: str
) -> None:
    service.picker.error = Overloaded("too much", seconds)
    assert (await picked(service)).headers["Retry-After"] == told


async def test_a_callee_that_was_called_too_often_says_when_to_ask_again(service: Service) -> None:
    service.picker.error = CalleeBudgetExceeded(12.3)
    answer = await picked(service)
    assert (answer.status, answer.json["code"]) == (429, "CalleeBudgetExceeded")
    assert answer.headers["Retry-After"] == "13"


async def test_outside_its_hours_an_instance_says_when_it_opens(service: Service) -> None:
    service.picker.error = OutsideCallingWindow("2026-01-02T09:00:00+08:00", 3599.2)
    answer = await picked(service)
    assert (answer.status, answer.json["code"]) == (409, "OutsideCallingWindow")
    assert answer.json["opens_at"] == "2026-01-02T09:00:00+08:00"
    assert answer.headers["Retry-After"] == "3600"


async def test_a_number_that_a_client_put_elsewhere_is_masked(service: Service) -> None:
    service.picker.error = UnknownInstance("instance_id: no instance '13800138000' is here")
    answer = await picked(service)
    assert "13800138000" not in answer.text
    assert "138****8000" in answer.json["detail"]


async def test_what_nobody_expected_is_logged_once_masked_and_kept_from_the_client(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.picker.error = RuntimeError("secret of 13800138000")
    with caplog.at_level(logging.DEBUG):
        answer = await picked(service, X_Request_Id="find-me")
    assert (answer.status, answer.json["code"]) == (500, "InternalError")
    assert "secret" not in answer.text
    [record] = [each for each in caplog.records if each.name.startswith("service")]
    assert "find-me" in record.getMessage()
    assert "secret of 138****8000" in record.getMessage()
    assert "13800138000" not in caplog.text


async def test_after_the_unexpected_the_next_request_is_served(service: Service) -> None:
    service.picker.error = RuntimeError("once")
    await picked(service)
    service.picker.error = None
    assert (await picked(service)).status == 200


async def test_every_answer_is_to_be_taken_for_what_it_is_and_names_no_version(
    service: Service,
) -> None:
    """The pick twice: the second one is answered by the express lane."""
    paths = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/console", "/v1/numbers", "/none")
    answers = [await ask(service, "GET", path) for path in (*paths, "/?Action=None")]
    service.picker.error = CalleeBudgetExceeded(1)
    refused = await picked(service)
    service.picker.error = None
    answers += [refused, await picked(service), await picked(service)]
    service.picker.error = CalleeBudgetExceeded(1)
    answers.append(await picked(service))
    statuses = [200, 200, 200, 200, 200, 200, 404, 400, 429, 200, 200, 429]
    assert [answer.status for answer in answers] == statuses
    for answer in answers:
        headers = [pair for pair in answer.headers.items() if pair[0] in ("Server", NOSNIFF)]
        assert sorted(headers) == [("Server", "callerid"), (NOSNIFF, "nosniff")]


def test_the_statuses_are_those_of_the_interface() -> None:
    by_status: dict[int, set[str]] = {}
    for code, status in problems.STATUS.items():
        by_status.setdefault(status, set()).add(code)
    assert by_status == {
        400: {"MalformedRequest"},
        401: {"Unauthenticated"},
        403: {"Forbidden"},
        404: {"UnknownInstance", "UnknownCall", "UnknownNumber", "NotFound"},
        405: {"MethodNotAllowed"},
        408: {"RequestTimeout"},
        417: {"ExpectationFailed"},
        409: {"NoEligibleNumber", "CallIdReused", "OutsideCallingWindow"},
        413: {"RequestTooLarge"},
        415: {"UnsupportedMediaType"},
        422: {"InvalidField", "InvalidCalledNumber"},
        429: {"CalleeBudgetExceeded"},
        502: {"CccRefused", "CccMalformed", "PartlyAdded"},
        503: {
            "Overloaded",
            "InventoryUnavailable",
            "LedgerUnavailable",
            "CccThrottled",
            "CccUnavailable",
        },
    }


async def test_while_draining_each_answer_closes_its_connection(service: Service) -> None:
    service.health = api.Components({"ccc-test": "ready"}, "up", draining=True)
    answer = await ask(service, "GET", "/healthz")
    assert answer.status == 200
    assert answer.headers["Connection"] == "close"

"""`/v1/report` over HTTP: which days, in which format, and what is refused."""

from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from service.inventory import Mark
from service.reports.report import CallReport, EndedCalls
from tests.http.http_fixtures import NOON, Service, ask, serving

MARK = Mark("city", "city", "SC")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(Service()) as running:
        yield running


def call(service: Service, number: str, result: str = "answered") -> None:
    calls = service.calls["ccc-test"]
    calls.count_picks([(number, "city SC12345678")])
    calls.count_end(number, result, MARK, 60_000)


async def reported(service: Service, query: str = "") -> CallReport:
    answer = await ask(service, "GET", f"/v1/report{query}")
    assert answer.status == 200
    return msgspec.json.decode(answer.body, type=CallReport)


async def test_a_report_has_the_days_that_are_kept_up_to_today(service: Service) -> None:
    service.calls["ccc-test"].days = 35
    call(service, "02855500001")
    report = await reported(service)
    days = report.from_.isoformat(), report.to.isoformat()
    assert (report.instance_id, report.by, report.timezone) == (
        "ccc-test",
        "match",
        str(NOON.tzinfo),
    )
    assert days == ("2025-11-29", "2026-01-02")
    (row,) = report.data
    assert (row.day, row.key, row.picks) == (NOON.date(), "city", 1)
    assert (row.outcomes, row.talk_ms) == (EndedCalls(1, 0, 0, 0, 0, 0), 60_000)


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("?from=2020-01-01&to=2026-01-01", ("2025-12-30", "2026-01-01")),
        ("?from=2026-01-02&to=2030-01-01", ("2026-01-02", "2026-01-02")),
    ],
)
async def test_days_that_are_not_kept_are_left_out(
    service: Service, query: str, days: tuple[str, str]
) -> None:
    service.calls["ccc-test"].days = 4
    call(service, "02855500001")
    report = await reported(service, query)
    assert (report.from_.isoformat(), report.to.isoformat()) == days
    assert len(report.data) == (report.to == NOON.date())


@pytest.mark.parametrize("query", ["?to=2020-01-01", "?from=2030-01-01"])
async def test_who_asks_for_no_day_that_is_kept_is_told_which_are(
    service: Service, query: str
) -> None:
    service.calls["ccc-test"].days = 4
    answer = await ask(service, "GET", f"/v1/report{query}")
    assert (answer.status, answer.json["field"]) == (422, "to")
    assert "2025-12-30 to 2026-01-02" in answer.json["detail"]


async def test_rows_come_in_order_on_as_many_pages_as_they_need(service: Service) -> None:
    numbers = [f"0285550{last:04}" for last in range(600)]
    for number in reversed(numbers):
        call(service, number)
    report = await reported(service, "?by=number")
    assert [row.key for row in report.data] == numbers


async def test_csv_has_the_same_and_nothing_that_a_spreadsheet_takes_for_a_formula(
    service: Service,
) -> None:
    call(service, "=cmd()")
    call(service, "02855500001", "busy")
    service.calls["ccc-test"].count_picks([("02855500002", "ccc")])
    answer = await ask(service, "GET", "/v1/report?by=number&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["X-Request-Id"]
    results = "answered,no_answer,busy,rejected,blocked,failed"
    assert answer.body.decode().splitlines() == [
        f"\ufeffday,number,picks,{results},answered_share,low,high,talk_ms",
        "2026-01-02,02855500001,1,0,0,1,0,0,0,0.0,0.0,0.7935,60000",
        "2026-01-02,02855500002,1,0,0,0,0,0,0,,,,0",
        "2026-01-02,'=cmd(),1,1,0,0,0,0,0,1.0,0.2065,1.0,60000",
    ]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("?from=2026-01-02&to=2026-01-01", 422, "to"),
        ("?from=yesterday", 422, "from"),
        ("?by=callee", 422, "by"),
        ("?format=xml", 422, "format"),
        ("?day=1", 422, "day"),
        ("?instance_id=no", 404, "instance_id"),
    ],
)
async def test_what_is_no_question_is_refused(
    service: Service, query: str, status: int, field: str
) -> None:
    answer = await ask(service, "GET", f"/v1/report{query}")
    assert answer.status == status
    assert field in answer.json["detail"]


async def test_a_day_that_is_none_is_answered_with_one(service: Service) -> None:
    answer = await ask(service, "GET", "/v1/report?from=2026-13-01")
    assert answer.json["detail"] == "from: takes a day, as 2026-01-31"


async def test_a_report_that_cannot_be_read_is_refused_or_visibly_breaks_off(
    service: Service,
) -> None:
    service.calls["ccc-test"].days = 4
    call(service, "02855500001")
    service.rows.readings = 0
    assert (await ask(service, "GET", "/v1/report")).status == 503
    service.rows.readings = 2
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(service, "GET", "/v1/report")

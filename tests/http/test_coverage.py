"""`/v1/coverage` over HTTP: what it takes and how it says it."""

from collections.abc import AsyncIterator

import msgspec
import orjson
import pytest

from service.coverage.report import Coverage, ToBuy
from service.errors import InvalidField, LedgerUnavailable
from service.numbers.coverages import DemandRow
from tests.http.http_fixtures import Service, ask, serving

CSV = "text/csv"
ROW = DemandRow("sales@ccc-test", "成都", 9, 40)
FILE = "skill_group_id,city,hour,calls\nsales@ccc-test,成都,9,40\n".encode()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(Service()) as running:
        yield running


async def test_a_plan_is_asked_for_with_how_many_numbers_to_place(service: Service) -> None:
    answer = await ask(service, "GET", "/v1/coverage?buy=7")
    assert answer.status == 200
    assert msgspec.json.decode(answer.body, type=Coverage) == service.coverages.next
    assert service.coverages.asked == [("", 7, None)]


async def test_a_file_of_demand_is_planned_by(service: Service) -> None:
    answer = await ask(service, "POST", "/v1/coverage?instance_id=ccc-test", FILE, content_type=CSV)
    assert answer.status == 200
    assert service.coverages.asked == [("ccc-test", 100, [("line 2", ROW)])]


async def test_demand_comes_as_json_too(service: Service) -> None:
    body = orjson.dumps({"demand": [msgspec.to_builtins(ROW)]})
    answer = await ask(service, "POST", "/v1/coverage", body, content_type="application/json")
    assert answer.status == 200
    assert service.coverages.asked == [("", 100, [("demand[0]", ROW)])]


async def test_what_to_buy_comes_as_csv_that_no_spreadsheet_takes_for_a_formula(
    service: Service,
) -> None:
    bought = ToBuy(
        skill_group_id="=cmd()",
        province="四川",
        city="成都",
        area_code="028",
        count=3,
        gain=1.5,
        instead={},
    )
    service.coverages.next = msgspec.structs.replace(service.coverages.next, buy=(bought,))
    answer = await ask(service, "GET", "/v1/coverage?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.body.decode().splitlines() == [
        "\ufeffskill_group_id,province,city,area_code,count,gain",
        "'=cmd(),四川,成都,028,3,1.5",
    ]


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "code"),
    [
        ("/v1/coverage?buy=-1", None, CSV, 422, "InvalidField"),
        ("/v1/coverage?buy=10001", None, CSV, 422, "InvalidField"),
        ("/v1/coverage?format=xml", None, CSV, 422, "InvalidField"),
        ("/v1/coverage?more=1", None, CSV, 422, "InvalidField"),
        ("/v1/coverage", FILE, "application/json", 400, "MalformedRequest"),
        ("/v1/coverage", b'{"demand": [{}]}', "application/json", 422, "InvalidField"),
        ("/v1/coverage", FILE, "text/plain", 415, "UnsupportedMediaType"),
        ("/v1/coverage", b"\xff", CSV, 400, "MalformedRequest"),
        ("/v1/coverage", b"a" * 524_289, CSV, 413, "RequestTooLarge"),
    ],
)
async def test_what_is_no_question_is_refused(  # noqa: PLR0913, PLR0917 - a column each
    service: Service, path: str, body: bytes | None, kind: str, status: int, code: str
) -> None:
    answer = await ask(service, "GET" if body is None else "POST", path, body, content_type=kind)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert service.coverages.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [(LedgerUnavailable("Redis is away"), 503), (InvalidField("line 2", "no"), 422)],
)
async def test_a_plan_that_cannot_be_made_says_why(
    service: Service, error: Exception, status: int
) -> None:
    service.coverages.error = error
    assert (await ask(service, "GET", "/v1/coverage")).status == status

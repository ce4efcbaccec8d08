"""`/openapi.json`: valid, complete, and true of what the handlers answer."""

import re
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from docs.api import page
from service.api.examples import REQUEST_ID
from service.api.openapi import encoded
from service.api.problems import problem
from service.api.route import Route
from service.api.routes import ROUTES
from service.errors import (
    CalleeBudgetExceeded,
    CallerIdError,
    CccError,
    CccMalformed,
    InvalidCalledNumber,
    InvalidField,
    NoEligibleNumber,
    OutsideCallingWindow,
)
from service.picking import Candidate
from service.provisioning import PartlyAdded
from tests.http.http_fixtures import Service, ask, client_with, serving, settings_with
from tests.http.test_auth import NEEDS

DOCUMENT = orjson.loads(encoded(ROUTES, auth_is_required=True))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
PAGE = Path(__file__).parents[2] / "docs" / "api.md"

RESTING = Candidate("01055500001", "any", 3, 1, 2, "resting")
ERRORS: dict[type[CallerIdError], CallerIdError] = {
    CalleeBudgetExceeded: CalleeBudgetExceeded(60),
    InvalidCalledNumber: InvalidCalledNumber("is empty"),
    InvalidField: InvalidField("count", "takes 1 to 100"),
    NoEligibleNumber: NoEligibleNumber({"resting": 1}, [RESTING]),
    OutsideCallingWindow: OutsideCallingWindow("2026-01-02T09:00:00+08:00", 60),
    PartlyAdded: PartlyAdded(
        ("01055500001", "01055500002"), {"added": ("01055500001",)}, CccMalformed("Body", "no JSON")
    ),
}


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return found


def check(schema: dict[str, Any], value: object) -> None:
    OAS31Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def raised(kind: type[CallerIdError]) -> CallerIdError:
    if kind in ERRORS:
        return ERRORS[kind]
    if issubclass(kind, CccError):
        return kind("Code", "message")
    return kind() if kind.code == "InternalError" else kind("some detail")


@pytest.mark.parametrize("auth_is_required", [True, False])
def test_the_document_is_valid_openapi(*, auth_is_required: bool) -> None:
    document = orjson.loads(encoded(ROUTES, auth_is_required=auth_is_required))
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_that_is_registered_is_described_and_no_other() -> None:
    registered = {
        (route.method, route.resource.canonical)
        for route in Service().app().router.routes()
        if route.resource is not None and route.method not in ("HEAD", "*")
    }
    described_ones = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert described_ones == {each for each in registered if not has_other_clients(each[1])}


def has_other_clients(path: str) -> bool:
    """Tell the RPC door, whose clients are Alibaba's SDKs, and what the console alone asks for."""
    return path in ("/", "/console") or path.startswith("/v1/console/")


def test_each_route_names_the_scope_that_it_asks_for() -> None:
    asked = {
        (method, path.replace("01055500001", "{number}")): scope
        for method, path, scope in NEEDS
        if not has_other_clients(path.partition("?")[0])
    }
    named = {(route.method, route.path): route.access for route in ROUTES if route.access != "open"}
    assert named == asked


def test_every_field_and_every_parameter_is_described() -> None:
    fields = [
        (name, field, each)
        for name, schema in SCHEMAS.items()
        for field, each in schema["properties"].items()
    ]
    parameters = [
        (route.path, each["name"], each)
        for route in ROUTES
        for each in operation(route).get("parameters", ())
    ]
    assert not [told[:2] for told in [*fields, *parameters] if not told[2].get("description")]


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.body], ids=lambda one: f"{one.method} {one.path}"
)
def test_each_example_of_a_body_is_one(route: Route) -> None:
    assert route.body
    msgspec.convert(route.example, route.body)
    for content in operation(route)["requestBody"]["content"].values():
        check(content["schema"], content["example"])


def test_each_example_of_an_answer_is_one() -> None:
    contents = [
        content
        for route in ROUTES
        for response in operation(route)["responses"].values()
        for content in response["content"].values()
    ]
    examples = [content for content in contents if "example" in content]
    assert len(examples) > 10
    for content in examples:
        check(content["schema"], content["example"])


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_each_problem_is_as_described(route: Route) -> None:
    for kind in route.all_errors:
        status, headers, body = problem(raised(kind), REQUEST_ID)
        response = operation(route)["responses"][str(int(status))]
        check(response["content"]["application/problem+json"]["schema"], msgspec.json.decode(body))
        needed = {name for name in response["headers"] if name != "X-Request-Id"}
        assert needed <= set(headers)
        assert f"`{kind.code}`: " in response["description"]


async def test_it_is_served_as_it_was_made() -> None:
    async with serving(Service(settings_with(required="always"))) as service:
        assert (await ask(service, "GET", "/openapi.json")).status == 401
    settings = settings_with(clients=(client_with("any", "metrics"),), required="always")
    async with serving(Service(settings)) as service:
        answer = await ask(service, "GET", "/openapi.json", Authorization="Bearer any")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == DOCUMENT


async def test_where_nobody_has_to_say_who_asks_the_document_says_so(service: Service) -> None:
    document = (await ask(service, "GET", "/openapi.json")).json
    securities = [
        each["security"] for methods in document["paths"].values() for each in methods.values()
    ]
    assert all(not each or {} in each for each in securities)
    assert document["paths"]["/v1/pick"]["post"]["security"] == [{"token": ["pick"]}, {}]


def test_the_page_is_what_the_document_makes() -> None:
    assert page() == PAGE.read_text("utf-8"), "run `make docs`"


def test_every_link_of_the_page_leads_to_a_heading() -> None:
    text = PAGE.read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
    links = set(re.findall(r"\]\(#([^)]*)\)", text))
    assert links
    assert links <= anchors

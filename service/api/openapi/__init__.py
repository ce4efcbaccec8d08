"""Describe all routes in `/openapi.json`, from the types that they decode and encode."""

import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from importlib.metadata import version

import msgspec
import orjson
from aiohttp import web

from service.api.bodies import JSON
from service.api.openapi import schemas
from service.api.openapi.schemas import Schema
from service.api.parts import API
from service.api.problems import STATUS, Problem
from service.api.route import Content, Route
from service.errors import CallerIdError

Kind = type[CallerIdError]

DOCUMENTS = web.AppKey("DOCUMENTS", dict[bool, bytes])  # by whether auth is required
PROBLEM = "application/problem+json"

# What helps with a problem, by its status.
_HELPING = {
    HTTPStatus.UNAUTHORIZED: "WWW-Authenticate",
    HTTPStatus.FORBIDDEN: "WWW-Authenticate",
    HTTPStatus.TOO_MANY_REQUESTS: "Retry-After",
    HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After",
}

_HEADERS = {
    name: {"description": description, "required": True, "schema": schema}
    for name, description, schema in (
        ("X-Request-Id", "The request's own, or a new one.", {"type": "string"}),
        ("Retry-After", "In how many seconds it may work.", {"type": "integer", "minimum": 1}),
        ("WWW-Authenticate", "How to say who asks.", {"type": "string"}),
    )
}

_BEARER = """\
A token of `[auth] clients`. Its scopes: `pick` for picks and outcomes, `admin` for numbers and
inventory, `metrics` for the metrics. It may be bound to instances.
"""

_INTRODUCTION = """\
Which of our numbers shall this callee see? A dialer asks `POST /v1/pick` before each call and tells
`POST /v1/outcomes` afterwards.

JSON is UTF-8, and read strictly: an unknown field, a key given twice or a number in a string is
refused. A body has 64 KiB at most, 512 KiB where it may name 10,000 numbers, and is not
compressed. In a query, a field left blank counts as not given.

What goes wrong is a problem document (RFC 9457) whose `code` says which; `Retry-After` stands where
waiting helps. No error shows a phone number: `138****8888`.

Every answer carries `X-Request-Id`, the request's own if it sent a sane one.

What no generated client has a use for is said here alone. For dialplans, `/v1/pick` and
`/v1/outcomes` also take a form (`application/x-www-form-urlencoded`) of the same fields, in which a
list is repeated or has commas, a switch is `true` or `false`, and a field left blank counts as not
given (JSON that is called a form, as `curl -d` does, is read as JSON); and `/v1/pick?format=text`
answers with the caller numbers alone, a line each, or with a refusal as one line, `Code: detail`.
For spreadsheets, `POST /v1/coverage` also takes the demand as `text/csv`, and
`/v1/coverage?format=csv` answers with the table of what to buy. For Alibaba Cloud's SDKs, `/`
answers as CCC does. `/console` is the page for people; what it alone asks for, under
`/v1/console/`, changes with it.
"""

_TAGS = {
    "picks": "Ask for a number, and tell how the call went on.",
    "numbers": "The cached inventory, what keeps numbers out, and new numbers.",
    "callees": "Why a called number is refused, and stops.",
    "operations": "For orchestrators and Prometheus.",
}

# The number in a path, by the tag of its route.
_WHOSE = {"numbers": "One of the instance's own numbers", "callees": "The called number"}


async def get(request: web.Request) -> web.Response:
    """This document: the routes, in OpenAPI.

    Any known credential opens it: it shows nothing secret, but only health and readiness are open
    to everybody.
    """
    api = request.app[API]
    api.tokens.admit(request)
    document = request.app[DOCUMENTS][api.settings.auth_is_required]
    return web.Response(body=document, headers={"Content-Type": JSON})


def encoded(routes: Iterable[Route], *, auth_is_required: bool) -> bytes:
    """Return the document as it is served; see `described`."""
    return orjson.dumps(described(routes, auth_is_required=auth_is_required))


def described(routes: Iterable[Route], *, auth_is_required: bool) -> Schema:
    """Describe the routes in OpenAPI 3.1.

    Args:
        routes: all of them.
        auth_is_required: whether somebody has to say who asks.
    """
    routes = tuple(routes)
    paths: defaultdict[str, Schema] = defaultdict(dict)
    for route in routes:
        operation = _operation(route)
        operation["security"] = _security(route, auth_is_required=auth_is_required)
        paths[route.path][route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callerid",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "version": version("callerid"),
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": dict(paths),
        "components": {
            "schemas": _schemas(routes),
            "headers": _HEADERS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": _BEARER}
            },
        },
    }


def _schemas(routes: Sequence[Route]) -> dict[str, Schema]:
    """Collect the types that stand in the document by name."""
    bodies = [route.body for route in routes if route.body]
    answers = [content.shape for route in routes for content in route.answers.values()]
    return schemas.components([Problem, *bodies, *answers])


def _operation(route: Route) -> Schema:
    operation: Schema = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "tags": [route.tag],
        "summary": route.summary,
        "description": _description(route.handler.__doc__ or ""),
        "responses": _responses(route),
    }
    if parameters := [*_in_path(route), *(schemas.parameters(route.query) if route.query else ())]:
        operation["parameters"] = parameters
    if route.body:
        content = {"schema": schemas.schema_of(route.body), "example": route.example}
        operation["requestBody"] = {"required": True, "content": {JSON: content}}
    return operation


def _description(docstring: str) -> str:
    """Return a docstring without its sections."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    sections = ("Args:", "Returns:", "Raises:")
    return "\n\n".join(text for text in paragraphs if not text.startswith(sections))


def _in_path(route: Route) -> Iterator[Schema]:
    if "{number}" in route.path:
        yield {
            "name": "number",
            "in": "path",
            "description": f"{_WHOSE[route.tag]}, in any form that can be dialled.",
            "required": True,
            "schema": {"type": "string", "examples": ["01089898989"]},
        }


def _responses(route: Route) -> dict[str, Schema]:
    responses = {status: _answer(status, content) for status, content in route.answers.items()}
    by_status: defaultdict[HTTPStatus, list[Kind]] = defaultdict(list)
    for kind in route.all_errors:
        by_status[STATUS.get(kind.code, HTTPStatus.INTERNAL_SERVER_ERROR)].append(kind)
    responses |= {status: _problem(status, kinds) for status, kinds in by_status.items()}
    return {str(int(status)): responses[status] for status in sorted(responses)}


def _answer(status: HTTPStatus, content: Content) -> Schema:
    described: Schema = {"schema": schemas.schema_of(content.shape)}
    if content.example is not None:
        described["example"] = msgspec.to_builtins(content.example)
    return {
        "description": status.phrase,
        "headers": _headers("X-Request-Id"),
        "content": {content.media_type: described},
    }


def _problem(status: HTTPStatus, kinds: Iterable[Kind]) -> Schema:
    """Describe the problem documents of one status.

    All are of one type, which generated clients have once; the codes stand in the description.
    """
    return {
        "description": "\n".join(f"- `{kind.code}`: {_meaning(kind)}" for kind in kinds),
        "headers": _headers("X-Request-Id", *([_HELPING[status]] if status in _HELPING else [])),
        "content": {PROBLEM: {"schema": schemas.schema_of(Problem)}},
    }


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _meaning(kind: Kind) -> str:
    """Return the first paragraph of an error's docstring, in one line."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())


def _security(route: Route, *, auth_is_required: bool) -> list[Schema]:
    if route.access == "open":
        return []
    scopes = [] if route.access == "any" else [route.access]
    # An empty entry: nobody has to say who asks.
    return [{"token": scopes}] if auth_is_required else [{"token": scopes}, {}]

"""`/openapi.json`: the description of all routes, made of the types that they decode and encode."""

import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
import orjson
from aiohttp import web

from service.api.bodies import JSON
from service.api.forms import FORM
from service.api.openapi import schemas, words
from service.api.openapi.schemas import Schema
from service.api.parts import API
from service.api.problems import STATUS, Problem
from service.api.route import Content, Route
from service.errors import CallerIdError

Kind = type[CallerIdError]

DOCUMENT = web.AppKey("DOCUMENT", bytes)
PROBLEM = "application/problem+json"

# What helps with a problem, by its status.
_HELPING = {
    HTTPStatus.UNAUTHORIZED: "WWW-Authenticate",
    HTTPStatus.FORBIDDEN: "WWW-Authenticate",
    HTTPStatus.TOO_MANY_REQUESTS: "Retry-After",
    HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After",
}

_HEADERS = {
    "X-Request-Id": {
        "description": words.FIELDS["request_id"],
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "In how many seconds it may work.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to say who asks.",
        "required": True,
        "schema": {"type": "string"},
    },
}

_CREDENTIALS = {
    "token": {"type": "http", "scheme": "bearer", "description": words.BEARER},
}

_INFO = {
    "title": "callerid",
    "description": words.INTRODUCTION,
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}


async def get(request: web.Request) -> web.Response:
    """The OpenAPI document of this service.

    Any known credential opens it: it shows nothing secret, but only health and readiness are open
    to everybody.
    """
    request.app[API].tokens.admit(request)
    return web.Response(body=request.app[DOCUMENT], headers={"Content-Type": JSON})


def encoded(routes: Iterable[Route], *, auth_is_required: bool) -> bytes:
    """The document as it is served; see `described`."""
    return orjson.dumps(described(routes, auth_is_required=auth_is_required))


def described(routes: Iterable[Route], *, auth_is_required: bool) -> Schema:
    """The document, in OpenAPI 3.1.

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
        "info": _INFO | {"version": version("callerid")},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in words.TAGS.items()],
        "paths": dict(paths),
        "components": {
            "schemas": schemas.components(_shapes(routes)),
            "headers": _HEADERS,
            "securitySchemes": _CREDENTIALS,
        },
    }


def _shapes(routes: Iterable[Route]) -> Iterator[Any]:
    """All types that stand in the document by name."""
    yield Problem
    for route in routes:
        if route.body:
            yield route.body
        for contents in route.answers.values():
            for content in contents:
                yield from content.shapes


def _operation(route: Route) -> Schema:
    told: Schema = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "tags": [route.tag],
        "summary": route.summary,
        "description": _description(route.handler.__doc__ or ""),
        "responses": _responses(route),
    }
    if parameters := [*_in_path(route), *(schemas.parameters(route.query) if route.query else ())]:
        told["parameters"] = parameters
    if route.body:
        told["requestBody"] = _body(route, route.body)
    return told


def _description(docstring: str) -> str:
    """What a docstring says before its sections."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    told = (each for each in paragraphs if not each.startswith(("Args:", "Returns:", "Raises:")))
    return "\n\n".join(told)


def _in_path(route: Route) -> Iterator[Schema]:
    if "{number}" in route.path:
        yield {
            "name": "number",
            "in": "path",
            "description": "One of the instance's own numbers, in any form that can be dialled.",
            "required": True,
            "schema": {"type": "string", "examples": ["01089898989"]},
        }


def _body(route: Route, shape: type[msgspec.Struct]) -> Schema:
    content = {JSON: {"schema": schemas.of_shapes(shape), "example": route.example}}
    if route.takes_form:
        content[FORM] = {"schema": schemas.of_form(shape), "example": route.example}
    return {"required": True, "content": content}


def _responses(route: Route) -> dict[str, Schema]:
    told = {str(int(status)): _answer(status, each) for status, each in route.answers.items()}
    by_status: defaultdict[HTTPStatus, list[Kind]] = defaultdict(list)
    for kind in route.all_errors:
        by_status[STATUS.get(kind.code, HTTPStatus.INTERNAL_SERVER_ERROR)].append(kind)
    as_text = bool(route.query and "format" in route.query.__struct_fields__)
    for status, kinds in sorted(by_status.items()):
        told[str(int(status))] = _problem(status, kinds, as_text=as_text)
    return dict(sorted(told.items()))


def _answer(status: HTTPStatus, contents: tuple[Content, ...]) -> Schema:
    return {
        "description": status.phrase,
        "headers": _headers("X-Request-Id"),
        "content": {content.media_type: _content(content) for content in contents},
    }


def _content(content: Content) -> Schema:
    told: Schema = {"schema": schemas.of_shapes(*content.shapes)}
    if content.example is not None:
        told["example"] = msgspec.to_builtins(content.example)
    return told


def _problem(status: HTTPStatus, kinds: list[Kind], *, as_text: bool) -> Schema:
    """The problem documents of one status, told apart by their codes."""
    codes = [kind.code for kind in kinds]
    of_status = {"status": {"const": int(status)}, "code": {"enum": codes}}
    told = {"allOf": [schemas.of_shapes(Problem), {"properties": of_status}]}
    content: Schema = {PROBLEM: {"schema": told}}
    if as_text:
        content["text/plain; charset=utf-8"] = {"schema": {"type": "string"}}
    return {
        "description": "\n".join(f"- `{kind.code}`: {_meaning(kind)}" for kind in kinds),
        "headers": _headers("X-Request-Id", *([_HELPING[status]] if status in _HELPING else [])),
        "content": content,
    }


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _meaning(kind: Kind) -> str:
    """What an error says of itself, in its first paragraph."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())


def _security(route: Route, *, auth_is_required: bool) -> list[Schema]:
    if route.access == "open":
        return []
    scopes = [] if route.access == "any" else [route.access]
    # An empty entry: nobody has to say who asks.
    return [{"token": scopes}] if auth_is_required else [{"token": scopes}, {}]

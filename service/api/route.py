"""A route: enough to register its handler and to describe it in the OpenAPI document."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from aiohttp.typedefs import Handler

from service.api.bodies import JSON
from service.api.problems import InternalError
from service.errors import (
    CallerIdError,
    Forbidden,
    InvalidField,
    MalformedRequest,
    RequestTimeout,
    RequestTooLarge,
    Unauthenticated,
    UnknownInstance,
    UnsupportedMediaType,
)
from service.settings import Scope

# Beside the scopes: whoever has a known credential, and whoever asks.
Access = Scope | Literal["any", "open"]

Tag = Literal["picks", "numbers", "callees", "operations"]


class Content(msgspec.Struct, frozen=True):
    """What an answer holds: its media type, the type of its body, and an example of it."""

    media_type: str
    shape: Any = str
    example: Any = None


class Route(msgspec.Struct, frozen=True):
    """One method of one path.

    Args:
        call: the method and the path, as aiohttp's router has it: `GET /v1/numbers`.
        handler: answers; its docstring describes the route.
        answers: the good ones, by status.
        errors: what may go wrong that its access, query and body do not bring with them.
        query: what its handler decodes the query as; it names an instance.
        body: what its handler decodes the body as; it names an instance, too.
        example: a body, as a client would write it.
        access: the scope that its handler asks for.
    """

    call: str
    handler: Handler
    answers: Mapping[HTTPStatus, Content]
    errors: tuple[type[CallerIdError], ...] = ()
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    example: Mapping[str, Any] | None = None
    access: Access = "admin"

    @property
    def method(self) -> str:
        """The method of HTTP."""
        return self.call.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path, as aiohttp's router has it."""
        return self.call.partition(" ")[2]

    @property
    def summary(self) -> str:
        """The route in a few words: how the docstring of its handler begins."""
        return re.split("[.:;]", self.handler.__doc__ or "", maxsplit=1)[0]

    @property
    def tag(self) -> Tag:
        """The part of the document that lists the route."""
        if self.access == "admin":
            return "callees" if self.path.startswith("/v1/callees") else "numbers"
        return "picks" if self.access == "pick" else "operations"

    @property
    def all_errors(self) -> list[type[CallerIdError]]:
        """Whatever may go wrong with a request, by code."""
        kinds = {*self.errors, Forbidden, InternalError, MalformedRequest}
        if self.access != "open":
            kinds.add(Unauthenticated)
        if self.query or self.body:
            kinds |= {InvalidField, UnknownInstance}
        if self.body:
            kinds |= {RequestTimeout, RequestTooLarge, UnsupportedMediaType}
        return sorted(kinds, key=lambda kind: kind.code)


def good(example: Any, status: HTTPStatus = HTTPStatus.OK) -> Mapping[HTTPStatus, Content]:
    """Return the good answer of most routes: 200 with JSON as in an example, and of its type."""
    return {status: Content(JSON, type(example), example)}

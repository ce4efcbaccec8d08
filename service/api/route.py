"""A route: enough to register its handler and to describe it in the OpenAPI document."""

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


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Args:
        method: of HTTP.
        path: as aiohttp's router has it.
        handler: answers; its docstring describes the route.
        tag: where the document lists it.
        summary: what it does, in a few words.
        access: the scope that its handler asks for.
        query: what its handler decodes the query as; it names an instance.
        body: what its handler decodes the body as; it names an instance, too.
        example: a body, as a client would write it.
        answers: the good ones, by status.
        errors: what may go wrong that its access, query and body do not bring with them.
    """

    method: str
    path: str
    handler: Handler
    tag: Tag
    summary: str
    access: Access
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    example: Mapping[str, Any] | None = None
    answers: Mapping[HTTPStatus, Content] = {}
    errors: tuple[type[CallerIdError], ...] = ()

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


def ok(shape: Any, example: Any) -> Mapping[HTTPStatus, Content]:
    """Return the good answer of most routes: 200 with JSON of this type."""
    return {HTTPStatus.OK: Content(JSON, shape, example)}

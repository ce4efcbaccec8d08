"""HTML forms and queries as typed requests: what Asterisk's CURL() sends.

A list is repeated or has commas, a switch is true, 1 or yes; a field left blank is not given.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from msgspec.inspect import BoolType, IntType, Type, VarTupleType

from service.api import bodies, faults
from service.errors import InvalidField, MalformedRequest, UnsupportedMediaType

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 256

T = TypeVar("T", bound=msgspec.Struct)

_DIGITS = re.compile(r"[0-9]{1,9}")
SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def decode(body: bytes, shape: type[T]) -> T:
    """A form as its type.

    Raises:
        MalformedRequest: it is empty, not in UTF-8, or has too many fields.
        InvalidField: a field is not what the type has.
    """
    given = fields(body)
    kinds = faults.field_types(shape)
    values = {name: _value(name, given[name], kinds.get(name)) for name in given}
    return faults.converted(values, shape)


async def read(request: web.Request, decoder: msgspec.json.Decoder[T]) -> T:
    """A body as its decoder's type, which may come as JSON or as a form.

    Raises:
        UnsupportedMediaType: it says to be neither.
        RequestError: as `bodies.read`, `bodies.decode` and `decode`.
    """
    kind = request.content_type
    if kind not in (bodies.JSON, FORM):
        raise UnsupportedMediaType(f"Content-Type: send {bodies.JSON} or {FORM}")
    body = await bodies.read(request)
    # `curl -d` calls whatever it sends a form; no name of a field begins with a brace.
    is_form = kind == FORM and not body.lstrip().startswith(b"{")
    return decode(body, decoder.type) if is_form else bodies.decode(body, decoder)


def query(request: web.Request, shape: type[T]) -> T:
    """A request's query as its type, in which all is optional.

    Raises:
        MalformedRequest, InvalidField: as `decode`.
    """
    raw = request.rel_url.raw_query_string.encode("utf-8", "surrogateescape")
    return decode(raw, shape) if raw else shape()


def fields(body: bytes) -> Mapping[str, Sequence[str]]:
    """Return the fields of a form with all their values, less the blank ones."""
    if not body:
        raise MalformedRequest("The body is empty; send the fields of a form")
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in pairs(body, MAX_FIELDS):
        if value:
            values[name].append(value)
    return values


def pairs(raw: bytes, most: int) -> list[tuple[str, str]]:
    """Return the names and values of a query or a form, in their order.

    Args:
        raw: as it came.
        most: how many there may be.

    Raises:
        MalformedRequest: it is not in UTF-8, or has more fields.
        InvalidField: there is NUL in one.
    """
    try:
        named_values = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=most
        )
    except UnicodeDecodeError:
        raise MalformedRequest("The fields are not in UTF-8; encode them so") from None
    except ValueError:
        raise MalformedRequest(f"There are more than {most} fields") from None
    for name, value in named_values:
        if "\0" in name or "\0" in value:
            raise InvalidField(name.replace("\0", "?"), "has NUL in it; leave it out")
    return named_values


def _value(name: str, values: Sequence[str], kind: Type | None) -> Any:
    if isinstance(kind, VarTupleType):
        parts = (part.strip() for value in values for part in value.split(","))
        return [part for part in parts if part]
    if len(values) > 1:
        raise InvalidField(name, "is given more than once")
    value = values[0]
    if isinstance(kind, BoolType):
        if value.lower() not in SWITCHES:
            raise InvalidField(name, "takes true or false")
        return SWITCHES[value.lower()]
    if isinstance(kind, IntType) and _DIGITS.fullmatch(value):
        return int(value)
    return value

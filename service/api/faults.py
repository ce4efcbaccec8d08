"""Find out exactly what is wrong with a body: the slow reading, after a suspicion.

It never decides what a good body says, only whether and how a bad one is refused.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Any, TypeVar

import msgspec
from msgspec.inspect import LiteralType, Metadata, StructType, Type, type_info

from service.errors import InvalidField, MalformedRequest, RequestError

MAX_DEPTH = 32

T = TypeVar("T", bound=msgspec.Struct)

_SURROGATE_OR_NUL = re.compile("[\ud800-\udfff\0]")

_KINDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number with a fraction",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}

_INSTANTS = {
    "datetime": "takes an instant with its offset from UTC, as 2026-01-31T18:00:00+08:00",
    "date": "takes a day, as 2026-01-31",
}


def check(body: bytes) -> None:
    """Refuse whatever is not one strict JSON object.

    Raises:
        MalformedRequest: no UTF-8, no JSON, a key given twice, a number beyond all bounds, or
            nested too deep.
        InvalidField: JSON, but no object, or a string that holds a lone surrogate or NUL.
    """
    parsed = _parsed(_text(body))
    if not isinstance(parsed, dict):
        raise InvalidField("body", "takes a JSON object, {…}")
    for name, value in parsed.items():
        for text in chain([name], _strings(value, 1)):
            if _SURROGATE_OR_NUL.search(text):
                shown = _SURROGATE_OR_NUL.sub("?", name)
                raise InvalidField(shown, r"has a lone surrogate or \u0000; leave it out")


def invalid(error: Exception, shape: Any) -> RequestError:
    """Put into our words what the typed decoder refused in a body that `check` let pass."""
    what, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or "body"
    if found := re.fullmatch(r"Object (missing|contains).* field `(.*)`", what, re.DOTALL):
        if found[1] == "missing":
            return InvalidField(found[2], "is required")
        return InvalidField(found[2][:64], "is no field of this request; leave it out")
    if instant := re.search(r"\b(datetime|date)\b", what):
        return InvalidField(field, _INSTANTS[instant[1]])
    if what.startswith("Invalid enum value"):
        return InvalidField(field, f"takes one of {', '.join(_choices(shape, field))}")
    why = re.sub(r"`(\w+)`", lambda kind: _KINDS.get(kind[1], kind[1]), what)
    # Seven digits in a row would be masked.
    why = re.sub(r"(?<== )\d+", lambda bound: f"{int(bound[0]):,}", why)
    return InvalidField(field, f"{why[:1].lower()}{why[1:]}")


def converted(given: Mapping[str, Any], shape: type[T]) -> T:
    """Convert fields that came as text to their type.

    Raises:
        InvalidField: one is not what the type has.
    """
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise invalid(error, shape) from None


def _choices(shape: Any, field: str) -> list[str]:
    kind = field_types(shape).get(field)
    return [str(value) for value in kind.values if value] if isinstance(kind, LiteralType) else []


@cache
def field_types(shape: Any) -> Mapping[str, Type]:
    """Return the type of each field, less the description that `Meta` wraps it in."""
    info = type_info(shape)
    fields = info.fields if isinstance(info, StructType) else ()
    return {
        field.encode_name: field.type.type if isinstance(field.type, Metadata) else field.type
        for field in fields
    }


def _text(body: bytes) -> str:
    if not body.strip():
        raise MalformedRequest("The body is empty; send a JSON object")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not in UTF-8; encode it so") from None
    if text.startswith("\ufeff"):
        raise MalformedRequest("The body starts with a byte order mark; leave it out")
    if "\0" in text:
        raise MalformedRequest("The body has NUL bytes; send UTF-8, not UTF-16")
    return text


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_number,
            parse_int=_number,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedRequest(f"The body is not JSON at {place}: {error.msg}") from None
    except RecursionError:
        raise _too_deep() from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            shown = _SURROGATE_OR_NUL.sub("?", key[:64])
            raise MalformedRequest(f"The body has {shown!r} twice in one object; give it once")
        fields[key] = value
    return fields


def _constant(name: str) -> Any:
    raise MalformedRequest(f"The body has {name}, which is no JSON; leave it out")


def _number(digits: str) -> float:
    if math.isinf(value := float(digits)):
        raise MalformedRequest("The body has a number beyond all bounds; send a smaller one")
    return value


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"The body is nested more than {MAX_DEPTH} deep; flatten it")


def _strings(value: Any, depth: int) -> Iterator[str]:
    """Yield the strings of a value that stands so deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        if depth == MAX_DEPTH:
            raise _too_deep()
        inner = chain(value, value.values()) if isinstance(value, dict) else value
        for item in inner:
            yield from _strings(item, depth + 1)

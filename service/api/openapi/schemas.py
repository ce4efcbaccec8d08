"""JSON Schemas of the types on the wire, as msgspec derives them, with what the fields mean."""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from service.api.forms import SWITCHES
from service.api.openapi.words import EITHER, FIELDS

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"


def components(shapes: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of these types and of all that they hold, by name."""
    _, found = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    return {name: _told(name, schema) for name, schema in sorted(found.items())}


def of_shapes(*shapes: Any) -> Schema:
    """The schema of what is one of these, components by reference."""
    found = [_of_shape(shape) for shape in shapes]
    return found[0] if len(found) == 1 else {"anyOf": found}


def of_form(shape: type[msgspec.Struct]) -> Schema:
    """The schema of an HTML form that is decoded as a type."""
    schema = components([shape])[shape.__name__]
    fields = {name: _as_text(each) for name, each in schema["properties"].items()}
    return {**schema, "title": f"{shape.__name__}Form", "properties": fields}


def _as_text(schema: Schema) -> Schema:
    """The schema of a field in a form or a query.

    A switch has more than one spelling, a list may be one text with commas, and what is blank
    counts as not given.
    """
    told = {name: each for name, each in schema.items() if name != "minLength"}
    if "items" in schema:
        listed = {"type": told.pop("type"), "items": _as_text(told.pop("items"))}
        told["anyOf"] = [listed, {"type": "string"}]
    if told.get("type") == "boolean":
        del told["type"]
        told["enum"] = [True, False, *SWITCHES, 1, 0]
    return told


def _of_shape(shape: Any) -> Schema:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return {"$ref": _REFERENCE.format(name=shape.__name__)}
    return msgspec.json.schema(shape)


def parameters(query: type[msgspec.Struct]) -> list[Schema]:
    """A query's fields as parameters; a field left blank is not given."""
    return [
        {
            "name": name,
            "in": "query",
            "description": schema.pop("description", ""),
            "required": False,
            "allowEmptyValue": True,
            "schema": _as_text(schema),
        }
        for name, schema in components([query])[query.__name__]["properties"].items()
    ]


def _told(shape: str, schema: Schema) -> Schema:
    """A schema with words to its fields, and without what is no use to a reader."""
    fields = schema.get("properties", {})
    # What is answered has all its fields; what is asked may leave out those with a default.
    is_asked = "additionalProperties" in schema
    always = [name for name, each in fields.items() if not is_asked and "default" in each]
    told = {
        **schema,
        "description": inspect.cleandoc(schema.get("description", "")),
        "properties": {name: _field(shape, name, each) for name, each in fields.items()},
    }
    if either := EITHER.get(shape):
        told["anyOf"] = [{"required": list(names)} for names in either]
    if required := [*schema.get("required", []), *always]:
        told["required"] = required
    else:
        told.pop("required", None)
    return told


def _field(shape: str, name: str, schema: Schema) -> Schema:
    words = FIELDS.get(f"{shape}.{name}") or FIELDS.get(name)
    kept = dict(schema)
    # A default that only stands for "not given" says nothing, and may be out of bounds.
    if not kept.get("default") and kept.get("default") is not False:
        kept.pop("default", None)
    return {**kept, "description": words} if words else kept

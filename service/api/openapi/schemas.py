"""Derive JSON Schemas of the types on the wire, by msgspec, from their fields and docstrings."""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"


def schema_of(shape: Any) -> Schema:
    """Return the schema of a type; a Struct's is a reference to its component."""
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=_REFERENCE)
    return schema


def components(shapes: Iterable[Any]) -> dict[str, Schema]:
    """Return the schemas of these types and of all that they hold, by name."""
    _, derived = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    return {name: _typed(_component(schema)) for name, schema in sorted(derived.items())}


def parameters(query: type[msgspec.Struct]) -> list[Schema]:
    """Describe a query's fields as parameters; what is blank counts as not given."""
    return [
        {
            "name": name,
            "in": "query",
            "description": field.pop("description"),
            "required": False,
            "allowEmptyValue": True,
            "schema": field,
        }
        for name, field in components([query])[query.__name__]["properties"].items()
    ]


def _component(schema: Schema) -> Schema:
    """Take from a Struct's schema the defaults that mean "not given" and may be out of bounds."""
    fields = schema["properties"]
    is_answered = "additionalProperties" not in schema
    # An answer has all its fields; a request may leave out those with a default.
    always = [name for name, field in fields.items() if is_answered and "default" in field]
    for field in fields.values():
        if not field.get("default") and field.get("default") is not False:
            field.pop("default", None)
    return schema | {
        "description": inspect.cleandoc(schema["description"]),
        "required": [*schema.get("required", ()), *always],
    }


def _typed(node: Any) -> Any:
    """Say of each enumeration that it is of strings: generators go by the type."""
    if isinstance(node, list):
        return [_typed(item) for item in node]
    if not isinstance(node, dict):
        return node
    typed = {name: _typed(value) for name, value in node.items()}
    return {"type": "string", **typed} if "enum" in typed else typed

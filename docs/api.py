"""Writes docs/api.md from the OpenAPI document: `make docs`, or `python -m docs.api > docs/api.md`.

It reads the document as any client would, and knows nothing of the service beside.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from service.api.openapi import described
from service.api.routes import ROUTES

Node = dict[str, Any]

_HEAD = """\
# The HTTP interface

Written by `make docs` from `/openapi.json`, which any OpenAPI 3.1 tool reads; the service makes it
of the types that it decodes and encodes.
"""

_JSON = "application/json"

_BOUNDS = {
    "minimum": "from",
    "maximum": "to",
    "maxLength": "at most",
    "maxItems": "at most",
}


def page() -> str:
    """The whole page."""
    document = described(ROUTES, auth_is_required=True)
    parts = [
        _HEAD,
        document["info"]["description"],
        "\n".join(_contents(document)),
        "## Who may ask\n",
        *(each["description"] for each in document["components"]["securitySchemes"].values()),
    ]
    for tag in document["tags"]:
        parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n")
        parts += ["\n".join(_operation(document, *each)) for each in _of(document, tag["name"])]
    parts += ["## Types\n", *("\n".join(each) for each in _types(document))]
    return "\n".join(parts)


def _of(document: Node, tag: str) -> Iterator[tuple[str, Node]]:
    """The operations of a tag, each by its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield f"{method.upper()} {path}", operation


def _contents(document: Node) -> Iterator[str]:
    yield from ("| call | does |", "|---|---|")
    for tag in document["tags"]:
        for call, operation in _of(document, tag["name"]):
            yield f"| [`{call}`](#{_anchor(call)}) | {operation['summary']} |"
    yield ""


def _operation(document: Node, call: str, operation: Node) -> Iterator[str]:
    yield from (f"### {call}", "", operation["description"], "")
    scopes = [f"`{one}`" for each in operation["security"] for one in each.get("token", ())]
    if scopes:
        yield from (f"Scope: {', '.join(scopes)}.", "")
    if parameters := operation.get("parameters"):
        yield from _table("parameter", (_row(each, _is_required(each)) for each in parameters))
    if body := operation.get("requestBody"):
        yield from _body(document, body["content"])
    yield from _example(call, operation)
    yield from _answers(operation["responses"])


def _body(document: Node, content: Node) -> Iterator[str]:
    schema = document["components"]["schemas"][_name(content[_JSON]["schema"])]
    yield from (f"The body, as `{_JSON}`: {_in_a_line(schema['description'])}", "")
    yield from _fields("field", schema)


def _answers(responses: Node) -> Iterator[str]:
    yield from ("| status | answer |", "|---|---|")
    for status, response in responses.items():
        meaning = response["description"].removeprefix("- ").replace("\n- ", "<br>")
        if "application/problem+json" not in response["content"]:
            ((media_type, content),) = response["content"].items()
            meaning = f"{meaning}: {_kind(content['schema'])} as `{media_type}`"
        yield f"| {status} | {meaning} |"
    yield ""


def _example(call: str, operation: Node) -> Iterator[str]:
    """A call by curl, and what it answers."""
    method, _, path = call.partition(" ")
    words = ["curl -s", f"'http://127.0.0.1:8080{path.replace('{number}', '01089898989')}'"]
    content = operation.get("requestBody", {}).get("content", {})
    if method in ("PUT", "DELETE") or (method == "POST" and not content):
        words.insert(1, f"-X {method}")
    if operation["security"]:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if content:
        sent = json.dumps(content[_JSON]["example"], ensure_ascii=False)
        words += [f"-H 'Content-Type: {_JSON}'", f"-d '{sent}'"]
    yield from ("```console", "$ " + " \\\n    ".join(words))
    good = next(iter(operation["responses"].values()))["content"]
    answer = next(iter(good.values())).get("example")
    if answer is not None:
        shown = json.dumps(answer, ensure_ascii=False, indent=2)
        yield answer.rstrip() if isinstance(answer, str) else shown
    yield from ("```", "")


def _types(document: Node) -> Iterator[list[str]]:
    bodies = {  # they stand where they are asked for
        _name(operation["requestBody"]["content"][_JSON]["schema"])
        for methods in document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    }
    for name, schema in document["components"]["schemas"].items():
        if name in bodies:
            continue
        yield [f"### {name}", "", _in_a_line(schema["description"]), "", *_fields("field", schema)]


def _in_a_line(text: str) -> str:
    return " ".join(text.split())


def _fields(title: str, schema: Node) -> Iterator[str]:
    required = schema.get("required", ())
    named = (each | {"name": name, "schema": each} for name, each in schema["properties"].items())
    return _table(title, (_row(each, each["name"] in required) for each in named))


def _table(title: str, rows: Iterable[str]) -> Iterator[str]:
    yield from (f"| {title} | type | meaning |", "|---|---|---|", *rows, "")


def _row(each: Node, is_required: bool) -> str:  # noqa: FBT001 - a column of the table
    kind = _kind(each["schema"]) + (", required" if is_required else "")
    return f"| `{each['name']}` | {kind} | {each.get('description', '')} |"


def _is_required(parameter: Node) -> bool:
    return bool(parameter.get("required"))


def _kind(schema: Node) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return f"[{_name(schema)}](#{_anchor(_name(schema))})"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " ".join(dict.fromkeys(_choice(each) for each in schema["enum"]))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        kind = f"list of {_kind(schema['items'])}"
    elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        kind = f"object of {_kind(schema['additionalProperties'])}"
    return kind + _bounds(schema)


def _choice(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


def _bounds(schema: Node) -> str:
    told = [f"{word} {schema[name]}" for name, word in _BOUNDS.items() if name in schema]
    if "default" in schema:
        told.append(f"default `{json.dumps(schema['default'])}`")
    return f" ({', '.join(told).replace(', to', ' to')})" if told else ""


def _name(schema: Node) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    kept = [sign for sign in heading.lower() if sign.isalnum() or sign in " -_"]
    return "".join(kept).replace(" ", "-")


if __name__ == "__main__":
    print(page(), end="")

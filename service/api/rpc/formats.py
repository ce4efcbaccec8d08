"""Answers of the RPC door as they are written: the same body in JSON or in XML.

A list has no element of its own in XML: its entries stand one after the other under its name, as
the API pages show them; an empty one is nothing at all.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

import orjson
from aiohttp import web

from service.api.parts import REQUEST_ID
from service.api.rpc.call import wants_xml

JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"  # to the letter: what the SDKs look for

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def response(
    request: web.Request, root: str, body: Mapping[str, Any], status: int, headers: dict[str, str]
) -> web.Response:
    """An answer in the format that the request wants.

    Args:
        request: what is answered.
        root: the name of the outermost element, which JSON does without.
        body: what to write.
        status: of HTTP.
        headers: beside those that every answer has.
    """
    as_xml = wants_xml(request)
    written = xml(root, body) if as_xml else orjson.dumps(body)
    headers["Content-Type"] = XML_TYPE if as_xml else JSON_TYPE
    headers["x-acs-request-id"] = request[REQUEST_ID]
    return web.Response(status=status, body=written, headers=headers)


def xml(root: str, body: Mapping[str, Any]) -> bytes:
    """A body as XML; characters that XML cannot hold are replaced."""
    declaration = "<?xml version='1.0' encoding='UTF-8'?>"
    return (declaration + "".join(_element(root, body))).encode()


def _element(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for inner_value in value:
            yield from _element(name, inner_value)
    elif _NAME.fullmatch(name):
        yield f"<{name}>"
        if isinstance(value, Mapping):
            for inner, inner_value in value.items():
                yield from _element(inner, inner_value)
        else:
            yield _text(value)
        yield f"</{name}>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return escape(_NO_XML.sub("\ufffd", text), {"\r": "&#13;"})

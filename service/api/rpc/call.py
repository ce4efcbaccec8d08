"""A call at the RPC door, taken apart strictly: its parameters, and the format that it wants.

Parameters stand in the query or in a form, and the very bytes that came are what is read: a
signature covers them. Who calls is found by `auth`, what a parameter says by `parameters`.
"""

from collections.abc import Callable
from hashlib import sha256
from urllib.parse import parse_qsl

from aiohttp import web

from service.api import forms
from service.ccc.claims import SignedCall
from service.errors import InvalidField

MAX_FIELDS = 2048  # PhoneNumber.1 and on: as many as fit into a body
SYSTEM_FIELDS = 64  # among so many the SDKs have Format and what a signature is made of

CALL = web.RequestKey("CALL", SignedCall)

_FORMATS = ("", "json", "xml")


def take_apart(request: web.Request, body: bytes, check: Callable[[bytes], None]) -> SignedCall:
    """Take a request apart, and leave the call in it.

    Args:
        request: as it came.
        body: its own.
        check: refuses what costs too much; takes query and form as they came.

    Raises:
        CallerIdError: as `check` does.
        MalformedRequest: query or form are no UTF-8, or have too many fields.
        InvalidField: a parameter came twice, has NUL in it, or asks for an unknown format.
    """
    in_query = request.rel_url.raw_query_string.encode("utf-8", "surrogateescape")
    in_form = body if request.content_type == forms.FORM else b""
    check(in_query + b"&" + in_form)
    query, form = _parsed(in_query), _parsed(in_form)
    if twice := query.keys() & form.keys():
        raise _twice(min(twice))
    call = request[CALL] = SignedCall(
        request.method, _headers(request), query, query | form, sha256(body).hexdigest()
    )
    if call.params.get("Format", "").lower() not in _FORMATS:
        raise InvalidField("Format", "takes JSON or XML")
    return call


def wants_xml(request: web.Request) -> bool:
    """Return whether to answer in XML: by `Format`, else Accept, else the signature's scheme.

    RPC v1, whose action stands in the parameters, answers in XML unless told otherwise. Of a
    request that could not be taken apart the query's beginning is read as far as it can be.
    """
    call = request.get(CALL)
    if call is None:
        beginning = request.rel_url.raw_query_string.split("&", SYSTEM_FIELDS)[:SYSTEM_FIELDS]
        query = dict(parse_qsl("&".join(beginning), keep_blank_values=True))
        call = SignedCall(request.method, _headers(request), query, query)
    wanted = call.params.get("Format", "").lower()
    if wanted and wanted in _FORMATS:
        return wanted == "xml"
    accept = call.headers.get("accept", "").lower()
    takes_json, takes_xml = "json" in accept, "xml" in accept
    if takes_json != takes_xml:
        return takes_xml
    if call.scheme:
        return call.scheme == "rpc_v1"
    return "x-acs-action" not in call.headers


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _parsed(raw: bytes) -> dict[str, str]:
    """Return the fields of a query or form, each there once."""
    found: dict[str, str] = {}
    for name, value in forms.pairs(raw, MAX_FIELDS):
        if name in found:
            raise _twice(name)
        found[name] = value
    return found


def _twice(name: str) -> InvalidField:
    return InvalidField(name, "is given more than once; give it once")

"""The parameters of a call at the RPC door: from query and form, text all of them, and checked."""

import re
from collections.abc import Mapping

import msgspec
from aiohttp import web

from service.api import bodies, forms
from service.api.parts import Api
from service.api.rpc_refusal import Refused
from service.errors import InvalidField

Params = Mapping[str, str]

USAGES = ("Inbound", "Outbound", "Bidirection")
MOST = 100  # of pages, of numbers on one, and of a pick

_PARAMS = web.RequestKey("PARAMS", dict[str, str])
_GROUPS = "SkillGroupIdList"
_PLACE = re.compile(r"[1-9][0-9]{0,2}")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_FLAGS = {"": None, "true": True, "false": False}


async def read_params(request: web.Request, api: Api) -> dict[str, str]:
    """All parameters by name; the form's over the query's."""
    if _PARAMS not in request:
        found = dict(request.query)
        if request.content_type == "application/x-www-form-urlencoded" and request.can_read_body:
            body = await bodies.read(request, api.parts.body_seconds)
            found |= {name: values[-1] for name, values in forms.fields(body).items()}
        for name, value in found.items():
            _check_text(name, value)
        request[_PARAMS] = found
    return request[_PARAMS]


def required(params: Params, name: str) -> str:
    """A parameter that must be there and must not be empty."""
    value = params.get(name)
    if not value:
        raise Refused("Parameter.Empty", name)
    return value


def integer(params: Params, name: str, default: str = "") -> int:
    """A whole number from 1 to `MOST`."""
    text = params.get(name) or default
    if not text:
        raise Refused("Parameter.Null", name)
    if not _INTEGER.fullmatch(text):
        raise InvalidField(name, "takes a whole number")
    if int(text) < 1:
        raise Refused("Parameter.Minimum", name, 1)
    if int(text) > MOST:
        raise Refused("Parameter.Maximum", name, MOST)
    return int(text)


def usage(params: Params) -> str:
    """The usage to filter by, or ""."""
    given = params.get("Usage", "")
    if given and given not in USAGES:
        raise Refused("Parameter.Enumeration", "Usage", f"[{', '.join(USAGES)}]")
    return given


def active(params: Params) -> bool | None:
    """The state to filter by; Python's SDK writes `True`, the documents `true`."""
    given = params.get("Active", "").lower()
    if given not in _FLAGS:
        raise InvalidField("Active", "takes true or false")
    return _FLAGS[given]


def skill_groups(params: Params) -> tuple[str, ...]:
    """The groups, a JSON array in one parameter, or `SkillGroupIdList.1` and on.

    The documents have the first; the SDK makes the second of a Python list.
    """
    if text := params.get(_GROUPS):
        try:
            groups = msgspec.json.decode(text, type=tuple[str, ...])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise InvalidField(_GROUPS, 'takes a JSON array, ["…"]') from None
        for group in groups:
            _check_text(_GROUPS, group)
        return groups
    prefix = f"{_GROUPS}."
    rest = {name.removeprefix(prefix): params[name] for name in params if name.startswith(prefix)}
    places = sorted((int(place), rest[place]) for place in rest if _PLACE.fullmatch(place))
    if not places:
        raise Refused("Parameter.Empty", _GROUPS)
    return tuple(value for _, value in places)


def _check_text(name: str, text: str) -> None:
    if "\0" in text:
        raise InvalidField(name, "has NUL in it; leave it out")

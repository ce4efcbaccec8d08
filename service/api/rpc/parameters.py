"""Read and check the parameters of an RPC call, which are text all of them."""

import re
from collections.abc import Mapping
from typing import cast, get_args

import msgspec

from service.api.rpc.refusal import Refused
from service.errors import InvalidField
from service.provisioning import Usage

Params = Mapping[str, str]

USAGES = get_args(Usage)
MOST = 100  # of pages, of numbers on one, and of a pick
LONGEST = 256  # characters of an id, of a number, or of what is searched for

_PLACE = re.compile(r"[1-9][0-9]{0,3}")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_FLAGS = {"": None, "true": True, "false": False}


def required(params: Params, name: str) -> str:
    """A parameter that must be there and must not be empty."""
    value = params.get(name)
    if not value:
        raise Refused("Parameter.Empty", name)
    return value


def optional(params: Params, name: str) -> str:
    """A parameter that may be missing or empty."""
    return _short(name, params.get(name, ""))


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


def usage(params: Params) -> Usage | None:
    """A usage to filter by, or None."""
    given = params.get("Usage", "")
    if given and given not in USAGES:
        raise Refused("Parameter.Enumeration", "Usage", f"[{', '.join(USAGES)}]")
    return cast("Usage", given) if given else None


def required_usage(params: Params) -> Usage:
    """The usage of numbers that are added."""
    given = usage(params)
    if given is None:
        raise Refused("Parameter.Empty", "Usage")
    return given


def active(params: Params) -> bool | None:
    """The state to filter by; Python's SDK writes `True`, the documents `true`."""
    given = params.get("Active", "").lower()
    if given not in _FLAGS:
        raise InvalidField("Active", "takes true or false")
    return _FLAGS[given]


def texts(params: Params, name: str) -> tuple[str, ...]:
    """A list, a JSON array in one parameter, or `<name>.1` and on; empty if there is none.

    The documents of 2020-07-01 have the first; the SDK makes the second of a Python list.
    """
    if text := params.get(name):
        try:
            found = msgspec.json.decode(text, type=tuple[str, ...])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise InvalidField(name, 'takes a JSON array, ["…"]') from None
    else:
        found = numbered(params, name)
    return tuple(_short(name, each, least=1) for each in found)


def required_texts(params: Params, name: str) -> tuple[str, ...]:
    """A list of one or more."""
    if not (found := texts(params, name)):
        raise Refused("Parameter.Empty", name)
    return found


def numbered(params: Params, name: str) -> tuple[str, ...]:
    """The values of `<name>.1` and on, in the order of their numbers, whichever are missing."""
    prefix = f"{name}."
    rest = {given.removeprefix(prefix): given for given in params if given.startswith(prefix)}
    places = sorted((int(place), rest[place]) for place in rest if _PLACE.fullmatch(place))
    return tuple(_short(given, params[given], least=1) for _, given in places)


def _short(name: str, text: str, least: int = 0) -> str:
    if not least <= len(text) <= LONGEST:
        raise InvalidField(name, f"takes {least} to {LONGEST} characters")
    if "\0" in text:  # a JSON array can write it
        raise InvalidField(name, "has NUL in it; leave it out")
    return text

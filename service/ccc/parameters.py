"""Read and check the parameters of an RPC call, which are text all of them.

For both ends that are called so: the RPC door and the emulator. What an API page has an error for
is refused with that; the rest is InvalidParameter.
"""

import re
from collections.abc import Collection, Mapping
from typing import Literal, cast, get_args

import msgspec

from service.ccc.claims import SignedCall
from service.errors import InvalidField

Params = Mapping[str, str]
Usage = Literal["Inbound", "Outbound", "Bidirection"]

USAGES = get_args(Usage)
MOST = 100  # of pages, of numbers on one, and of a pick
LONGEST = 256  # characters of an id, of a number, or of what is searched for

_PLACE = re.compile(r"[1-9][0-9]{0,3}")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_FLAGS = {"": None, "true": True, "false": False}


class ParameterRefused(InvalidField):
    """A parameter that the documents have an error for.

    Args:
        ccc_code: the error's code.
        parameter: its name on the wire.
        bound: the bound that it should have kept to, where the message names one.
    """

    def __init__(self, ccc_code: str, parameter: str, bound: object = "") -> None:
        super().__init__(parameter, ccc_code)
        self.ccc_code = ccc_code
        self.values = (parameter, bound)


def check_action(call: SignedCall, actions: Mapping[str, Collection[str]]) -> None:
    """Refuse a call of an action that there is not.

    Args:
        call: as it came.
        actions: their names by the versions of the API.

    Raises:
        ParameterRefused: version or action are missing, or unknown.
    """
    if not call.version:
        raise ParameterRefused("MissingParameter", "Version")
    if not call.action:
        raise ParameterRefused("MissingParameter", "Action")
    if call.version not in actions:
        raise ParameterRefused("InvalidVersion", "Version")
    if call.action not in actions[call.version]:
        raise ParameterRefused("InvalidAction.NotFound", "Action")


def required(params: Params, name: str) -> str:
    """A parameter that must be there and must not be empty."""
    value = params.get(name)
    if not value:
        raise ParameterRefused("Parameter.Empty", name)
    return value


def optional(params: Params, name: str) -> str:
    """A parameter that may be missing or empty."""
    return _short(name, params.get(name, ""))


def integer(params: Params, name: str, default: str = "", most: int = MOST) -> int:
    """Read a whole number from 1 to `most`."""
    text = params.get(name) or default
    if not text:
        raise ParameterRefused("Parameter.Null", name)
    if not _INTEGER.fullmatch(text):
        raise InvalidField(name, "takes a whole number")
    if int(text) < 1:
        raise ParameterRefused("Parameter.Minimum", name, 1)
    if int(text) > most:
        raise ParameterRefused("Parameter.Maximum", name, most)
    return int(text)


def usage(params: Params) -> Usage | None:
    """A usage to filter by, or None."""
    given = params.get("Usage", "")
    if given and given not in USAGES:
        raise ParameterRefused("Parameter.Enumeration", "Usage", f"[{', '.join(USAGES)}]")
    return cast("Usage", given) if given else None


def required_usage(params: Params) -> Usage:
    """The usage of numbers that are added."""
    given = usage(params)
    if given is None:
        raise ParameterRefused("Parameter.Empty", "Usage")
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
    items = required_array(params, name) if params.get(name) else numbered(params, name)
    return tuple(_short(name, text, least=1) for text in items)


def required_array(params: Params, name: str) -> tuple[str, ...]:
    """Read a list that must be there, as a JSON array in one parameter."""
    try:
        return msgspec.json.decode(required(params, name), type=tuple[str, ...])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidField(name, 'takes a JSON array, ["…"]') from None


def required_texts(params: Params, name: str) -> tuple[str, ...]:
    """A list of one or more."""
    if not (items := texts(params, name)):
        raise ParameterRefused("Parameter.Empty", name)
    return items


def numbered(params: Params, name: str, least: int = 1) -> tuple[str, ...]:
    """Read `<name>.1` and on, in the order of their numbers, each of `least` characters or more."""
    prefix = f"{name}."
    rest = {given.removeprefix(prefix): given for given in params if given.startswith(prefix)}
    places = sorted((int(place), rest[place]) for place in rest if _PLACE.fullmatch(place))
    return tuple(_short(given, params[given], least) for _, given in places)


def _short(name: str, text: str, least: int = 0) -> str:
    if not least <= len(text) <= LONGEST:
        raise InvalidField(name, f"takes {least} to {LONGEST} characters")
    if "\0" in text:  # a JSON array can write it
        raise InvalidField(name, "has NUL in it; leave it out")
    return text

"""The three actions that read: parameters and rows in, the reply's `Data` out.

Pure but for the randomness handed in. Rows have ListPhoneNumbers' own shape and are never changed.
Limits and errors are those of the API pages; what they leave open is said where it is decided.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from service.emulator.refusals import Refusal

Row = dict[str, Any]
Params = Mapping[str, str]
Locate = Callable[[str], tuple[str, str]]  # a dialled number's province and city, "" if unknown

USAGES = ("Inbound", "Outbound", "Bidirection")
MAX_PAGE_NUMBER = 100
MAX_PAGE_SIZE = 100

_INTEGER = re.compile(r"-?[0-9]{1,9}")
_FLAGS = {"": None, "true": True, "false": False}


def list_phone_numbers(params: Params, rows: Sequence[Row]) -> dict[str, Any]:
    """Return one page of an instance's numbers, in the order of `rows`.

    Raises:
        Refusal: A parameter is missing or out of its range.
    """
    page = _integer(params, "PageNumber", most=MAX_PAGE_NUMBER)
    size = _integer(params, "PageSize", most=MAX_PAGE_SIZE)
    found = _filtered(params, rows)
    return {
        "PageNumber": page,
        "PageSize": size,
        "TotalCount": len(found),
        "List": found[(page - 1) * size : page * size],
    }


def _filtered(params: Params, rows: Sequence[Row]) -> Sequence[Row]:
    """Apply the filters that are set; an empty one is none, as the API page says.

    Usage is compared as it stands: Outbound does not include Bidirection.
    """
    pattern, wanted, active = params.get("SearchPattern", ""), usage(params), _active(params)
    if not pattern and not wanted and active is None:
        return rows
    return [
        row
        for row in rows
        if pattern in row["Number"]
        and (not wanted or row["Usage"] == wanted)
        and (active is None or row["Active"] == active)
    ]


def pick_outbound_numbers(
    params: Params, rows: Sequence[Row], locate: Locate, randomness: Random
) -> list[dict[str, Any]]:
    """Return up to `Count` pairs of caller and callee, none for an unknown group.

    The callers are of the callee's city first, then of its province, then any, at random among
    equals: what a help page of Alibaba's says of automatic selection. The API page says only
    "an intelligent algorithm".

    Raises:
        Refusal: A parameter is missing, out of its range, or no JSON array.
    """
    called = required(params, "CalledNumber")
    groups = _skill_groups(params)
    count = _integer({"Count": "1", **params}, "Count")
    province, city = locate(called)
    candidates = [row for row in rows if _may_call_out(row, groups)]
    randomness.shuffle(candidates)
    candidates.sort(key=lambda row: (row["City"] != city, row["Province"] != province))
    callee = {"Number": called, "Province": province, "City": city}
    return [{"Callee": callee, "Caller": _place(row)} for row in candidates[:count]]


def get_number_location(params: Params, locate: Locate) -> dict[str, Any]:
    """Return where a number belongs; province and city are empty if that is not known.

    Raises:
        Refusal: The number is missing.
    """
    number = required(params, "Number")
    province, city = locate(number)
    return {"Number": number, "Province": province, "City": city}


def required(params: Params, name: str) -> str:
    """Return a parameter that must be there and must not be empty.

    Raises:
        Refusal: It is not or it is.
    """
    value = params.get(name)
    if not value:
        raise Refusal("Parameter.Empty", name)
    return value


def _may_call_out(row: Row, groups: Collection[str]) -> bool:
    """Return whether a number may be shown for these groups; an agent's own number is in none."""
    return (
        row["Active"]
        and row["Usage"] != "Inbound"
        and not row["UserId"]
        and any(group["SkillGroupId"] in groups for group in row["SkillGroups"])
    )


def _place(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("Number", "Province", "City")}


def _skill_groups(params: Params) -> list[str]:
    text = required(params, "SkillGroupIdList")
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        raise Refusal("InvalidParameter", "SkillGroupIdList") from None


def _integer(params: Params, name: str, *, most: int | None = None) -> int:
    text = params.get(name)
    if not text:
        raise Refusal("Parameter.Null", name)
    if not _INTEGER.fullmatch(text):
        raise Refusal("InvalidParameter", name)
    if int(text) < 1:
        raise Refusal("Parameter.Minimum", name, 1)
    if most is not None and int(text) > most:
        raise Refusal("Parameter.Maximum", name, most)
    return int(text)


def usage(params: Params) -> str:
    """Return the usage, empty if none is given.

    Raises:
        Refusal: It is none of the three.
    """
    given = params.get("Usage", "")
    if given and given not in USAGES:
        raise Refusal("Parameter.Enumeration", "Usage", f"[{', '.join(USAGES)}]")
    return given


def _active(params: Params) -> bool | None:
    """Read a boolean; Python's SDK writes `True`, the API page `true`."""
    text = params.get("Active", "").lower()
    if text not in _FLAGS:
        raise Refusal("InvalidParameter", "Active")
    return _FLAGS[text]

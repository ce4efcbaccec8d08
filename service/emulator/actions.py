"""The three actions that read: parameters and an account in, the reply's `Data` out.

Pure but for the randomness handed in. Rows have ListPhoneNumbers' own shape and are never changed.
Limits and errors are those of the API pages; what they leave open is said where it is decided.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from service.ccc.parameters import Params, active, integer, required, required_array, usage
from service.emulator.faults import Faults, Row

Locate = Callable[[str], tuple[str, str]]  # a dialled number's province and city, "" if unknown

MOST_PICKED = 10**9  # the API page bounds Count by nothing


class Account(msgspec.Struct, frozen=True):
    """The account as one call meets it.

    `rows` are the numbers of the instance that is called, `numbers` those of all instances. `lines`
    holds fields of a number's row in AddBulkPhoneNumbers in place of the usual ones.
    """

    rows: Sequence[Row]
    numbers: Mapping[str, list[Row]]
    lines: Mapping[str, Row]
    faults: Faults
    locate: Locate
    randomness: Random


def list_phone_numbers(params: Params, account: Account) -> dict[str, Any]:
    """Return one page of an instance's numbers, in the order of its rows.

    Raises:
        InvalidField: a parameter is missing or out of its range.
    """
    page = integer(params, "PageNumber")
    size = integer(params, "PageSize")
    matching = account.rows
    if not account.faults.filters_ignored:
        matching = _filtered(params, matching)
    data = {
        "PageNumber": page,
        "PageSize": size,
        "TotalCount": len(matching),
        "List": matching[(page - 1) * size : page * size],
    }
    return {"Data": data}


def _filtered(params: Params, rows: Sequence[Row]) -> Sequence[Row]:
    """Apply the filters that are set; an empty one is none, as the API page says.

    Usage is compared as it stands: Outbound does not include Bidirection.
    """
    pattern, wanted, state = params.get("SearchPattern", ""), usage(params), active(params)
    if not pattern and not wanted and state is None:
        return rows
    return [
        row
        for row in rows
        if pattern in row["Number"]
        and (not wanted or row["Usage"] == wanted)
        and (state is None or row["Active"] == state)
    ]


def pick_outbound_numbers(params: Params, account: Account) -> dict[str, Any]:
    """Return up to `Count` pairs of caller and callee, none for an unknown group.

    The callers are of the callee's city first, then of its province, then any, at random among
    equals: what a help page of Alibaba's says of automatic selection. The API page says only
    "an intelligent algorithm".

    Raises:
        InvalidField: a parameter is missing, out of its range, or no JSON array.
    """
    called = required(params, "CalledNumber")
    groups = required_array(params, "SkillGroupIdList")
    count = integer(params, "Count", default="1", most=MOST_PICKED)
    province, city = account.locate(called)
    candidates = [row for row in account.rows if _may_call_out(row, groups)]
    account.randomness.shuffle(candidates)
    candidates.sort(key=lambda row: (row["City"] != city, row["Province"] != province))
    callee = {"Number": called, "Province": province, "City": city}
    return {"Data": [{"Callee": callee, "Caller": _place(row)} for row in candidates[:count]]}


def get_number_location(params: Params, account: Account) -> dict[str, Any]:
    """Return where a number belongs; province and city are empty if that is not known.

    Raises:
        Refusal: The number is missing.
    """
    number = required(params, "Number")
    province, city = account.locate(number)
    return {"Data": {"Number": number, "Province": province, "City": city}}


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

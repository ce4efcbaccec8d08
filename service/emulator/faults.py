"""The emulator's fault switches, and what they do to an answer.

Each switch is one way in which CCC, its gateway or the network between has failed somebody, or
differs between two versions of its documents. The descriptions are what `--help` shows.
"""

from typing import Annotated, Any, Literal

import msgspec

from service.logs import mask

Row = dict[str, Any]

_STRANGER = {"Number": "02155599999", "Province": "上海", "City": "上海"}  # not in the sample
_NUMERIC = frozenset({"Number", "CreateTime"})


def _about(text: str, **limits: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **limits)


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """The fault switches; all are off by default and may be changed while the emulator runs."""

    hang_seconds: Annotated[float, _about("wait so long before each answer", ge=0)] = 0.0
    drop_connection: Annotated[bool, _about("close the connection without an answer")] = False
    server_error: Annotated[Literal[0, 500, 503], _about("answer every call with 500 or 503")] = 0
    throttle_every: Annotated[int, _about("throttle every nth call (1: all, 0: none)", ge=0)] = 0
    retry_after_ms: Annotated[int, _about("add x-acs-retry-after to a throttled answer", ge=0)] = 0
    forbidden: Annotated[bool, _about("let RAM deny every call")] = False
    denied_actions: Annotated[str, _about("let RAM deny these actions (A,B)")] = ""
    lost_answers: Annotated[str, _about("do these actions and lose the answer (A,B)")] = ""
    numbers_failing: Annotated[str, _about("numbers that cannot be added (A,B)")] = ""
    numbers_in_use: Annotated[str, _about("numbers that are somebody else's (A,B)")] = ""
    numbers_in_arrears: Annotated[str, _about("numbers that are in arrears (A,B)")] = ""
    code_not_ok: Annotated[bool, _about("answer 200 with another Code than OK")] = False
    missing_data: Annotated[bool, _about("leave out Data")] = False
    missing_list: Annotated[bool, _about("leave out Data.List")] = False
    short_pages: Annotated[bool, _about("put only half of a page's numbers in it")] = False
    shifting_pages: Annotated[bool, _about("order each page anew: rows repeat, others miss")] = (
        False
    )
    mask_every: Annotated[int, _about("mask the number of every nth row (0: none)", ge=0)] = 0
    total_off_by: Annotated[int, _about("tell so many numbers more, or less, in TotalCount")] = 0
    filters_ignored: Annotated[bool, _about("list all numbers, whatever the filters")] = False
    all_inactive: Annotated[bool, _about("list every number as not active")] = False
    single_objects: Annotated[bool, _about("write a list of one as the object alone")] = False
    unquoted_numbers: Annotated[bool, _about("write numbers as integers, leading 0 lost")] = False
    strangers: Annotated[bool, _about("pick a number that is not in the inventory")] = False
    garbage: Annotated[bool, _about("answer with a web page instead of JSON")] = False
    empty_body: Annotated[bool, _about("answer without a body")] = False
    endless: Annotated[bool, _about("begin an answer and never end it")] = False
    truncated: Annotated[bool, _about("close the connection in the middle of the answer")] = False


def named(listed: str) -> frozenset[str]:
    """Return what a switch names, with commas between."""
    return frozenset(filter(None, listed.split(",")))


def distort(reply: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """Return a reply as the switches would have it; the reply itself is left alone."""
    if faults.code_not_ok:
        return {**reply, "Code": "InternalError", "Data": None}
    if faults.missing_data:
        return {name: value for name, value in reply.items() if name != "Data"}
    if "Data" in reply:
        reply = {**reply, "Data": _distort_data(reply["Data"], faults)}
    if faults.single_objects:
        reply = _single_objects(reply)
    if faults.unquoted_numbers:
        reply = _unquoted_numbers(reply)
    return reply


def _distort_data(data: Any, faults: Faults) -> Any:
    """Distort what one action alone answers: a page's `List`, or a pick's pairs, a bare list.

    Numbers that could not be added come as a tuple.
    """
    if isinstance(data, list) and faults.strangers:
        return [{**pair, "Caller": _STRANGER} for pair in data or [{"Callee": _STRANGER}]]
    if "List" in data and faults.missing_list:
        return {name: value for name, value in data.items() if name != "List"}
    if "List" in data:
        return _distort_page(data, faults)
    return data


def _distort_page(page: Row, faults: Faults) -> Row:
    rows = page["List"]
    if faults.short_pages:
        rows = rows[: len(rows) // 2]
    if faults.all_inactive:
        rows = [{**row, "Active": False} for row in rows]
    if faults.mask_every:
        rows = [
            row if at % faults.mask_every else {**row, "Number": mask(row["Number"])}
            for at, row in enumerate(rows, 1)
        ]
    return {**page, "TotalCount": page["TotalCount"] + faults.total_off_by, "List": rows}


def _single_objects(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _single_objects(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        inner = [_single_objects(item) for item in value]
        return inner[0] if len(inner) == 1 else inner
    return value


def _unquoted_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: int(inner) if name in _NUMERIC and inner.isdecimal() else _unquoted_numbers(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_unquoted_numbers(item) for item in value]
    return value

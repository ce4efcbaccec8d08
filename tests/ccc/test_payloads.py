"""Every shape that the documents or the wire have shown, and what becomes of it."""

from typing import Any

import msgspec
import orjson
import pytest

from service.ccc.payloads import (
    NOWHERE,
    NumberPair,
    PickedNumber,
    number_location,
    number_page,
    number_pairs,
)
from service.ccc.replies import CccReply
from service.errors import CccMalformed
from service.inventory import PhoneNumber

CALLER = {"Number": "01089898989", "Province": "北京", "City": "北京"}
CALLEE = {"Number": "13888888888", "Province": "云南", "City": "昆明"}
PLACED_CALLER = PickedNumber("01089898989", "北京", "北京")
PAIR = NumberPair(PLACED_CALLER, PickedNumber("13888888888", "云南", "昆明"))
MISSING = object()


def reply(data: Any) -> CccReply:
    whole = {"Code": "OK", "RequestId": "R-1"} | ({} if data is MISSING else {"Data": data})
    return msgspec.json.decode(orjson.dumps(whole), type=CccReply)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "Active": True,
        "City": "乐山",
        "ContactFlowId": "a3fb",
        "CreateTime": "1617958538000",
        "Number": "08330011000",
        "Provider": "alicom",
        "Province": "四川",
        "SkillGroups": [{"SkillGroupId": "skillgroup@ccc-test", "Name": "skillgroup"}],
        "Tags": "M1",
        "Usage": "Bidirection",
        "UserId": "agent@ccc-test",
    } | changes


def page(*rows: Any, **changes: Any) -> dict[str, Any]:
    return {"PageNumber": 1, "PageSize": 20, "TotalCount": len(rows), "List": [*rows]} | changes


def listed(**changes: Any) -> PhoneNumber:
    (number,) = number_page(reply(page(row(**changes)))).numbers
    return number


def test_a_row_as_documented_is_read_whole() -> None:
    assert listed() == PhoneNumber(
        number="08330011000",
        province="四川",
        city="乐山",
        usage="Bidirection",
        active=True,
        skill_group_ids=("skillgroup@ccc-test",),
        agent_id="agent@ccc-test",
        tags=("M1",),
        provider="alicom",
    )


@pytest.mark.parametrize(
    "data",
    [
        page(row(CreateTime=1617958538000)),
        page(List=row(), TotalCount=1),
        [page(row())],
        page(row(), TotalCount="1", PageNumber="1", PageSize="20"),
        page(row(SkillGroups={"SkillGroupId": "skillgroup@ccc-test"})),
        page(row(SkillGroups=[None, {"SkillGroupId": "skillgroup@ccc-test"}])),
        page(row(Active="true", Unknown={"new": [1]})),
        page(row(Active="True", Number=8330011000)),
        page(row(Active=1, Tags=["M1"])),
    ],
)
def test_every_known_shape_of_a_page_means_the_same(data: Any) -> None:
    read, plain = number_page(reply(data)), number_page(reply(page(row())))
    assert msgspec.structs.replace(read, digest=plain.digest) == plain


def test_a_row_of_nulls_is_a_number_and_nothing_else() -> None:
    names = ("City", "Province", "Usage", "Active", "SkillGroups", "UserId", "Tags", "Provider")
    bare = PhoneNumber(
        number="08330011000",
        province="",
        city="",
        usage="",
        active=False,
        skill_group_ids=(),
        agent_id="",
        tags=(),
        provider="",
    )
    assert listed(**dict.fromkeys(names)) == bare
    (number,) = number_page(reply(page({"Number": "08330011000"}))).numbers
    assert number == bare


@pytest.mark.parametrize("active", [False, "false", "False", 0, None], ids=repr)
def test_a_number_is_active_only_where_the_row_says_so(active: Any) -> None:
    assert not listed(Active=active).active


@pytest.mark.parametrize(
    ("tags", "read"),
    [
        ("M1,M2", ("M1", "M2")),
        ("M1， M2 ,", ("M1", "M2")),
        ('["M1", "M2"]', ("M1", "M2")),
        ("[M1", ("[M1",)),
        (["M1", None, 2], ("M1", "2")),
        (7, ("7",)),
        ("", ()),
        ([], ()),
    ],
)
def test_tags_are_read_from_text_and_lists(tags: Any, read: tuple[str, ...]) -> None:
    assert listed(Tags=tags).tags == read


@pytest.mark.parametrize(
    ("number", "restored"),
    [(1089898989, "01089898989"), (13888888888, "13888888888"), ("+8613888888888", "13888888888")],
)
def test_a_number_that_lost_its_zero_gets_it_back(number: Any, restored: str) -> None:
    assert listed(Number=number).number == restored


@pytest.mark.parametrize("nothing", [[], None])
def test_an_empty_instance_has_an_empty_page(nothing: Any) -> None:
    assert not number_page(reply(page(List=nothing))).numbers


def test_a_page_that_does_not_say_which_it_is_is_page_zero() -> None:
    found = number_page(reply({"TotalCount": 0, "List": []}))
    assert (found.page_number, found.page_size) == (0, 0)


@pytest.mark.parametrize(
    "data",
    [
        MISSING,
        None,
        [],
        [page(), page()],
        [row()],
        "无",
        7,
        {},
        {"TotalCount": 1},
        {"List": []},
        page(row(), List=None, TotalCount=1),
        page(row(), TotalCount=None),
        page(row(), TotalCount="many"),
        page(row(), TotalCount=-1),
        page(row(), List="08330011000"),
        page(row(), List=7),
    ],
)
def test_a_page_without_its_promised_parts_is_malformed(data: Any) -> None:
    with pytest.raises(CccMalformed, match="R-1"):
        number_page(reply(data))


def test_no_list_at_all_is_no_row_on_a_page_beyond_the_last() -> None:
    beyond = page(List=None, PageNumber=3, PageSize=100, TotalCount=200)
    assert not number_page(reply(beyond)).numbers
    with pytest.raises(CccMalformed):
        number_page(reply(beyond | {"PageNumber": 2}))


@pytest.mark.parametrize(
    "data",
    [
        [{"Caller": CALLER, "Callee": CALLEE}],
        {"Caller": CALLER, "Callee": CALLEE},
        [{"Caller": CALLER | {"Number": 1089898989}, "Callee": CALLEE | {"Number": 13888888888}}],
        [None, {"Caller": CALLER, "Callee": CALLEE}],
    ],
)
def test_every_known_shape_of_a_pick_means_the_same(data: Any) -> None:
    assert number_pairs(reply(data)) == (PAIR,)


def test_a_pick_may_leave_the_callee_out() -> None:
    assert number_pairs(reply([{"Caller": CALLER}])) == (NumberPair(PLACED_CALLER, NOWHERE),)


@pytest.mark.parametrize(
    "data", [MISSING, None, [], [None], {}, [{"Caller": None, "Callee": CALLEE}], [{"Caller": {}}]]
)
def test_a_pick_without_a_caller_picked_nothing(data: Any) -> None:
    assert number_pairs(reply(data)) == ()


@pytest.mark.parametrize("data", ["01089898989", 7, [7], [{"Caller": {"Number": "0108989****"}}]])
def test_a_pick_of_garbage_is_malformed(data: Any) -> None:
    with pytest.raises(CccMalformed):
        number_pairs(reply(data))


@pytest.mark.parametrize("data", [CALLEE, [CALLEE], CALLEE | {"Number": 13888888888}])
def test_a_location_is_one_place(data: Any) -> None:
    assert number_location(reply(data)) == PAIR.callee


def test_a_location_may_be_unknown() -> None:
    data = {"Number": "17200000000", "Province": None, "City": ""}
    assert number_location(reply(data)) == PickedNumber("17200000000", "", "")


@pytest.mark.parametrize("data", [MISSING, None, [], [CALLEE, CALLEE], "云南"])
def test_anything_but_one_place_is_malformed(data: Any) -> None:
    with pytest.raises(CccMalformed):
        number_location(reply(data))


def test_what_is_malformed_is_told_in_a_line_however_long_its_request_id_is() -> None:
    with pytest.raises(CccMalformed) as caught:
        number_page(CccReply(code="OK", request_id="R" * 10**6))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("data", [b'{"TotalCount": "\xff", "List": []}', b"[" * 5000])
def test_bytes_that_are_no_text_and_bottomless_nesting_are_malformed(data: bytes) -> None:
    with pytest.raises(CccMalformed):
        number_page(CccReply(code="OK", data=msgspec.Raw(data)))

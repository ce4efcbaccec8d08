"""Odd rows of ListPhoneNumbers: which are set aside, why, and which are read all the same."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.ccc.payloads import AS_LISTED, number_page
from service.ccc.replies import CccReply
from service.errors import CccMalformed
from service.inventory import PhoneNumber, UnreadableRow
from tests.ccc.test_payloads import listed, page, reply, row


def aside(sent: Any) -> tuple[str, str]:
    """The number and the reason of a row that is set aside, one of three on its page."""
    read = number_page(reply(page(row(), sent, row(Number="08330011001"))))
    assert [number.number for number in read.numbers] == ["08330011000", "08330011001"]
    (unreadable,) = read.unreadable
    return unreadable.number, unreadable.reason


@pytest.mark.parametrize(
    ("number", "shown", "reason"),
    [
        ("138****8888", "138****8888", "Number is masked"),
        ("08330011****", "08330011****", "Number is masked"),
        ("1381234567*", "13****4567", "Number is masked"),
        ("0100xxxx008", "****008", "Number is masked"),
        ("", "", "Number is missing"),
        ("  ", "", "Number is missing"),
        (None, "", "Number is missing"),
        ([1], "", "Number cannot be read"),
        ({}, "", "Number cannot be read"),
        (True, "", "Number cannot be read"),
        (1.5, "", "Number cannot be read"),
        ("x", "x", "Number is no number"),
        ("tel:13888888888", "138****8888", "Number is no number"),
        ("１３８８８８８８８８８", "１３８****８８８８", "Number is no number"),
        ("13888888888\u200b", "138****8888", "Number is no number"),
        ("13888888888,13888888889", "138****8888", "Number is no number"),
        (12, "12", "Number is no number"),
        (-13888888888, "138****8888", "Number is no number"),
        ("110", "110", "Number is no number"),
        ("8989", "8989", "Number is no number"),
        ("+8612110", "+****110", "Number is no number"),
        ("00000000000", "000****0000", "Number is no number"),
        ("1" * 21, "111****1111", "Number is no number"),
    ],
)
def test_a_row_without_a_usable_number_is_set_aside_and_named_masked(
    number: Any, shown: str, reason: str
) -> None:
    assert aside(row(Number=number)) == (shown, reason)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Active", "perhaps"),
        ("Active", 2),
        ("Active", []),
        ("Usage", 7),
        ("Usage", ["Outbound"]),
        ("UserId", {"Id": "agent@ccc-test"}),
        ("UserId", True),
        ("SkillGroups", "skillgroup@ccc-test"),
        ("SkillGroups", 7),
        ("SkillGroups", ["skillgroup@ccc-test"]),
        ("SkillGroups", [{"SkillGroupId": ["skillgroup@ccc-test"]}, 7]),
        ("SkillGroups", {"SkillGroupId": False}),
    ],
)
def test_a_row_that_does_not_say_for_sure_who_may_show_it_is_set_aside(
    field: str, value: Any
) -> None:
    assert aside(row(**{field: value})) == ("083****1000", f"{field} cannot be read")


@pytest.mark.parametrize("sent", [None, [], [row()], "08330011000", 8330011000, True, 1.5])
def test_a_row_that_is_no_object_is_set_aside(sent: Any) -> None:
    assert aside(sent) == ("", "the row is no object")


@pytest.mark.parametrize(
    "sent",
    [b'{"Number": "083\xff"}', b'{"Number": 1e999}', b'{"Number": 1%s}' % (b"0" * 5000)],
)
def test_a_row_of_bytes_that_nobody_can_read_is_set_aside(sent: bytes) -> None:
    data = b'{"TotalCount": 2, "List": [%s, {"Number": "08330011000"}]}' % sent
    read = number_page(CccReply(code="OK", data=msgspec.Raw(data)))
    assert len(read.numbers) == 1
    assert [each.reason for each in read.unreadable] == ["the row is no JSON that can be read"]


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"Province": 510000}, {"province": ""}),
        ({"City": ["乐山"], "Province": {}}, {"province": "", "city": ""}),
        ({"Provider": ["alicom"]}, {"provider": ""}),
        ({"Tags": {"M1": True}}, {"tags": ()}),
        ({"Tags": [["M1"]]}, {"tags": ()}),
        ({"Tags": "[" * 5000}, {"tags": ("[" * 5000,)}),
        ({"CreateTime": "2026-11-28T13:19:00Z", "Trunks": "many"}, {}),
        ({"CreateTime": {}, "ContactFlowName": 7, "InstanceId": None}, {}),
        ({"SkillGroups": [{"SkillGroupId": "skillgroup@ccc-test"}, "other@ccc-test", 7]}, {}),
        ({"SkillGroups": [{"Name": "nameless"}]}, {"skill_group_ids": ()}),
        ({"SkillGroups": "", "Province": 7}, {"skill_group_ids": (), "province": ""}),
        ({"Active": ""}, {"active": False}),
        ({"UserId": 17}, {"agent_id": "17"}),
    ],
)
def test_a_row_lives_without_what_does_not_decide(
    changes: dict[str, Any], read: dict[str, Any]
) -> None:
    assert listed(**changes) == msgspec.structs.replace(listed(), **read)


@pytest.mark.parametrize(
    "number",
    [
        "1064899123456",
        "10086",
        "95013",
        "9501312345678",
        "123456",
        "138888888880",
        "0064123",
        "+85212",
        "861064899123456",
        "57123456789012345678",
    ],
)
def test_a_number_of_a_form_that_nobody_knows_is_what_ccc_lists(number: str) -> None:
    assert listed(Number=number).number == number


def test_rows_that_look_alike_are_told_apart_by_all_that_they_hold() -> None:
    rows = [row(Number="138****8888", CreateTime=str(at)) for at in (1, 2, 2)]
    first, second, third = number_page(reply(page(*rows))).unreadable
    assert first != second == third


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text("0123456789+-* ", max_size=24),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = (*row(), "Unheard of")
ROWS = st.dictionaries(st.sampled_from(FIELDS), ANY_JSON) | ANY_JSON


@pytest.mark.no_cover  # thousands of steps
@settings(max_examples=400)
@given(st.lists(ROWS, max_size=6), st.integers(-2, 6) | ANY_JSON)
@example([], 0)
def test_whatever_the_rows_are_each_is_listed_or_set_aside_and_none_is_made_up(
    rows: list[Any], total: Any
) -> None:
    data = {"TotalCount": total, "List": rows}
    sent = json.dumps(data, ensure_ascii=True).encode()
    try:
        read = number_page(CccReply(code="OK", data=msgspec.Raw(sent)))
    except CccMalformed:
        assert not isinstance(total, int) or total < 0 or total >= 2**63 or isinstance(total, bool)
        return
    assert len(read.numbers) + len(read.unreadable) == len(rows)
    said = [_digits(sent.get("Number")) for sent in rows if isinstance(sent, dict)]
    for number in read.numbers:
        assert any(digits.endswith(_digits(number.number).lstrip("0")) for digits in said)


def _digits(number: Any) -> str:
    whole = str(int(number) if isinstance(number, float) else number)
    return "".join(char for char in whole if char in "0123456789")


@given(st.binary(max_size=80))
def test_no_bytes_make_a_row_raise(sent: bytes) -> None:
    assert isinstance(AS_LISTED.read(msgspec.Raw(sent)), PhoneNumber | UnreadableRow)

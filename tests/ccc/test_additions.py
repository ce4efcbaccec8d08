"""Every shape in which the two Add actions may answer, and what becomes of it."""

from typing import Any

import msgspec
import orjson
import pytest

from service.ccc.additions import AdditionAnswer, NumberDetails, addition_answer, bulk_answer
from service.ccc.replies import CccReply
from service.errors import CccMalformed
from service.inventory import Details

ASKED = ("01086394552", "02160664656", "13800138000")
MISSING = object()
NONE = AdditionAnswer((), (), (), ())


def reply(**fields: Any) -> CccReply:
    given = {name: value for name, value in fields.items() if value is not MISSING}
    whole = {"Code": "OK", "RequestId": "R-1"} | given
    return msgspec.json.decode(orjson.dumps(whole), type=CccReply)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "PhoneNumberId": "cc583e96",
        "Trunks": 30,
        "ContactFlow": {"ContactFlowId": "2932"},
        "AllowOutbound": True,
        "Number": "02160664656",
        "SkillGroups": {"SkillGroup": [{"SkillGroupId": "3f3c"}]},
        "TestOnly": False,
        "Usage": "Bidirection",
        "RemainingTime": 60,
    } | changes


@pytest.mark.parametrize(
    "data", [MISSING, None, [], {}, "", "无", ["无"], [None], "[]"], ids=lambda data: repr(data)[:9]
)
def test_no_failure_has_many_shapes(data: Any) -> None:
    assert addition_answer(ASKED, reply(Data=data)).failed == ()


@pytest.mark.parametrize(
    "data",
    [
        ["01086394552", "13800138000"],
        [1086394552, 13800138000],
        ["+86 010-8639 4552", "13800138000", "13800138000"],
        "01086394552,13800138000",
        "01086394552，13800138000",
        '["01086394552", 13800138000]',
    ],
)
def test_failures_are_read_from_lists_and_text(data: Any) -> None:
    assert addition_answer(ASKED, reply(Data=data)).failed == ("01086394552", "13800138000")


@pytest.mark.parametrize("data", ["01086394552", ["01086394552"], 1086394552])
def test_one_failure_may_stand_alone(data: Any) -> None:
    assert addition_answer(ASKED, reply(Data=data)).failed == ("01086394552",)


@pytest.mark.parametrize(
    "data",
    [
        ["0108639****"],
        ["yes"],
        [["01086394552"]],
        [{"Number": "01086394552"}],
        {"Number": "01086394552"},
        [True],
        ["01055500009"],
    ],
)
def test_a_failure_that_cannot_be_matched_condemns_the_answer(data: Any) -> None:
    with pytest.raises(CccMalformed, match="R-1") as caught:
        addition_answer(ASKED, reply(Data=data))
    assert "01055500009" not in str(caught.value)


def test_a_bulk_answer_as_documented_is_read_whole() -> None:
    answer = bulk_answer(
        ASKED,
        reply(
            Success=True,
            FailedPhoneNumbers={"FailedPhoneNumber": ["01086394552"]},
            UserdPhoneNumbers={"UserdPhoneNumber": ["13800138000"]},
            ArrearagePhoneNumbers={"ArrearagePhoneNumber": []},
            PhoneNumbers={"PhoneNumber": [row()]},
        ),
    )
    assert answer == AdditionAnswer(
        failed=("01086394552",),
        in_use=("13800138000",),
        in_arrears=(),
        details=(
            NumberDetails("02160664656", Details(30, test_only=False, remaining_time=60), row()),
        ),
    )


@pytest.mark.parametrize("holder", [MISSING, None, "", "无", [], {}, {"ArrearagePhoneNumber": []}])
def test_an_empty_holder_has_many_shapes(holder: Any) -> None:
    assert bulk_answer(ASKED, reply(ArrearagePhoneNumbers=holder, Success="true")) == NONE


@pytest.mark.parametrize(
    "holder",
    [
        {"ArrearagePhoneNumber": ["02160664656"]},
        {"ArrearagePhoneNumber": "02160664656"},
        {"ArrearagePhoneNumber": 2160664656},
        ["02160664656"],
        "02160664656",
    ],
)
def test_numbers_in_arrears_are_read_with_and_without_their_holder(holder: Any) -> None:
    answer = bulk_answer(ASKED, reply(ArrearagePhoneNumbers=holder))
    assert answer.in_arrears == ("02160664656",)


@pytest.mark.parametrize(
    "holder",
    [
        {"PhoneNumber": [row()]},
        {"PhoneNumber": row()},
        [row()],
        {
            "PhoneNumber": [
                row(Trunks="30", Number=2160664656, RemainingTime="60", TestOnly="false")
            ]
        },
        {"PhoneNumber": [row(Number="0216066****"), row(Trunks="many"), row()]},
    ],
)
def test_rows_are_read_liberally_and_unreadable_ones_left_out(holder: Any) -> None:
    (read,) = bulk_answer(ASKED, reply(PhoneNumbers=holder)).details
    assert read.number == "02160664656"
    assert read.details == Details(30, test_only=False, remaining_time=60, allow_outbound=True)


def test_a_row_that_says_nothing_of_its_line_forbids_nothing() -> None:
    (read,) = bulk_answer(ASKED, reply(PhoneNumbers=[{"Number": "02160664656"}])).details
    assert read.details == Details(0, test_only=False, remaining_time=0, allow_outbound=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"Success": False},
        {"Success": "False"},
        {"FailedPhoneNumbers": {"FailedPhoneNumber": ["0216066****"]}},
        {"UserdPhoneNumbers": {"Numbers": ["02160664656"]}},
        {"ArrearagePhoneNumbers": {"ArrearagePhoneNumber": ["01055500009"]}},
    ],
)
def test_a_bulk_answer_that_cannot_be_believed_is_malformed(fields: dict[str, Any]) -> None:
    with pytest.raises(CccMalformed):
        bulk_answer(ASKED, reply(**fields))

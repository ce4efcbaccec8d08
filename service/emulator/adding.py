"""The two actions that add numbers to the emulated account, and their answers.

As the API pages have it: AddPhoneNumbers of 2020-07-01 lists what failed, AddBulkPhoneNumbers of
2017-07-05 tells failures, numbers in use and numbers in arrears apart and then lists all numbers of
the instance. What the pages leave open is decided here: a number that any instance has is in use, a
400 number for another usage than Inbound fails by itself, and so does what is no number.
"""

import hashlib
from collections.abc import Sequence

from service.ccc.parameters import (
    ParameterRefused,
    Params,
    numbered,
    required_array,
    required_usage,
)
from service.emulator.actions import Account
from service.emulator.faults import Row, named
from service.emulator.sample import phone_number, skill_groups
from service.locality import canonical_number

# What Alibaba's voice service grants a number by default.
TRUNKS_OF_MOBILE, TRUNKS_OF_LANDLINE = 3, 15


def add_phone_numbers(params: Params, account: Account) -> Row:
    """Add `NumberList`; `Data` has the numbers that failed, for whatever reason.

    A number is in no skill group then.

    Raises:
        InvalidField: a parameter is missing or not what it should be.
    """
    failed, in_use, in_arrears = _add(params, account, required_array(params, "NumberList"), ())
    return {"Data": (*failed, *in_use, *in_arrears)}


def add_bulk_phone_numbers(params: Params, account: Account) -> Row:
    """Add `PhoneNumber.N` to the groups `SkillGroupId.N`; returns the fields beside `Code`.

    Raises:
        InvalidField: a parameter is missing or not what it should be.
    """
    numbers = numbered(params, "PhoneNumber", least=0)
    if not numbers:
        raise ParameterRefused("Parameter.Empty", "PhoneNumber")
    groups = numbered(params, "SkillGroupId", least=0)
    failed, in_use, in_arrears = _add(params, account, numbers, groups)
    rows = [_bulk_row(row, account) for row in account.numbers[params["InstanceId"]]]
    return {
        "Success": True,
        "FailedPhoneNumbers": {"FailedPhoneNumber": failed},
        "UserdPhoneNumbers": {"UserdPhoneNumber": in_use},
        "ArrearagePhoneNumbers": {"ArrearagePhoneNumber": in_arrears},
        "PhoneNumbers": {"PhoneNumber": rows},
    }


def _add(
    params: Params, account: Account, numbers: Sequence[str], groups: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """Add numbers; return those that failed, that are in use, and that are in arrears."""
    wanted, faults = required_usage(params), account.faults
    failed, in_use, in_arrears = list[str](), list[str](), list[str]()
    taken = {row["Number"] for rows in account.numbers.values() for row in rows}
    for number in numbers:
        if number in taken | named(faults.numbers_in_use):
            in_use.append(number)
        elif number in named(faults.numbers_in_arrears):
            in_arrears.append(number)
        elif number in named(faults.numbers_failing) or not _fits(number, wanted):
            failed.append(number)
        else:
            taken.add(number)
            row = _row(params, account, number, groups)
            account.numbers[params["InstanceId"]].append(row)
    return failed, in_use, in_arrears


def _fits(number: str, wanted: str) -> bool:
    try:
        canonical_number(number)
    except ValueError:
        return False
    return wanted == "Inbound" or not number.startswith("400")


def _row(params: Params, account: Account, number: str, groups: Sequence[str]) -> Row:
    province, city = account.locate(number)
    return phone_number(
        Number=number,
        Province=province,
        City=city,
        Usage=params["Usage"],
        ContactFlowId=params.get("ContactFlowId", ""),
        InstanceId=params["InstanceId"],
        SkillGroups=skill_groups(*groups),
    )


def _bulk_row(row: Row, account: Account) -> Row:
    number = row["Number"]
    return {
        "PhoneNumberId": hashlib.blake2b(number.encode(), digest_size=8).hexdigest(),
        "Trunks": TRUNKS_OF_MOBILE if number.startswith("1") else TRUNKS_OF_LANDLINE,
        "ContactFlow": {"ContactFlowId": row["ContactFlowId"], "InstanceId": row["InstanceId"]},
        "AllowOutbound": row["Usage"] != "Inbound",
        "Number": number,
        "SkillGroups": {
            "SkillGroup": [
                {"SkillGroupId": group["SkillGroupId"], "SkillGroupName": group["DisplayName"]}
                for group in row["SkillGroups"]
            ]
        },
        "InstanceId": row["InstanceId"],
        "TestOnly": False,
        "PhoneNumberDescription": "",
        "Usage": row["Usage"],
        "RemainingTime": 0,
        **account.lines.get(number, {}),
    }

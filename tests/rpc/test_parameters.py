"""Every parameter of every action: missing, empty, of a wrong type, out of range, too long, twice.

What is not in the tables below is refused by none of these, and says so there.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest

from service.api.rpc.call import MAX_FIELDS
from tests.http.http_fixtures import FORM, Answer, Service, ask
from tests.rpc.rpc_fixtures import ACTIONS, PARAMS, VERSIONS

TOKEN = {"Authorization": "Bearer operator"}
LONG = "1" * 300

# What each parameter answers to each kind of wrong value; None: it is taken.
Wrong = dict[str, str | None]

ID: Wrong = {
    "missing": "Parameter.Empty",
    "empty": "Parameter.Empty",
    "wrong type": "NotExists.InstanceId",
    "too long": "NotExists.InstanceId",
}
PLACE: Wrong = {
    "missing": "Parameter.Null",
    "empty": "Parameter.Null",
    "wrong type": "InvalidParameter",
    "too small": "Parameter.Minimum",
    "too large": "Parameter.Maximum",
    "too long": "InvalidParameter",
}
USAGE: Wrong = {
    "missing": "Parameter.Empty",
    "empty": "Parameter.Empty",
    "wrong type": "Parameter.Enumeration",
    "too long": "Parameter.Enumeration",
}
TEXT: Wrong = {"missing": None, "empty": None, "wrong type": None, "too long": "InvalidParameter"}
LIST: Wrong = {
    "missing": "Parameter.Empty",
    "empty": "Parameter.Empty",
    "wrong type": "InvalidParameter",
    "too long": "InvalidParameter",
}
NUMBERED: Wrong = {
    "missing": None,  # of several
    "empty": "InvalidParameter",
    "wrong type": None,  # of a number, CCC is the judge
    "too long": "InvalidParameter",
}

TABLE: dict[str, dict[str, Wrong]] = {
    "PickOutboundNumbers": {
        "InstanceId": ID,
        "CalledNumber": {"missing": "Parameter.Empty", "empty": "Parameter.Empty"},  # the picker's
        "SkillGroupIdList": LIST,
        "Count": PLACE | {"missing": None, "empty": None},
    },
    "ListPhoneNumbers": {
        "InstanceId": ID,
        "PageNumber": PLACE,
        "PageSize": PLACE,
        "SearchPattern": TEXT,
        "Usage": USAGE | {"missing": None, "empty": None},
        "Active": {
            "missing": None,
            "empty": None,
            "wrong type": "InvalidParameter",
            "too long": "InvalidParameter",
        },
    },
    "AddPhoneNumbers": {
        "InstanceId": ID,
        "Usage": USAGE,
        "NumberList": LIST,
        "ContactFlowId": TEXT,
        "NumberGroupId": TEXT,
    },
    "AddBulkPhoneNumbers": {
        "InstanceId": ID,
        "Usage": USAGE,
        "PhoneNumber.1": NUMBERED,
        "SkillGroupId.1": NUMBERED,
        "ContactFlowId": TEXT,
    },
}
VALUES = {
    "empty": "",
    "wrong type": "{perhaps}",
    "too small": "0",
    "too large": "101",
    "too long": LONG,
}


def cases() -> Iterator[tuple[str, str, str, str | None]]:
    for action, params in TABLE.items():
        for name, wrong in params.items():
            for kind, code in wrong.items():
                yield action, name, kind, code


async def asked(service: Service, action: str, params: dict[str, str], more: str = "") -> Answer:
    version = VERSIONS.get(action, "2020-07-01")
    system = {"Action": action, "Version": version, "Format": "JSON"}
    query = urlencode(system | params)
    return await ask(service, "GET", f"/?{query}{more}", None, **TOKEN)


def untouched(service: Service) -> bool:
    return not service.picker.asked and not service.provisioner.asked


@pytest.mark.parametrize(("action", "name", "kind", "code"), list(cases()))
async def test_a_wrong_parameter_has_its_error_and_changes_nothing(
    door: Service, action: str, name: str, kind: str, code: str | None
) -> None:
    params = {given: value for given, value in PARAMS[action].items() if given != name}
    if kind != "missing":
        params[name] = VALUES[kind]
    answer = await asked(door, action, params)
    assert answer.json["Code"] == (code or "OK")
    assert answer.status == (200 if code is None else 404 if code.startswith("Not") else 400)
    if code is not None:
        assert untouched(door)
        assert name in answer.json["Message"] or code.startswith("Not")
        assert LONG not in answer.json["Message"]


def test_every_parameter_of_every_action_is_in_the_table() -> None:
    assert set(TABLE) == set(ACTIONS)
    for action in ACTIONS:
        by_number = {name for name in PARAMS[action] if name[-1] in "234"}
        assert set(PARAMS[action]) - by_number <= set(TABLE[action])


@pytest.mark.parametrize(
    ("action", "name"), [(action, name) for action in TABLE for name in TABLE[action]]
)
async def test_a_parameter_given_twice_is_refused(door: Service, action: str, name: str) -> None:
    value = PARAMS[action].get(name, "")
    params = PARAMS[action] | {name: value}
    answer = await asked(door, action, params, f"&{quote_plus(name)}={quote_plus(value)}")
    assert (answer.status, answer.json["Code"]) == (400, "InvalidParameter")
    assert name in answer.json["Message"]
    assert untouched(door)


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_parameter_in_query_and_form_is_there_twice(door: Service, action: str) -> None:
    system = {"Action": action, "Version": VERSIONS.get(action, "2020-07-01"), "Format": "JSON"}
    query = urlencode(system | PARAMS[action])
    answer = await ask(
        door, "POST", f"/?{query}", b"InstanceId=ccc-test", Content_Type=FORM, **TOKEN
    )
    assert answer.json["Code"] == "InvalidParameter"
    assert "InstanceId" in answer.json["Message"]
    assert untouched(door)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "Parameter.Empty"),
        ("[1]", "InvalidParameter"),
        ("[null]", "InvalidParameter"),
        ('[""]', "InvalidParameter"),
        (f'["{LONG}"]', "InvalidParameter"),
        ('["\\u0000"]', "InvalidParameter"),
        ('["\\ud800"]', "InvalidParameter"),
        ('"01055510001"', "InvalidParameter"),
        ('{"a": "b"}', "InvalidParameter"),
        ('["a"', "InvalidParameter"),
        ("[" * 4000, "InvalidParameter"),
        ("无", "InvalidParameter"),
    ],
)
@pytest.mark.parametrize(
    ("action", "name"),
    [("PickOutboundNumbers", "SkillGroupIdList"), ("AddPhoneNumbers", "NumberList")],
)
async def test_a_list_is_a_json_array_of_texts(
    door: Service, action: str, name: str, text: str, code: str
) -> None:
    answer = await asked(door, action, PARAMS[action] | {name: text})
    assert (answer.status, answer.json["Code"]) == (400, code)
    assert name in answer.json["Message"]
    assert untouched(door)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("PickOutboundNumbers", "SkillGroupIdList"),
        ("AddPhoneNumbers", "NumberList"),
        ("AddBulkPhoneNumbers", "PhoneNumber"),
    ],
)
async def test_numbered_parameters_stand_in_the_order_of_their_numbers(
    door: Service, action: str, name: str
) -> None:
    params = {given: text for given, text in PARAMS[action].items() if not given.startswith(name)}
    for place in ("10", "2", "1", "0", "x", "01", "99999", "²"):
        params[f"{name}.{place}"] = f"at-{place}"
    assert (await asked(door, action, params)).status == 200
    given: Any = (*door.picker.asked, *door.provisioner.asked)[0]
    found = given.skill_group_ids if name == "SkillGroupIdList" else given.numbers
    assert found == ("at-1", "at-2", "at-10")


async def test_a_bulk_addition_needs_a_number(door: Service) -> None:
    params = {
        name: text for name, text in PARAMS["AddBulkPhoneNumbers"].items() if "Phone" not in name
    }
    answer = await asked(door, "AddBulkPhoneNumbers", params)
    assert answer.json["Code"] == "Parameter.Empty"
    assert "PhoneNumber" in answer.json["Message"]


async def test_a_bulk_addition_takes_sixteen_groups(door: Service) -> None:
    groups = {f"SkillGroupId.{place}": f"group-{place}" for place in range(1, 18)}
    answer = await asked(door, "AddBulkPhoneNumbers", PARAMS["AddBulkPhoneNumbers"] | groups)
    assert answer.json["Code"] == "InvalidParameter"
    assert '"SkillGroupId"' in answer.json["Message"]
    assert untouched(door)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("%ff=1", 400, "MalformedRequest"),
        ("CalledNumber=%ED%A0%80", 400, "MalformedRequest"),
        ("a%00=1", 400, "InvalidParameter"),
        ("a=%00", 400, "InvalidParameter"),
        ("a=1&" * (MAX_FIELDS + 1), 400, "MalformedRequest"),
        ("=1", 400, "MissingParameter"),
        ("&&&", 400, "MissingParameter"),
        ("?", 400, "MissingParameter"),
        ("%", 400, "MissingParameter"),
        ("%zz=%zz", 400, "MissingParameter"),
    ],
)
async def test_a_query_that_is_none_is_refused(
    door: Service, query: str, status: int, code: str
) -> None:
    answer = await ask(door, "GET", f"/?{query}", None, Accept="application/json", **TOKEN)
    assert (answer.status, answer.json["Code"]) == (status, code)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused_in_the_envelope_of_the_door(
    door: Service, method: str
) -> None:
    answer = await ask(door, method, "/?Format=JSON", None, **TOKEN)
    assert (answer.status, answer.json["Code"]) == (405, "MethodNotAllowed")
    assert answer.headers["Allow"] == "GET, POST"

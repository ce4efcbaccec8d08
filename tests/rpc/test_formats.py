"""The answers' shapes, in JSON and in XML, as the API pages show them."""

from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from service.api.rpc.formats import JSON_TYPE, XML_TYPE, xml
from service.errors import InvalidField
from tests.http.http_fixtures import CALLED, Answer, Service, ask
from tests.rpc.rpc_fixtures import ACTIONS, PARAMS, VERSIONS, send, signed

DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>"
TOKEN = {"Authorization": "Bearer operator"}


async def asked(service: Service, action: str, path: str = "/", **headers: str) -> Answer:
    params = {
        "Action": action,
        "Version": VERSIONS.get(action, "2020-07-01"),
        **PARAMS[action],
    }
    query = "&".join(part for part in (path.partition("?")[2], urlencode(params)) if part)
    return await ask(service, "GET", f"/?{query}", None, **TOKEN, **headers)


def tree(element: ET.Element) -> Any:
    """An element as JSON would have it; a name that comes more than once is a list."""
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        found.setdefault(child.tag, []).append(tree(child))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


async def test_a_pick_in_xml_has_the_elements_of_its_page(door: Service) -> None:
    answer = await asked(door, "PickOutboundNumbers")
    assert answer.headers["Content-Type"] == XML_TYPE == "text/xml;charset=utf-8"
    assert answer.text == (
        f"{DECLARATION}<PickOutboundNumbersResponse>"
        "<RequestId>made-1</RequestId><HttpStatusCode>200</HttpStatusCode>"
        "<Code>OK</Code><Message></Message>"
        "<Data>"
        f"<Callee><Number>{CALLED}</Number><Province>云南</Province><City>昆明</City></Callee>"
        "<Caller><Number>087155500001</Number><Province>云南</Province><City>昆明</City></Caller>"
        "</Data><Data>"
        f"<Callee><Number>{CALLED}</Number><Province>云南</Province><City>昆明</City></Callee>"
        "<Caller><Number>01055500002</Number><Province>北京</Province><City>北京</City></Caller>"
        "</Data>"
        "</PickOutboundNumbersResponse>"
    )


async def test_a_list_in_xml_has_the_elements_of_its_page(door: Service) -> None:
    answer = await asked(door, "ListPhoneNumbers")
    told = tree(ET.fromstring(answer.body))
    assert (told["Data"]["PageNumber"], told["Data"]["TotalCount"]) == ("1", "5")
    assert told["Data"]["List"][0] == {
        "Active": "true",
        "City": "北京",
        "InstanceId": "ccc-test",
        "Number": "01055500001",
        "Provider": "",
        "Province": "北京",
        "SkillGroups": {
            "DisplayName": "sales",
            "InstanceId": "ccc-test",
            "Name": "sales",
            "SkillGroupId": "sales@ccc-test",
        },
        "Tags": "M1,M2",
        "Usage": "Bidirection",
        "UserId": "",
    }


async def test_a_bulk_addition_in_xml_has_the_elements_of_its_page(door: Service) -> None:
    answer = await asked(door, "AddBulkPhoneNumbers")
    root = ET.fromstring(answer.body)
    told = tree(root)
    assert (root.tag, told["Success"]) == ("AddBulkPhoneNumbersResponse", "true")
    assert told["FailedPhoneNumbers"] == {"FailedPhoneNumber": "02160664659"}
    assert told["UserdPhoneNumbers"] == {"UserdPhoneNumber": "02160664658"}
    assert told["ArrearagePhoneNumbers"] == {"ArrearagePhoneNumber": "02160664657"}
    row = told["PhoneNumbers"]["PhoneNumber"]
    assert (row["Number"], row["Trunks"], row["TestOnly"]) == ("02160664651", "3", "false")
    assert row["SkillGroups"]["SkillGroup"]["SkillGroupName"] == "预测试外呼技能组"


def test_an_empty_list_leaves_its_holder_empty_as_the_page_has_it() -> None:
    assert xml("A", {"FailedPhoneNumbers": {"FailedPhoneNumber": []}}).decode() == (
        f"{DECLARATION}<A><FailedPhoneNumbers></FailedPhoneNumbers></A>"
    )


async def test_an_addition_names_the_failed_numbers(door: Service) -> None:
    told = tree(ET.fromstring((await asked(door, "AddPhoneNumbers")).body))
    assert told["Data"] == "01055510009"


@pytest.mark.parametrize("action", ACTIONS)
async def test_both_formats_say_the_same(door: Service, action: str) -> None:
    by_json = (await asked(door, action, "/?Format=JSON", X_Request_Id="same")).json
    by_xml = (await asked(door, action, "/?Format=XML", X_Request_Id="same")).body
    assert ET.tostring(ET.fromstring(by_xml)) == ET.tostring(
        ET.fromstring(xml(f"{action}Response", by_json))
    )


async def test_an_error_in_xml_has_the_elements_of_the_gateways(door: Service) -> None:
    answer = await ask(door, "GET", "/?Action=PickOutboundNumbers&Version=1", None, **TOKEN)
    assert (answer.status, answer.headers["Content-Type"]) == (400, XML_TYPE)
    root = ET.fromstring(answer.body)
    assert root.tag == "Error"
    assert tree(root) == {
        "RequestId": "made-1",
        "HostId": door.address.removeprefix("http://"),
        "Code": "InvalidVersion",
        "Message": "Specified parameter Version is not valid.",
        "Recommend": "https://api.aliyun.com/troubleshoot"
        "?q=InvalidVersion&product=CCC&requestId=made-1",
    }


@pytest.mark.parametrize(
    ("path", "headers", "wants_xml"),
    [
        ("/", {}, True),
        ("/?Format=JSON", {}, False),
        ("/?Format=json", {"Accept": "application/xml"}, False),
        ("/?Format=xml", {"Accept": "application/json"}, True),
        ("/", {"Accept": "application/json"}, False),
        ("/", {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*"}, True),
        ("/", {"Accept": "application/json, text/xml"}, True),
        ("/", {"x_acs_action": "PickOutboundNumbers"}, False),
    ],
)
async def test_a_call_without_a_signature_chooses_by_format_accept_and_style(
    door: Service, path: str, headers: dict[str, str], *, wants_xml: bool
) -> None:
    answer = await asked(door, "PickOutboundNumbers", path, **headers)
    assert answer.headers["Content-Type"] == (XML_TYPE if wants_xml else JSON_TYPE)


@pytest.mark.parametrize(
    ("scheme", "system", "wants_xml"),
    [
        ("acs3", {}, False),
        ("acs3", {"accept": "application/json"}, False),
        ("acs3", {"accept": "application/xml"}, True),
        ("rpc_v1", {"Format": None}, True),
        ("rpc_v1", {"Format": ""}, True),
        ("rpc_v1", {"Format": "XML"}, True),
        ("rpc_v1", {"Format": "JSON"}, False),
    ],
)
async def test_a_signed_call_chooses_as_the_documents_say(
    door: Service, scheme: Any, system: dict[str, str | None], *, wants_xml: bool
) -> None:
    answer = await send(door, signed(door, scheme, "PickOutboundNumbers", system=system))
    assert answer.headers["Content-Type"] == (XML_TYPE if wants_xml else JSON_TYPE)


async def test_a_refused_body_is_told_in_the_format_of_the_query(door: Service) -> None:
    for form, kind in (("JSON", JSON_TYPE), ("XML", XML_TYPE)):
        answer = await ask(door, "POST", f"/?Format={form}", b"a" * 70_000, **TOKEN)
        assert (answer.status, answer.headers["Content-Type"]) == (413, kind)


async def test_an_unknown_format_is_refused(door: Service) -> None:
    answer = await asked(door, "PickOutboundNumbers", "/?Format=YAML")
    assert (answer.status, tree(ET.fromstring(answer.body))["Code"]) == (400, "InvalidParameter")


async def test_xml_holds_what_it_cannot_hold_as_a_replacement(door: Service) -> None:
    door.picker.error = InvalidField("\x01\ufffe<a>&\r\n\t", "\x1f ]]> \ud800")
    answer = await asked(door, "PickOutboundNumbers")
    assert tree(ET.fromstring(answer.body))["Message"] == (
        'The specified parameter "\ufffd\ufffd<a>&\r\n\t" is not valid: \ufffd ]]> \ufffd.'
    )


def test_a_name_that_xml_cannot_have_is_left_out() -> None:
    row = {"Number": "1", "<Odd>": "2", "": "3", "Ok": None}
    assert xml("A", row).decode() == f"{DECLARATION}<A><Number>1</Number><Ok></Ok></A>"

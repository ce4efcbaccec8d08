"""Every CURL() of Asterisk's dialplan of the manual, carried out by the program curl."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import free_port
from tests.integrations.calls import (
    ONE_CALL_EACH,
    ONE_PER_CALLEE,
    is_stopped,
    stopping_at,
    told,
)
from tests.integrations.programs import PAGES, ended
from tests.programs import program
from tests.whole.services import SALES, chengdu_numbers, emulator_of, service_over

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

DIALPLAN = (PAGES / "asterisk" / "extensions.conf").read_text("utf-8")
VARIABLES = {
    "CALL_ID": "box1-1700000000.12",
    "CALLED": "+8613880001234",
    "SKILL_GROUPS": SALES,
    "RESULT": "answered",
    "TALK_MS": "42000",
    "SIP": "",
}


async def curl(directory: Path, name: str, url: str, **variables: str) -> str:
    """What the variable that the dialplan sets from a CURL() would have."""
    values = VARIABLES | {"URL": url} | variables
    found = re.search(rf"Set\({name}=\$\{{CURL\((.*)\)\}}\)$", DIALPLAN, re.MULTILINE)
    assert found is not None
    expanded = re.sub(
        r"\$\{URIENCODE\(\$\{(\w+)\}\)\}", lambda one: quote(values[one[1]]), found[1]
    )
    expanded = re.sub(r"\$\{(\w+)\}", lambda one: values[one[1]], expanded)
    address, body = expanded.split(",", 1)
    words = (program("curl"), "--silent", "--max-time", "5", "--data-raw", body, address)
    return (await ended(*words, directory=directory)).output.rstrip("\n")


async def test_a_pick_is_a_number_and_nothing_else(tmp_path: Path) -> None:
    async with service_over(emulator_of(chengdu_numbers(2))) as service:
        assert await curl(tmp_path, "PICK", service.url) == "02855500000"
        assert await curl(tmp_path, "PICK", service.url) == "02855500000"
        _, listed = await service.get("/v1/numbers")
    assert sum(one["used_day"] for one in listed["data"]) == 1


async def test_an_outcome_frees_the_number(tmp_path: Path) -> None:
    async with service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service:
        await curl(tmp_path, "PICK", service.url)
        await curl(tmp_path, "TOLD", service.url)
        assert told(service, "answered") == 1
        assert (await service.pick())[0] == 200


@pytest.mark.parametrize(
    ("called", "code"), [("120", "InvalidCalledNumber"), ("13880001234", "CalleeBudgetExceeded")]
)
async def test_the_code_of_a_refusal_is_an_extension_of_the_dialplan(
    tmp_path: Path, called: str, code: str
) -> None:
    async with service_over(emulator_of(chengdu_numbers(1)), selection=ONE_PER_CALLEE) as service:
        await service.pick()
        answer = await curl(tmp_path, "PICK", service.url, CALLED=called)
    assert answer.split(":")[0] == code  # as CUT(PICK,:,1) has it
    assert f"\nexten => {code},1,Hangup(" in DIALPLAN


async def test_the_code_of_the_trunk_is_told_with_the_callee(tmp_path: Path) -> None:
    (field,) = re.findall(r"Set\(SIP=\$\{IF\(.*\?(&sip_code=.*)\)\}\)\n", DIALPLAN)
    field = field.replace("${SIP_CODE}", "607").replace("${URIENCODE(${CALLED})}", "13880001234")
    async with stopping_at(607) as service:
        await curl(tmp_path, "PICK", service.url)
        await curl(tmp_path, "TOLD", service.url, RESULT="blocked", SIP=field)
        assert told(service, "blocked") == 1
        assert await is_stopped(service)


async def test_without_the_service_there_is_nothing(tmp_path: Path) -> None:
    assert await curl(tmp_path, "PICK", f"http://127.0.0.1:{free_port()}") == ""

"""VICIdial's AGI script of the manual, spoken to as Asterisk speaks to it."""

import asyncio
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import pytest

from tests.conftest import free_port
from tests.integrations.calls import (
    HOSTILE,
    ONE_CALL_EACH,
    ONE_PER_CALLEE,
    is_stopped,
    stopping_at,
    told,
)
from tests.integrations.programs import PAGES
from tests.programs import program
from tests.whole.services import SALES, Running, chengdu_numbers, emulator_of, service_over

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

CALL = "V1121153000000012345"
CALLED = "13880001234"


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as running:
        yield running


async def agi(
    variables: dict[str, str], *arguments: str, name: str = CALL, uniqueid: str = "1700000000.12"
) -> list[str]:
    """What the script said, run on a channel whose variables it may change."""
    process = await asyncio.create_subprocess_exec(
        *(program("perl"), PAGES / "vicidial" / "callerid.agi"), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    about = {"calleridname": name, "uniqueid": uniqueid, "extension": f"9{CALLED}"}
    about |= {f"arg_{at}": one for at, one in enumerate(arguments, 1)}
    process.stdin.write("".join(f"agi_{key}: {value}\n" for key, value in about.items()).encode())
    process.stdin.write(b"\n")
    said: list[str] = []
    async with asyncio.timeout(20):
        while command := (await process.stdout.readline()).decode().strip():
            process.stdin.write(f"{_answer(command, variables, said)}\n".encode())
        assert await process.wait() == 0
    process.stdin.close()
    return said


def _answer(command: str, variables: dict[str, str], said: list[str]) -> str:
    if asked := re.fullmatch(r"GET VARIABLE (\S+)", command):
        value = variables.get(asked[1])
        return f"200 result=1 ({value})" if value else "200 result=0"
    if changed := re.fullmatch(r'SET VARIABLE (\S+) "([^"]*)"', command):
        variables[changed[1]] = changed[2]
        return "200 result=1"
    spoken = re.fullmatch(r'VERBOSE "([^"]*)" 1', command)
    assert spoken is not None, command
    said.append(spoken[1])
    return "200 result=1"


async def test_a_call_shows_the_picked_number_under_its_own_id(service: Running) -> None:
    channel = {"CALLERID_URL": service.url}
    assert await agi(channel, "pick", SALES, CALLED) == []
    assert channel["CALLERID(num)"] == "02855500000"
    assert channel["CALLERID_CALL"] == CALL
    assert "CALLERID_REFUSED" not in channel


async def test_a_call_that_vicidial_did_not_name_has_the_id_of_its_machine(
    service: Running,
) -> None:
    channel = {"CALLERID_URL": service.url, "SYSTEMNAME": "dialer1"}
    await agi(channel, "pick", SALES, CALLED, name="Agent 17")
    assert channel["CALLERID_CALL"] == "dialer1-1700000000.12"


@pytest.mark.parametrize(
    ("status", "cause", "result"),
    [
        ("ANSWER", "16", "answered"),
        ("BUSY", "17", "busy"),
        ("CANCEL", "16", "no_answer"),
        ("CHANUNAVAIL", "21", "rejected"),
        ("CONGESTION", "34", "failed"),
    ],
)
async def test_how_the_call_went_on_is_told(
    service: Running, status: str, cause: str, result: str
) -> None:
    channel = {"CALLERID_URL": service.url}
    await agi(channel, "pick", SALES, CALLED)
    channel |= {"DIALSTATUS": status, "HANGUPCAUSE": cause, "ANSWEREDTIME": "42"}
    assert await agi(channel, "outcome") == []
    assert told(service, result) == 1
    assert (await service.pick())[0] == 200


async def test_the_code_of_the_trunk_stops_the_callee_where_the_configuration_says_so() -> None:
    async with stopping_at(607) as service:
        channel = {"CALLERID_URL": service.url}
        await agi(channel, "pick", SALES, CALLED)
        channel |= {
            "DIALSTATUS": "CONGESTION",
            "HANGUPCAUSE_KEYS()": "SIP/trunk-00000001,SIP/trunk-00000002",
            "HANGUPCAUSE(SIP/trunk-00000001,tech)": "SIP 607 Unwanted",
        }
        assert await agi(channel, "outcome") == []
        assert told(service, "blocked") == 1
        assert await is_stopped(service)


async def test_an_address_of_the_service_may_end_with_slashes(service: Running) -> None:
    channel = {"CALLERID_URL": f"{service.url}//"}
    assert await agi(channel, "pick", SALES, CALLED) == []
    assert channel["CALLERID(num)"] == "02855500000"


async def test_a_called_number_of_anything_but_digits_is_refused(service: Running) -> None:
    for called in HOSTILE:
        if not re.search(r"[\r\n]| ", called):  # an argument is one line; the service takes blanks
            channel = {"CALLERID_URL": service.url}
            await agi(channel, "pick", SALES, called)
            assert channel == {
                "CALLERID_URL": service.url,
                "CALLERID_REFUSED": "InvalidCalledNumber",
            }


async def test_another_server_s_page_is_no_number(service: Running) -> None:
    channel = {"CALLERID_URL": f"{service.url}/healthz?"}
    await agi(channel, "pick", SALES, CALLED)
    assert channel["CALLERID_REFUSED"] == "Away"


async def test_a_refusal_is_a_variable_to_branch_on() -> None:
    async with service_over(emulator_of(chengdu_numbers(2)), selection=ONE_PER_CALLEE) as service:
        await service.pick()
        channel = {"CALLERID_URL": service.url}
        (said,) = await agi(channel, "pick", SALES, CALLED)
    assert channel["CALLERID_REFUSED"] == "CalleeBudgetExceeded"
    assert "CALLERID(num)" not in channel
    assert re.search(r"\(Retry-After: [0-9]+\)$", said)


async def test_without_the_service_the_refusal_is_away() -> None:
    channel = {"CALLERID_URL": f"http://127.0.0.1:{free_port()}"}
    assert await agi(channel, "pick", SALES, CALLED) == ["callerid: away, 599"]
    assert channel["CALLERID_REFUSED"] == "Away"


async def test_a_call_that_nobody_picked_for_has_no_outcome(service: Running) -> None:
    assert await agi({"CALLERID_URL": service.url, "DIALSTATUS": "ANSWER"}, "outcome") == []
    assert told(service, "answered") == 0

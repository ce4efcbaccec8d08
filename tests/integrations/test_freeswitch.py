"""FreeSWITCH's script of the manual, run by Lua, with a stand-in for FreeSWITCH and a real curl."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

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
from tests.integrations.programs import PAGES, ended
from tests.programs import program
from tests.whole.services import SALES, Running, chengdu_numbers, emulator_of, service_over

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

STAND_IN = Path(__file__).parent / "freeswitch.lua"
FOLDER = PAGES / "freeswitch"


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as running:
        yield running


async def script(directory: Path, url: str, argument: str, **variables: str) -> list[str]:
    """What the script did to the call, less what it logged."""
    program("curl")
    given = {
        "uuid": "3f1c 1%&a",  # every sign of it must arrive
        "destination_number": "+8613880001234",
        "callerid_url": url,
        "callerid_groups": SALES,
        **variables,
    }
    words = (f"{name}={value}" for name, value in given.items())
    lua = program("lua5.4")
    done = await ended(
        *(lua, STAND_IN, FOLDER / "callerid.lua", argument), *words, directory=directory
    )
    assert done.status == 0, done.output
    return [line for line in done.output.splitlines() if not line.startswith("log ")]


async def test_the_picked_number_is_shown_and_remembered(service: Running, tmp_path: Path) -> None:
    assert await script(tmp_path, service.url, "pick") == [
        "set callerid_picked=true",
        "set effective_caller_id_number=02855500000",
        "set effective_caller_id_name=02855500000",
    ]
    assert await script(tmp_path, service.url, "pick") != []  # the same uuid: the same answer
    _, listed = await service.get("/v1/numbers")
    assert [one["used_day"] for one in listed["data"]] == [1]


@pytest.mark.parametrize(
    ("disposition", "result"),
    [
        ("call accepted", "answered"),
        ("USER_BUSY", "busy"),
        ("ORIGINATOR_CANCEL", "no_answer"),
        ("CALL_REJECTED", "rejected"),
        ("GATEWAY_DOWN", "failed"),
    ],
)
async def test_how_the_call_went_on_is_told(
    service: Running, tmp_path: Path, disposition: str, result: str
) -> None:
    await script(tmp_path, service.url, "pick")
    ended_call = {
        "callerid_picked": "true",
        "originate_disposition": disposition,
        "last_bridge_proto_specific_hangup_cause": "sip:486",
        "billmsec": "42000",
    }
    assert await script(tmp_path, service.url, "outcome", **ended_call) == []
    assert told(service, result) == 1
    assert (await service.pick())[0] == 200


async def test_the_code_of_the_trunk_stops_the_callee_where_the_configuration_says_so(
    tmp_path: Path,
) -> None:
    async with stopping_at(607) as service:
        await script(tmp_path, service.url, "pick")
        ended_call = {
            "callerid_picked": "true",
            "originate_disposition": "NORMAL_UNSPECIFIED",
            "last_bridge_proto_specific_hangup_cause": "sip:607",
        }
        assert await script(tmp_path, service.url, "outcome", **ended_call) == []
        assert told(service, "blocked") == 1
        assert await is_stopped(service)


async def test_an_address_of_the_service_may_end_with_slashes(
    service: Running, tmp_path: Path
) -> None:
    done = await script(tmp_path, f"{service.url}//", "pick")
    assert "set callerid_picked=true" in done


async def test_a_called_number_of_anything_but_digits_gets_no_further(
    service: Running, tmp_path: Path
) -> None:
    """The dialplan's condition lets none to the script; nor does it to the service as another."""
    root = ET.parse(FOLDER / "dialplan.xml").getroot()
    (condition,) = root.iter("condition")
    pattern = condition.get("expression") or ""
    for called in HOSTILE:
        assert not re.fullmatch(pattern.strip("^$"), called), called
        done = await script(tmp_path, service.url, "pick", destination_number=called)
        if called != "138 8000 1234":  # the service takes blanks for what they are
            assert done == ["respond 484 InvalidCalledNumber", "hangup"]


async def test_a_script_that_fails_lets_no_call_pass(tmp_path: Path) -> None:
    done = await script(tmp_path, "http://127.0.0.1:1 no option", "pick")
    assert done == ["respond 503 Caller-ID Service Unavailable", "hangup"]


async def test_a_callee_out_of_budget_is_answered_with_480(tmp_path: Path) -> None:
    async with service_over(emulator_of(chengdu_numbers(2)), selection=ONE_PER_CALLEE) as service:
        await service.pick()
        done = await script(tmp_path, service.url, "pick")
    assert done == ["respond 480 CalleeBudgetExceeded", "hangup"]


@pytest.mark.parametrize(
    ("variable", "value", "answer"),
    [
        ("destination_number", "120", "484 InvalidCalledNumber"),
        ("callerid_groups", "", "500 InvalidField"),
    ],
)
async def test_a_refusal_is_answered_with_its_code(
    service: Running, tmp_path: Path, variable: str, value: str, answer: str
) -> None:
    done = await script(tmp_path, service.url, "pick", **{variable: value})
    assert done == [f"respond {answer}", "hangup"]


async def test_without_the_service_a_call_is_answered_with_503(tmp_path: Path) -> None:
    done = await script(tmp_path, f"http://127.0.0.1:{free_port()}", "pick")
    assert done == ["respond 503 Caller-ID Service Unavailable", "hangup"]


async def test_without_the_service_a_default_caller_is_shown_where_one_is_set(
    tmp_path: Path,
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = await script(tmp_path, url, "pick", callerid_default="02160664656")
    assert done[0] == "set effective_caller_id_number=02160664656"


def test_the_dialplan_runs_the_script_before_the_bridge() -> None:
    actions = ET.parse(FOLDER / "dialplan.xml").iter("action")
    done = [(one.get("application"), one.get("data")) for one in actions]
    assert ("set", "api_hangup_hook=lua callerid.lua outcome") in done
    names = [name for name, _ in done]
    assert names.index("lua") < names.index("bridge")

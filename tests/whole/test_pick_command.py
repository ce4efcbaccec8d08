"""`callerid pick` before a running service, on a pipe and on a terminal."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout

import pytest
from msgspec.structs import replace

from service.__main__ import main
from service.emulator import running
from service.settings import CalleeLimits, CalleeRuleSettings, CallerLimits, Selection
from tests.whole.processes import command, on_a_terminal
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    service_over,
)

ONCE_A_DAY = replace(
    Selection(),
    fallback="refuse",
    caller=CallerLimits(max_per_day=1),
    callee=CalleeLimits(rules=(CalleeRuleSettings(2, 3600, "sliding"),)),
)


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with service_over(emulator_of(chengdu_numbers(2)), selection=ONCE_A_DAY) as running_one:
        yield running_one


async def picked(service: Running, *words: str, called: str = CHENGDU_MOBILE) -> tuple[int, str]:
    """The whole command in this process, in a thread beside the service's event loop."""
    asked = ("pick", called, "--skill-group", SALES, "--url", service.url, *words)
    output, told = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(told):
        status = await asyncio.to_thread(main, [*asked])
    assert told.getvalue() == ""
    return status, output.getvalue()


async def test_a_pick_is_a_table_with_the_callee_below(service: Running) -> None:
    status, output = await picked(service, "--count", "2")
    assert status == 0
    assert output.splitlines() == [
        "caller       province  city  match",
        "02855500000  四川      成都  city",
        "02855500001  四川      成都  city",
        "",
        f"for {CHENGDU_MOBILE} of 四川 成都, decided by memory",
    ]


async def test_the_service_s_address_may_end_with_slashes(service: Running) -> None:
    status, output = await picked(service, "--url", f"{service.url}//")
    assert status == 0
    assert "02855500000" in output


async def test_an_explanation_says_of_each_candidate_why(service: Running) -> None:
    _, first = await picked(service, "--explain", "--dry-run")
    await picked(service)
    _, second = await picked(service, "--explain", "--count", "2", called="13880001235")
    assert first.endswith(
        "candidate    match  this hour  today  why\n02855500000  city   0          0      taken\n"
    )
    assert second.count("taken") == 1


async def test_a_refusal_counts_its_reasons_in_words(service: Running) -> None:
    await picked(service, "--count", "2")
    status, output = await picked(service, called="13880001235")
    assert status == 1
    assert output.startswith("NoEligibleNumber: ")
    assert "\n2        parked  is out of rotation for now; " in output


async def test_a_refusal_that_passes_says_when(service: Running) -> None:
    for _ in range(2):
        assert (await picked(service))[0] == 0
    status, output = await picked(service)
    assert status == 1
    assert output.startswith("CalleeBudgetExceeded: ")
    assert "Ask again in " in output


async def test_json_is_the_answer_as_it_came(service: Running) -> None:
    status, output = await picked(service, "--json", "--explain")
    refused, problem = await picked(service, "--json", called="120")
    assert (status, refused) == (0, 1)
    assert json.loads(output)["explanation"][0]["number"] == "02855500000"
    assert json.loads(problem)["code"] == "InvalidCalledNumber"


async def test_a_terminal_shows_the_head_in_bold(service: Running) -> None:
    words = ("pick", CHENGDU_MOBILE, "--skill-group", SALES, "--url", service.url, "--explain")
    status, output = await on_a_terminal(*words)
    assert status == 0
    assert output.startswith("\x1b[1mcaller\x1b[0m ")
    assert "\x1b[32mtaken\x1b[0m" in output


async def test_what_is_no_service_of_ours_ends_with_1() -> None:
    async with (
        running(emulator_of([])) as address,
        command("pick", CHENGDU_MOBILE, "--url", f"http://{address}") as pick,
    ):
        output, told = await pick.communicate()
    assert (pick.returncode, output) == (1, b"")
    assert told.startswith(f"callerid: no answer of a service at http://{address}: ".encode())


@pytest.mark.parametrize(
    ("option", "value"), [("--url", "localhost:8080"), ("--token", "one\ntwo"), ("--token", "密")]
)
async def test_words_that_cannot_be_sent_end_with_2(option: str, value: str) -> None:
    async with command("pick", CHENGDU_MOBILE, option, value) as pick:
        _, told = await pick.communicate()
    assert pick.returncode == 2
    assert told.startswith(f"{option} or CALLERID_{option[2:].upper()}: found ".encode())
    assert option == "--url" or value.encode() not in told

"""`callerid plan` before a running service: by what was picked, and by a file."""

from pathlib import Path

import pytest

from service.emulator import running
from tests.whole.processes import command
from tests.whole.services import (
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    service_over,
    settings_for,
    started,
)

KUNMING_MOBILE = "13888888888"


async def plan(service: Running, *words: str) -> tuple[int | None, str, str]:
    async with command("plan", "--url", service.url, *words) as asked:
        output, told = await asked.communicate()
    return asked.returncode, output.decode(), told.decode()


async def test_a_plan_goes_by_the_picks_of_before_a_restart(redis_url: str) -> None:
    emulator = emulator_of(chengdu_numbers(2))
    async with running(emulator) as address:
        settings = settings_for(f"http://{address}", redis_url)
        async with started(settings) as service:
            for _ in range(3):
                await service.pick(called_number=KUNMING_MOBILE)
            await service.pick()
        async with started(settings) as service:
            status, output, told = await plan(service, "--buy", "2")
    assert (status, told) == (0, "")
    assert output.splitlines() == [
        "By a day of calls, a day at its best matches by: city 1, area_code 0, province 0, any 3.",
        "The last day with calls reached 100.0% of the local matches foretold.",
        "",
        "buy:",
        "skill group     province  city  code  numbers  local calls a day more  instead of",
        "sales@ccc-test  云南      昆明  0871  1        3                       any 3",
        "",
        "idle for callees of their province:",
        "skill group     province  city  code  numbers",
        "sales@ccc-test  四川      成都  028   1",
        "",
        "spent tomorrow: nothing",
    ]


HEAD = "skill_group_id,city,hour,calls\n"


def file_of(folder: Path, text: str) -> str:
    file = folder / "demand.csv"
    file.write_text(text, "utf-8-sig")
    return str(file)


async def test_a_plan_by_a_file_is_printed_as_csv(tmp_path: Path) -> None:
    demand = file_of(tmp_path, f"{HEAD}{SALES},昆明市,9,40\n")
    async with service_over(emulator_of(chengdu_numbers(1))) as service:
        status, output, _ = await plan(service, "--demand", demand, "--csv")
    assert status == 0
    assert output.splitlines() == [
        "\ufeffskill_group_id,province,city,area_code,count,gain",
        "sales@ccc-test,云南,昆明,0871,1,40.0",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{SALES},nowhere,9,40", "line 2: has a city that is not known"),
        (f"{SALES},昆明,24,40", "line 2: takes skill_group_id, city, hour, calls"),
        (f"{SALES},昆明,9,nan", "line 2: takes skill_group_id, city, hour, calls"),
        (f"{SALES},昆明,9", "line 2: takes skill_group_id, city, hour, calls"),
        ("", "line 1: must be skill_group_id,city,hour,calls"),
    ],
)
async def test_a_file_that_is_none_is_refused_by_its_line(
    tmp_path: Path, line: str, words: str
) -> None:
    demand = file_of(tmp_path, HEAD + line if line else "number\n")
    async with service_over(emulator_of(chengdu_numbers(1))) as service:
        status, _, told = await plan(service, "--demand", demand)
    assert status == 1
    assert words.lower() in told.lower()


async def test_a_file_that_is_not_there_is_the_command_lines_fault(tmp_path: Path) -> None:
    async with command("plan", "--demand", str(tmp_path / "none.csv")) as asked:
        _, told = await asked.communicate()
    assert asked.returncode == 2
    assert told.decode().startswith("--demand: ")


async def test_without_any_calls_a_plan_says_what_to_do() -> None:
    async with service_over(emulator_of(chengdu_numbers(1))) as service:
        status, output, _ = await plan(service)
    assert (status, output.strip()) == (
        0,
        "No calls have been counted yet: ask again after some, or give --demand FILE.csv.",
    )

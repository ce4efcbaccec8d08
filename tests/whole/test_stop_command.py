"""`callerid stop` before a running service, and what it makes of a file."""

import asyncio
from pathlib import Path

import pytest

from service.cli.stop import rows_of
from tests.whole.processes import command
from tests.whole.services import CHENGDU_MOBILE, chengdu_numbers, emulator_of, service_over

LIST = f"手机号,姓名\r\n{CHENGDU_MOBILE},王女士\r\n\r\n# 2026\r\n110\r\n138****8888\r\n"


async def stop(*words: str, text: str = "") -> tuple[int | None, str, str]:
    async with command("stop", *words) as asked:
        output, told = await asked.communicate(text.encode() or None)
    return asked.returncode, output.decode(), told.decode()


async def test_the_callees_of_a_file_are_stopped_and_lines_that_are_none_are_named(
    tmp_path: Path,
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST, "utf-8-sig")
    async with service_over(emulator_of(chengdu_numbers(1))) as service:
        words = ("--url", service.url, "--until", "2099-12-31", "--reason", "complaint")
        refused = await stop(str(file), *words)
        stopped = await stop(str(file), "--url", service.url, "--seconds", "60")
        status, answer = await service.pick()
        _, callee = await service.get(f"/v1/callees/{CHENGDU_MOBILE}")
    assert refused == (1, "0 of 3 callees are stopped\n", ANY_UNTIL)
    assert stopped == (1, "1 of 3 callees are stopped\n", UNREADABLE)
    assert (status, answer["code"]) == (429, "CalleeBudgetExceeded")
    assert callee["stop"]["reason"] == ""


ANY_UNTIL = "InvalidField: until: takes an instant within a year from now\n"
UNREADABLE = """\
line 5: 110 is an emergency number; those are never called
line 6: ****888 is masked or has a dial code; send the whole number in digits
"""


async def test_a_file_that_there_is_not_and_a_service_that_there_is_not() -> None:
    missing, unreachable = await asyncio.gather(
        stop("nowhere.txt"), stop("README.md", "--url", "http://127.0.0.1:1")
    )
    assert missing == (2, "", "FILE: nowhere.txt: No such file or directory\n")
    assert unreachable[0] == 1
    assert unreachable[1].startswith("0 of ")
    assert unreachable[2].startswith("callerid: no answer of a service at http://127.0.0.1:1: ")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("number\n", []),
        ("13888888888", [(1, "13888888888")]),
        (
            '"138 8888 8888";x\r\n\r\n 010-8989 8989 # why\n',
            [(1, "138 8888 8888"), (3, "010-8989 8989")],
        ),
        ("13888888888\nname\n", [(1, "13888888888"), (2, "name")]),
        ("1\0" + "3" * 50, [(1, "1\ufffd" + "3" * 38)]),
    ],
)
def test_the_first_column_of_each_line_counts_but_for_a_head(
    text: str, rows: list[tuple[int, str]]
) -> None:
    assert rows_of(text) == rows

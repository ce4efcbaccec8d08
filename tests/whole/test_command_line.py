"""What the command line itself answers: help, version, completion, and how little it loads."""

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest

from service.__main__ import _make_printable, main
from service.cli.client import ProblemReply
from service.cli.parser import COMMANDS, SHELLS
from service.emulator import running
from tests.whole.processes import ROOT, command
from tests.whole.services import (
    CHENGDU_MOBILE,
    KEY,
    SALES,
    SECRET,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

# What a person should not wait for who asks for help, or for a pick.
HEAVY = {"aiohttp", "redis", "prometheus_client", "phonenumbers", "uvloop", "shtab", "asyncio"}


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str]:
    """Run `callerid` with these words in this process; returns its status and all it prints."""
    try:
        status: int | str | None = main([*words])
    except SystemExit as ended:
        status = ended.code
    return status, "".join(capsys.readouterr())


async def told(*words: str, **environment: str) -> tuple[int | None, str]:
    async with command(*words, **environment) as process:
        output, errors = await process.communicate()
    return process.returncode, (output + errors).decode(errors="replace")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_commands_help_has_examples_and_exit_codes(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    status, text = printed(capsys, name, "--help")
    assert status == 0
    assert f"\nexamples:\n  callerid {name}" in text
    assert "\n  2  the command line or the configuration is wrong" in text


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = printed(capsys, "--help")
    assert status == 0
    assert all(f"\n    {name} " in text for name in COMMANDS)


async def test_the_version_is_the_installed_ones() -> None:
    status, text = await told("--version")
    assert status == 0
    name, version = text.split()
    assert name == "callerid"
    assert version[0].isdigit()


async def test_the_environment_names_the_service() -> None:
    status, text = await told("pick", "13888888888", CALLERID_URL="http://127.0.0.1:9")
    assert (status, "at http://127.0.0.1:9: " in text) == (1, True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("callerid:8080", "--url or CALLERID_URL: found callerid:8080, expected http://"),
        ("http://[::1", "no answer of a service at http://[::1: "),
    ],
)
def test_an_address_that_is_none_is_told_of(
    url: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLERID_URL", url)
    assert words in printed(capsys, "report")[1]


def test_who_needs_a_token_is_told_the_option() -> None:
    problem = ProblemReply("Unauthenticated", "Send a token")
    assert problem.line == "Unauthenticated: Send a token; give one by --token or CALLERID_TOKEN"


async def test_a_day_that_is_none_is_answered_with_one() -> None:
    status, text = await told("stop", "-", "--until", "tomorrow")
    assert (status, "found tomorrow, expected a day, as 2026-12-31" in text) == (2, True)


@pytest.mark.parametrize(
    "words",
    [("pik",), (), ("pick",), ("pick", "1", "--count", "many"), ("--print-completion", "cmd")],
)
def test_a_wrong_command_line_ends_with_2(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    status, text = printed(capsys, *words)
    assert status == 2
    assert "callerid" in text


async def test_a_reader_that_has_enough_is_no_traceback() -> None:
    shell = await asyncio.create_subprocess_shell(
        f"{sys.executable} -m service --print-completion bash | head -n 1",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await shell.communicate()
    assert errors == b""


OUTPUTS: dict[str, dict[str, str]] = {
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "GBK": {"PYTHONIOENCODING": "gbk"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def test_json_is_json_where_the_output_has_no_such_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    _make_printable()
    print('{"city": "é 成都 😀"}', flush=True)
    assert json.loads(output.buffer.getvalue()) == {"city": "é 成都 😀"}


@pytest.mark.parametrize("output", OUTPUTS)
async def test_every_command_prints_where_the_output_is_not_utf8(
    output: str, tmp_path: Path
) -> None:
    numbers = emulator_of(chengdu_numbers(3))
    path = tmp_path / "联系人.toml"
    async with (
        running(numbers) as address,
        started(settings_for(f"http://{address}")) as service,
    ):
        path.write_text(
            f'ccc.endpoint = "http://{address}"\n[[instances]]\nid = "ccc-test"\n'
            f'ccc = {{ access_key_id = "{KEY}", access_key_secret = "{SECRET}" }}\n'
        )
        ask = ("pick", CHENGDU_MOBILE, "--skill-group", SALES, "--url", service.url, "--explain")
        for words, expected in (
            (("check", "--config", str(path), "--sweep"), 0),
            (ask, 0),
            ((*ask, "--json"), 0),
            (("pick", "四川", "--url", service.url), 1),
            (("check", "--config", str(tmp_path / "没有.toml")), 2),
            (("emulator", "--inventory", str(tmp_path / "没有.json")), 2),
        ):
            status, text = await told(*words, **OUTPUTS[output])
            assert (status, "Traceback" in text) == (expected, False), text


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shells_completion_knows_the_commands_and_the_fault_switches(
    capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    status, script = printed(capsys, "--print-completion", shell)
    assert status == 0
    assert all(name in script for name in COMMANDS)
    assert all(option in script for option in ("throttle-every", "skill-group", "sweep"))
    assert "--worker " not in script  # it is the service's own


@pytest.mark.parametrize(
    ("words", "last", "completed"),
    [
        ("callerid", "em", "emulator"),
        ("callerid check", "--sw", "--sweep"),
        ("callerid emulator", "--denied", "--denied-actions"),
        ("callerid serve --config", "config/prod", "config/production.toml"),
    ],
)
async def test_bash_completes(
    capsys: pytest.CaptureFixture[str], words: str, last: str, completed: str
) -> None:
    _, script = printed(capsys, "--print-completion", "bash")
    line = f"{words} {last}"
    position = len(words.split())
    asked = (
        f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={position}; COMP_LINE='{line}'\n"
        '_shtab_callerid; echo "${COMPREPLY[@]}"'
    )
    bash = await asyncio.create_subprocess_exec(
        "bash", "-c", asked, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await bash.communicate()
    assert output.decode().split() == [completed]


@pytest.mark.parametrize("words", [["--help"], ["pick", "1", "--url", "http://127.0.0.1:1"]])
async def test_help_and_a_pick_load_little(words: list[str]) -> None:
    program = (
        "import sys\nfrom service.__main__ import main\n"
        f"try: main({words})\nexcept SystemExit: pass\n"
        f"print('loaded:', *sorted({HEAVY} & set(sys.modules)))"
    )
    python = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await python.communicate()
    assert output.decode().splitlines()[-1] == "loaded:"

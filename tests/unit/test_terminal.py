"""How the command line looks, with and without a terminal."""

import io

import pytest

from service.cli.terminal import Progress, columns, has_colour, painted, printable, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_has_colour_and_a_pipe_has_none() -> None:
    assert has_colour(Terminal())
    assert not has_colour(io.StringIO())


@pytest.mark.parametrize(
    ("name", "value", "on_a_terminal", "on_a_pipe"),
    [
        ("NO_COLOR", "1", False, False),
        ("NO_COLOR", "", True, False),
        ("FORCE_COLOR", "1", True, True),
        ("TERM", "dumb", False, False),
    ],
)
def test_the_environment_has_a_say_about_colour(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, *, on_a_terminal: bool, on_a_pipe: bool
) -> None:
    monkeypatch.setenv(name, value)
    assert (has_colour(Terminal()), has_colour(io.StringIO())) == (on_a_terminal, on_a_pipe)


def test_a_chinese_sign_is_two_columns_wide() -> None:
    assert columns("成都") == 4
    assert columns("e\N{COMBINING ACUTE ACCENT}") == 1
    assert table([("city", "match"), ("成都", "city"), ("any", "any")], colour=False) == (
        "city  match\n成都  city\nany   any"
    )


def test_colours_do_not_move_the_columns() -> None:
    rows = [("name", "is"), ("a", "fine"), ("bb", "bad")]
    coloured = table(rows, colour=True, styles={"a": "green"})
    assert "\x1b[32ma\x1b[0m     fine" in coloured
    assert coloured.startswith("\x1b[1mname\x1b[0m  \x1b[1mis\x1b[0m\n")
    assert painted("a", "red", colour=False) == "a"


def test_what_others_wrote_cannot_write_to_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\n") == "a\N{REPLACEMENT CHARACTER}[2Jb" + 2 * (
        "\N{REPLACEMENT CHARACTER}"
    )
    assert "\x1b" not in table([("head",), ("\x1b[31mred",)], colour=False)


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        progress = Progress(stream)
        progress.show("100 of 465 numbers")
        progress.clear()
    assert terminal.getvalue() == "\r\x1b[2K100 of 46\r\x1b[2K"
    assert pipe.getvalue() == ""

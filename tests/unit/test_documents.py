"""The documents name what there is: files, headings, commands, configuration keys, metrics."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge, Histogram

from service.__main__ import main
from service.cli.pick import _REASONS
from service.metrics import Metrics
from service.picking import REASONS
from service.settings.loading import load
from tests.unit.test_settings import uncommented

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
READMES = [ENGLISH, CHINESE]
DOCUMENTS = [*READMES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Those whose words are about the configuration; the others quote other programs' too.
OURS = [*READMES, ROOT / "docs" / "operations.md"]

LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What stands under deploy/secrets is made where it is needed, and in no checkout.
FILE = re.compile(r"(?:\.ci|config|deploy(?!/secrets)|docs|requirements|service|tests)/[\w./-]*")
TABLE = re.compile(r"\[{1,2}([a-z_.]+)\]{1,2}")
VARIABLE = re.compile(r"CALLERID_([A-Z]+)__([A-Z_]+?)(?:_FILE)?(?:=.*)?")
WORD = re.compile(r"[a-z]+(?:_[a-z]+)*(?:\.[a-z_]+)*")
METRIC = re.compile(r"callerid_[a-z_]*[a-z]")


def path_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


in_each = pytest.mark.parametrize("document", DOCUMENTS, ids=path_of)
in_ours = pytest.mark.parametrize("document", OURS, ids=path_of)


def blocks(document: Path, *languages: str) -> list[str]:
    found = BLOCK.findall(document.read_text("utf-8"))
    return [text for language, text in found if not languages or language in languages]


def prose(document: Path) -> str:
    """All but the blocks of code."""
    return BLOCK.sub("", document.read_text("utf-8"))


def commands(document: Path) -> Iterator[str]:
    """What stands behind a prompt, and in the lines that go on with it."""
    for text in blocks(document, "console"):
        for found in re.finditer(r"^\$ (.*(?:\\\n.*)*(?:\n {9}.*)*)", text, re.MULTILINE):
            yield found[1]


def anchors(document: Path) -> set[str]:
    """What the headings are called in a link."""
    headings = re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def keys(table: Any, path: str = "") -> Iterator[str]:
    """Every key of a TOML document with the tables that it stands in."""
    for one in table if isinstance(table, list) else [table]:
        for key, value in one.items() if isinstance(one, dict) else ():
            yield f"{path}{key}"
            yield from keys(value, f"{path}{key}.")


def configuration() -> set[str]:
    text = (ROOT / "config" / "default.toml").read_text("utf-8")
    return set(keys(tomllib.loads(uncommented(text))))


def test_both_readmes_show_the_same_commands_and_name_the_same_files() -> None:
    assert blocks(ENGLISH) == blocks(CHINESE)
    links = [set(LINK.findall(prose(each))) - {each.name for each in READMES} for each in READMES]
    files = [{link for link in some if not link.startswith("#")} for some in links]
    assert files[0] == files[1]
    headings = [re.findall(r"^(#+) ", prose(each), re.MULTILINE) for each in READMES]
    assert headings[0] == headings[1]


def test_both_readmes_have_the_same_code_in_their_sentences() -> None:
    words = [set(CODE.findall(prose(each))) for each in READMES]
    assert words[0] == words[1]


@in_each
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in LINK.findall(prose(document)):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@in_each
def test_every_file_that_is_named_is_there(document: Path) -> None:
    named = [word for code in CODE.findall(prose(document)) for word in code.split()]
    for name in named:
        if FILE.fullmatch(name):
            assert (ROOT / name).exists(), name


@in_ours
def test_every_key_that_is_named_is_in_the_default_configuration(document: Path) -> None:
    known = configuration()
    sections = {key for key in known if "." not in key}
    last = {key.rpartition(".")[2] for key in known}
    for code in CODE.findall(prose(document)):
        if tables := TABLE.match(code):
            assert tables[1] in known, code
        if variable := VARIABLE.fullmatch(code):
            assert ".".join(variable.groups()).lower() in known, code
        if not WORD.fullmatch(code):
            continue
        if code.partition(".")[0] in sections and "." in code:
            assert code in known, code
        if re.match(r"max_", code) or re.search(r"[a-z]_(seconds|ms)$", code):
            assert METRIC.match(code) or code.rpartition(".")[2] in last, code


@in_ours
def test_every_metric_that_is_named_is_exposed(document: Path) -> None:
    exposed = {
        metric.name + suffix
        for metric in Metrics().registry.collect()
        for suffix in ("", "_total", "_bucket", "_sum", "_count")
    }
    for name in METRIC.findall(" ".join(CODE.findall(prose(document)))):
        assert name in exposed, name


def test_the_manual_has_every_metric_with_its_labels() -> None:
    rows = []
    for metric in vars(Metrics()).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            name = f"{metric._name}_total" if isinstance(metric, Counter) else metric._name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            rows.append(f"| `{name}` | {metric._type} | {labels} | {metric._documentation} |")
    assert len(rows) >= 30
    assert "\n".join(sorted(rows)) in (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_the_reasons_that_keep_a_number_out_are_the_same_everywhere() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text("utf-8")
    table = manual.partition("## Why a number is out")[2].partition("## Number health")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(CODE.findall(" ".join(first))) == sorted(_REASONS)
    assert CODE.findall(REASONS) == sorted(_REASONS)


@pytest.mark.parametrize("document", READMES, ids=path_of)
def test_the_configuration_that_is_shown_is_accepted(document: Path, tmp_path: Path) -> None:
    shown = blocks(document, "toml")
    assert shown
    for text in shown:
        file = tmp_path / "callerid.toml"
        file.write_text(text, "utf-8")
        assert load(file, {}).instances


@in_ours
def test_every_command_that_is_shown_is_one(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    shown = [*commands(document), *CODE.findall(prose(document))]
    ours = [re.sub(r"^\.venv/bin/", "", each) for each in shown]
    for words in (shlex.split(each) for each in ours if re.match(r"(make|callerid) [a-z]", each)):
        if words[0] == "make":
            assert words[1] in targets, words
            continue
        with pytest.raises(SystemExit, match="0"):
            main([words[1], "--help"])
        told = capsys.readouterr().out
        assert all(word in told for word in words if word.startswith("--")), words

"""The house rules that no linter knows: a name for each thing, and docstrings that say it plain."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover  # it reads the code and runs none

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "service").rglob("*.py"))

# What may be defined twice, and why.
TWINS: dict[str, str] = {}

QUESTION = re.compile(r"(What|Who|Whom|Whose|Whether|How|Where|Why|When|Which)\b")
LONGEST_MODULE = 250
LONGEST_FUNCTION = 30
MOST_LINES = 30_200  # of all modules together: whoever adds more takes something out
MOST_QUESTIONS = 0.03  # of the docstrings

Function = ast.FunctionDef | ast.AsyncFunctionDef


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            yield path.relative_to(ROOT), node


def lines_of(function: Function) -> int:
    """Its lines, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_class_name_is_defined_twice() -> None:
    names = Counter(node.name for _, node in nodes() if isinstance(node, ast.ClassDef))
    assert {name for name, count in names.items() if count > 1} == set(TWINS)


def test_docstrings_say_what_is_done_and_ask_nothing() -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) for _, node in nodes() if isinstance(node, documented)]
    openings = [text for text in texts if text]
    questions = [text for text in openings if QUESTION.match(text)]
    assert len(questions) <= MOST_QUESTIONS * len(openings), questions


def test_modules_and_functions_are_short() -> None:
    long = [
        path.relative_to(ROOT)
        for path in MODULES
        if len(path.read_text("utf-8").splitlines()) > LONGEST_MODULE
    ]
    long_functions = [
        (path, node.name)
        for path, node in nodes()
        if isinstance(node, Function) and lines_of(node) > LONGEST_FUNCTION
    ]
    assert (long, long_functions) == ([], [])


def test_the_house_does_not_outgrow_its_bound() -> None:
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in MODULES)
    assert lines <= MOST_LINES

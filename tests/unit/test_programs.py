"""A program that is missing: tests that need it are skipped by its name; in CI they fail."""

import pytest
from _pytest.outcomes import Failed, Skipped  # pytest has no public names for them

from tests.programs import program

TOLD = "no no-such-program on PATH"


def test_a_program_that_is_missing_is_named_where_its_tests_are_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(Skipped, match=TOLD):
        program("no-such-program")


def test_in_ci_nothing_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(Failed, match=TOLD):
        program("no-such-program")

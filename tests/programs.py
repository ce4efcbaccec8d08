"""Programs that tests run and no Python package brings; `.ci/programs` installs them."""

import os
import shutil

import pytest

COVERAGE = "COVERAGE_PROCESS_CONFIG"  # what makes a process of Python count its lines


def without_coverage() -> dict[str, str]:
    """The environment of a process that runs none of the service's code."""
    return {name: value for name, value in os.environ.items() if name != COVERAGE}


def program(name: str) -> str:
    """Where it is. Without it a test is skipped, and in CI it fails."""
    if found := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return found
    why = f"no {name} on PATH; `.ci/programs` installs it from Debian"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)

"""Fakes where the code names the real class."""

from typing import Any


def in_place_of(fake: object) -> Any:
    """The fake, typed as anything: it has what the code under test uses of the real one."""
    return fake

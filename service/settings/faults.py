"""The faults of a configuration, as data: the place, what was found, what was expected.

It words a fault and keeps secrets out of the words; finding faults is its neighbours' work.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from service.settings.kinds import Secret

KeyPath = tuple[str | int, ...]

# The tables that hold secrets: a value at another of their keys may be one that strayed there.
_WITH_SECRETS = frozenset(("auth", "redis", "ccc"))
_LOGIN = re.compile(r"(?<=//)[^/\s]*@")

_LONGEST = 60  # characters of a found value
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    dict: "a table",
    list: "a list",
}


class Fault(Struct, frozen=True):
    """One thing wrong at one key; `with_keys` are other keys that it takes to be wrong."""

    path: KeyPath
    found: str
    expected: str
    with_keys: tuple[KeyPath, ...] = ()

    def rests_on(self, others: list["Fault"]) -> bool:
        """Return whether one of its keys is at fault already, so that this may be its echo."""
        return any(
            all(ours == theirs for ours, theirs in zip(key, other.path, strict=False))
            for key in (self.path, *self.with_keys)
            for other in others
        )


def dotted(path: KeyPath) -> str:
    """Write a path as people read it: `instances[0].caller.max_per_day`."""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return steps.removeprefix(".")


def shown_at(path: KeyPath, value: object, kind: object) -> str:
    """Word what was found in the place of a scalar of a kind, and no secret that strayed there."""
    is_number = kind in (int, float) and isinstance(value, int | float)
    near_secrets = not _WITH_SECRETS.isdisjoint(path) and not is_number
    return kind_of(value) if near_secrets or kind is Secret else shown(value)


def shown(value: object) -> str:
    """Word a found scalar as it is written, less a URL's login, and anything larger by its kind."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        value = _LOGIN.sub("", value)
        return repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")
    return str(value) if isinstance(value, int | float) else kind_of(value)


def kind_of(value: object) -> str:
    """Word what kind of value it is, and nothing of the value."""
    return _KINDS.get(type(value), "another kind of value")


def line(fault: Fault, file: str, variables: Mapping[KeyPath, str]) -> str:
    """Word a fault, with the variable that set its key, or else the file.

    Args:
        fault: what is wrong.
        file: the configuration file's name, as given.
        variables: which environment variable set the value at each path.
    """
    for end in range(len(fault.path), 0, -1):
        if name := variables.get(fault.path[:end]):
            where = f"environment: {name} ({dotted(fault.path)})"
            break
    else:
        where = f"{file}: {dotted(fault.path)}"
    return f"{where}: found {fault.found}, expected {fault.expected}"

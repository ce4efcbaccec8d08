"""Lays environment variables over the tables of the configuration file.

`CALLERID_REDIS__URL` is `redis.url`. A name without two underscores is left alone unless it is a
list's or a table's: Kubernetes sets `CALLERID_PORT` and its like for a service of that name.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from service.settings import Settings
from service.settings.faults import Fault
from service.settings.kinds import Secret
from service.settings.reading import inner_kind, is_struct

PREFIX = "CALLERID_"
_FILE = "_FILE"
_WHOLE = ("numbers", "instances", "sip_actions")


class Override(Struct, frozen=True):
    """One variable: its name, the path that it sets, its text."""

    name: str
    path: tuple[str, ...]
    text: str


def overrides(
    environ: Mapping[str, str], read: Callable[[str], str], faults: list[Fault]
) -> list[Override]:
    """Finds the variables that set a key, those that name a file included.

    Args:
        environ: the environment.
        read: gives a file's text, or raises OSError or UnicodeDecodeError.
        faults: takes files that cannot be read, and keys that are set twice.
    """
    found: dict[tuple[str, ...], Override] = {}
    for name in sorted(environ):
        path = _path(name)
        if path is None:
            continue
        text: str | None = environ[name]
        if name.endswith(_FILE):
            text = _contents(name, environ[name], path, read, faults)
        if path in found:
            faults.append(Fault(path, f"{name} beside it", "one of the two"))
        elif text is not None:
            found[path] = Override(name, path, text)
    return list(found.values())


def _path(name: str) -> tuple[str, ...] | None:
    """The path that a variable sets; None where it is not the configuration's."""
    if not name.startswith(PREFIX):
        return None
    path = tuple(name.removeprefix(PREFIX).removesuffix(_FILE).lower().split("__"))
    return path if len(path) > 1 or path[0] in _WHOLE else None


def _contents(
    name: str, file: str, path: tuple[str, ...], read: Callable[[str], str], faults: list[Fault]
) -> str | None:
    """A secret's file, without the line end that editors and `echo` leave."""
    try:
        return read(file).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8"
        # Not the path: the secret itself may have been put where its file's name belongs.
        faults.append(Fault(path, f"{why} by {name}", "a readable file"))
        return None


def laid_over(table: Mapping[str, Any], found: Iterable[Override]) -> dict[str, Any]:
    """Gives the tables with each override in its place; the tables given stay as they were.

    A value whose key takes text stands as it is; any other is read as JSON (`8080`, `true`,
    `["city", "any"]`), and left as text where it is none, for the reader to refuse by its type.
    """
    laid = dict(table)
    for override in found:
        _set(laid, override.path, _plain(override))
    return laid


def _set(table: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    first, *rest = path
    if not rest:
        table[first] = value
        return
    inner = table.get(first, {})
    if isinstance(inner, dict):
        table[first] = inner = dict(inner)
        _set(inner, tuple(rest), value)


def _plain(override: Override) -> Any:
    if _takes_text(_kind_at(override.path)):
        return override.text
    try:
        return json.loads(override.text)
    except ValueError:
        return override.text


def _kind_at(path: tuple[str, ...]) -> Any:
    """The type that the configuration has at a path; None where it knows none."""
    kind: Any = Settings
    for step in path:
        if is_struct(kind):
            types = {field.name: field.type for field in msgspec.structs.fields(kind)}
            kind = inner_kind(types.get(step))
        else:
            kind = get_args(kind)[1] if get_origin(kind) is Mapping else None
    return kind


def _takes_text(kind: Any) -> bool:
    return kind in (None, str, Secret) or get_origin(kind) is Literal

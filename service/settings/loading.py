"""Read the configuration at the edge: one file, the environment, the files that it names.

All faults of a configuration are told at once, so that an operator mends it in one go.

Variables go before the file: `CALLERID_REDIS__URL` is `redis.url`. A name without two underscores
is left alone unless it is a list's or a table's: Kubernetes sets `CALLERID_PORT` and its like for a
service of that name.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from service.errors import SettingsError
from service.settings import Settings
from service.settings.faults import Fault, KeyPath, line
from service.settings.kinds import Secret
from service.settings.reading import inner_kind, is_struct, read_settings
from service.settings.rules import contradictions

PREFIX = "CALLERID_"
_FILE = "_FILE"
_WHOLE = ("numbers", "instances", "sip_actions")


class Override(Struct, frozen=True):
    """One variable: its name, the path that it sets, its text."""

    name: str
    path: tuple[str, ...]
    text: str


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check the configuration.

    Args:
        path: the TOML file; None where the environment and the defaults are enough.
        environ: the environment; a variable goes before the file.

    Raises:
        SettingsError: it is wrong; one line for each fault.
    """
    faults: list[Fault] = []
    file = "defaults" if path is None else str(path)
    table = {} if path is None else _toml(path)
    overrides = _overrides(environ, faults)
    settings = read_settings(_laid_over(table, overrides), faults)
    # A contradiction with a key that is at fault already would be its echo.
    faults += [fault for fault in contradictions(settings) if not fault.rests_on(faults)]
    phone_dat = settings.locality.phone_dat
    if phone_dat and not Path(phone_dat).is_file():
        faults.append(Fault(("locality", "phone_dat"), f"no file at {phone_dat}", "a phone.dat"))
    if faults:
        variables: dict[KeyPath, str] = {override.path: override.name for override in overrides}
        raise SettingsError([line(fault, file, variables) for fault in faults])
    return settings


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path}: found bytes that are no UTF-8, expected TOML"]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path}: found no TOML: {error}"]) from None


def _overrides(environ: Mapping[str, str], faults: list[Fault]) -> list[Override]:
    """Find the variables that set a key, those that name a file included."""
    by_path: dict[tuple[str, ...], Override] = {}
    for name in sorted(environ):
        path = _path(name)
        if path is None:
            continue
        text: str | None = environ[name]
        if name.endswith(_FILE):
            text = _contents(name, environ[name], path, faults)
        if path in by_path:
            faults.append(Fault(path, f"{name} beside it", "one of the two"))
        elif text is not None:
            by_path[path] = Override(name, path, text)
    return list(by_path.values())


def _path(name: str) -> tuple[str, ...] | None:
    """The path that a variable sets; None where it is not the configuration's."""
    if not name.startswith(PREFIX):
        return None
    path = tuple(name.removeprefix(PREFIX).removesuffix(_FILE).lower().split("__"))
    return path if len(path) > 1 or path[0] in _WHOLE else None


def _contents(name: str, file: str, path: tuple[str, ...], faults: list[Fault]) -> str | None:
    """A secret's file, without the line end that editors and `echo` leave."""
    try:
        return Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8"
        # Not the path: the secret itself may have been put where its file's name belongs.
        faults.append(Fault(path, f"{why} by {name}", "a readable file"))
        return None


def _laid_over(table: Mapping[str, Any], overrides: Iterable[Override]) -> dict[str, Any]:
    """Return the tables with each override in its place; the tables given stay as they were.

    A value whose key takes text stands as it is; any other is read as JSON (`8080`, `true`,
    `["city", "any"]`), and left as text where it is none, for the reader to refuse by its type.
    """
    laid = dict(table)
    for override in overrides:
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
    kind = _kind_at(override.path)
    if kind in (None, str, Secret) or get_origin(kind) is Literal:
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

"""Read the configuration at the edge: one file, with the environment laid over it.

All faults of a configuration are told at once, so that an operator mends it in one go.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec.structs import replace

from service.errors import SettingsError
from service.files import read_text
from service.locality import Locator, prefix_table, restore_number
from service.locality.refusal import why_refused
from service.settings import NumberOverride, Settings
from service.settings.environment import Override, read_environment
from service.settings.faults import Fault, KeyPath, line
from service.settings.kinds import Secret
from service.settings.places import unknown_places
from service.settings.reading import inner_kind, is_struct, read_settings
from service.settings.rules import contradictions


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
    overrides = read_environment(environ, faults)
    settings = read_settings(_laid_over(table, overrides, faults), faults)
    settings = replace(settings, numbers=tuple(_read_matches(settings.numbers, faults)))
    # A contradiction with a key that is at fault already would be its echo.
    faults += [fault for fault in contradictions(settings) if not fault.rests_on(faults)]
    faults += _localities(settings)
    if faults:
        variables: dict[KeyPath, str] = {override.path: override.name for override in overrides}
        raise SettingsError([line(fault, file, variables) for fault in faults])
    return settings


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path}: found bytes that are no UTF-8, expected TOML"]) from None
    except (ValueError, RecursionError) as error:  # an endless integer, or nested beyond reason
        raise SettingsError([f"{path}: found no TOML: {error}"]) from None


def _read_matches(
    overrides: Iterable[NumberOverride], faults: list[Fault]
) -> Iterator[NumberOverride]:
    """Yield each override, its number in the form that the inventory has it in."""
    for at, override in enumerate(overrides):
        try:
            number = Secret(restore_number(override.match.number) if override.match.number else "")
            yield replace(override, match=replace(override.match, number=number))
        except ValueError:
            path, why = ("numbers", at, "match", "number"), why_refused(override.match.number)
            faults.append(Fault(path, f"a number (hidden) that {why}", "one as CCC lists it"))


def _localities(settings: Settings) -> Iterator[Fault]:
    """Yield what is wrong with the table of prefixes, or the names of places that it lacks."""
    path = settings.locality.phone_dat
    selections = settings.selection, *map(settings.selection_for, settings.instances)
    places = [selection.near for selection in selections], [one.avoid for one in settings.numbers]
    if not path and not any(chain.from_iterable(places)):
        return  # for reading the table takes a tenth of a second
    try:
        locator = Locator(prefix_table.read(path))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        yield Fault(("locality", "phone_dat"), f"{path!r} ({why})", "a whole phone.dat")
    else:
        yield from unknown_places(settings, locator)


def _laid_over(
    table: Mapping[str, Any], overrides: Iterable[Override], faults: list[Fault]
) -> dict[str, Any]:
    """Return the tables with each override in its place; the tables given stay as they were.

    A value whose key takes text stands as it is; any other is read as JSON (`8080`, `true`,
    `["city", "any"]`). Where it is none, a list or table is a fault, and the rest is left as text
    for the reader to refuse by its type.
    """
    laid = dict(table)
    for override in overrides:
        if override.text is None:
            continue
        try:
            _set(laid, override.path, _plain(override.path, override.text))
        except json.JSONDecodeError as error:
            found = f"no JSON at line {error.lineno}, column {error.colno} ({error.msg})"
            faults.append(Fault(override.path, found, 'JSON, as [{"key": "text"}]'))
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


def _plain(path: tuple[str, ...], text: str) -> Any:
    kind = _kind_at(path)
    if kind in (None, str, Secret) or get_origin(kind) is Literal:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.startswith(("[", "{")) and isinstance(error, json.JSONDecodeError):
            raise
        return text


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
